package sfutest

import (
	"math/rand/v2"
	"net"
	"sync"
)

// Impaired is a socket that loses packets by chance, both ways, from a seed.
type Impaired struct {
	net.PacketConn
	mu          sync.Mutex
	random      *rand.Rand
	read, write float64
	lost        uint64
}

// Impair wraps a socket that loses nothing yet.
func Impair(conn net.PacketConn, seed uint64) *Impaired {
	return &Impaired{PacketConn: conn, random: rand.New(rand.NewPCG(seed, seed))} // #nosec G404 -- chance, not secrecy
}

// Lose sets the share of packets (0 to 1) that are lost on reading and on writing.
func (i *Impaired) Lose(read, write float64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.read, i.write = read, write
}

// Lost counts what was lost.
func (i *Impaired) Lost() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.lost
}

func (i *Impaired) drop(share *float64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if *share == 0 || i.random.Float64() >= *share {
		return false
	}
	i.lost++
	return true
}

// ReadFrom reads the next packet that isn't lost.
func (i *Impaired) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		n, from, err := i.PacketConn.ReadFrom(buf)
		if err != nil || !i.drop(&i.read) {
			return n, from, err
		}
	}
}

// WriteTo says that a packet that is lost was sent, as a network does.
func (i *Impaired) WriteTo(buf []byte, to net.Addr) (int, error) {
	if i.drop(&i.write) {
		return len(buf), nil
	}
	return i.PacketConn.WriteTo(buf, to)
}
