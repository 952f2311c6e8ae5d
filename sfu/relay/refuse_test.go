package relay_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

var (
	ours4 = netip.MustParseAddr("192.0.2.7")
	ours6 = netip.MustParseAddr("2001:db8::7")
)

// forbidden are peers in the spellings that attackers try, in the bytes that go on the wire. The port is the media port, or another one.
func forbidden(t *testing.T, media uint16) []peer {
	t.Helper()
	var all []peer
	for _, address := range []string{
		"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::127.0.0.1", // loopback
		"0.0.0.0", "0.0.0.1", "::", "::ffff:0.0.0.0", "255.255.255.255", "192.0.2.255", "::ffff:255.255.255.255", // none, everybody
		"10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.9.9", "192.168.0.1", "100.64.0.1", "::ffff:10.0.0.1", "::ffff:192.168.0.1", // private
		"fc00::1", "fd12:3456:789a::1", "fec0::1", // private in IPv6
		"169.254.0.1", "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", // link-local, the clouds' metadata
		"224.0.0.1", "239.255.255.250", "ff02::1", "ff05::2", "ff0e::1", // multicast
		"2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:c000:207::1", // 6to4 of loopback, metadata, ourselves
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::c000:207", "64:ff9b:1::a00:1", // NAT64 of the same
		"2001:0:c000:207::1", "::ffff:0:127.0.0.1", "::192.0.2.7", // Teredo, translated, compatible
		"192.0.2.6", "192.0.2.8", "198.51.100.1", "8.8.8.8", "2001:db8::6", "2001:db8::8", "2606:4700::1111", // neighbours, the world
		"240.0.0.1", "192.0.0.8", "198.18.0.1", // reserved
	} {
		all = append(all, peer{netip.MustParseAddr(address).AsSlice(), media}, peer{netip.MustParseAddr(address).AsSlice(), 22})
	}
	for _, port := range []uint16{0, 1, 22, 80, 443, 5432, 6379, 8080, media + 1, media - 1, 65535} { // our own other ports
		mapped := ours4.As16()
		all = append(all, peer{ours4.AsSlice(), port}, peer{ours6.AsSlice(), port}, peer{mapped[:], port})
	}
	return all
}

// canaries are sockets that nothing may ever reach.
type canaries struct {
	ports []uint16
	heard atomic.Int64
}

func newCanaries(t *testing.T) *canaries {
	t.Helper()
	c := &canaries{}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		socket, listener := bothOn(t, address)
		go func() {
			buf := make([]byte, 2048)
			for {
				if _, _, err := socket.ReadFrom(buf); err != nil {
					return
				}
				c.heard.Add(1)
			}
		}()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				c.heard.Add(1)
				_ = conn.Close()
			}
		}()
		c.ports = append(c.ports, netip.MustParseAddrPort(socket.LocalAddr().String()).Port())
	}
	// They do hear.
	probe, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", c.ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if _, err := probe.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return c.heard.Load() == 1 })
	return c
}

// bothOn listens on a port that is free for UDP and for TCP; the system gives one that is free for the former alone.
func bothOn(t *testing.T, address string) (net.PacketConn, net.Listener) {
	t.Helper()
	for tries := 1; ; tries++ {
		socket, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		listener, err := net.Listen("tcp", socket.LocalAddr().String())
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
			return socket, listener
		}
		if !errors.Is(err, syscall.EADDRINUSE) || tries == 100 {
			t.Fatal(err)
		}
	}
}

// quiet fails when anything was heard, or left by the media socket.
func (c *canaries) quiet(t *testing.T, h *house) {
	t.Helper()
	if n := c.heard.Load() - 1; n != 0 {
		t.Errorf("%d packets or connections reached a forbidden peer", n)
	}
	if n := h.sent.packets.Load(); n != 0 {
		t.Errorf("%d packets left by the media socket", n)
	}
}

// Whatever is no media address of ours is refused with 403, in every spelling, asked in every way, and nothing leaves.
func TestForbiddenPeers(t *testing.T) {
	h := newHouse(t, ours4, ours6)
	canary := newCanaries(t)
	peers := forbidden(t, h.media.Port())
	for _, port := range canary.ports {
		for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"} {
			peers = append(peers, peer{netip.MustParseAddr(address).AsSlice(), port})
		}
	}
	six := raw{stun.AttrRequestedAddressFamily, []byte{2, 0, 0, 0}}
	for name, family := range map[string][]stun.Setter{"IPv4": nil, "IPv6": {six}} {
		c := h.dial(t, "ann")
		if code := c.ask(stun.MethodAllocate, append(family, udp)...); code != 0 {
			t.Fatalf("allocate: %d", code)
		}
		good := at(h.media)
		if name == "IPv6" {
			good = at(netip.AddrPortFrom(ours6, h.media.Port()))
		}
		// With leave to speak to us, nothing but that.
		if code := c.ask(stun.MethodCreatePermission, good); code != 0 {
			t.Fatalf("leave to speak to the media port: %d", code)
		}
		for _, p := range peers {
			spelled := fmt.Sprintf("%v port %d, %d bytes", net.IP(p.ip), p.port, len(p.ip))
			for _, each := range []struct {
				how        string
				method     stun.Method
				attributes []stun.Setter
			}{
				{"permission", stun.MethodCreatePermission, []stun.Setter{p}},
				{"permission after a good one", stun.MethodCreatePermission, []stun.Setter{good, p}},
				{"permission before a good one", stun.MethodCreatePermission, []stun.Setter{p, good}},
				{"channel", stun.MethodChannelBind, []stun.Setter{p, channel1}},
			} {
				if code := c.ask(each.method, each.attributes...); code != 403 {
					t.Errorf("%s, %s: %d, want 403", spelled, each.how, code)
				}
			}
			for _, packet := range []stun.Setter{raw{stun.AttrData, []byte("a packet of thirty-two bytes ...")}} {
				m := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), p, packet)
				if _, err := c.conn.Write(m.Raw); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.conn.Write(append([]byte{0x40, 1, 0, 8}, "channel!"...)); err != nil {
				t.Fatal(err)
			}
		}
		if code := c.ask(stun.MethodRefresh); code != 0 { // so all before was handled
			t.Errorf("refresh: %d", code)
		}
	}
	canary.quiet(t, h)
}

// Relayed TCP connections (RFC 6062), pairs of ports and reservations are not offered.
func TestNotOffered(t *testing.T) {
	h := newHouse(t, ours4)
	canary := newCanaries(t)
	loopback := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), canary.ports[0])
	for name, attributes := range map[string][]stun.Setter{
		"TCP":           {raw{stun.AttrRequestedTransport, []byte{6, 0, 0, 0}}},
		"a pair":        {udp, raw{stun.AttrEvenPort, []byte{0x80}}},
		"a reservation": {udp, raw{stun.AttrReservationToken, []byte("12345678")}},
		"IPv6":          {udp, raw{stun.AttrRequestedAddressFamily, []byte{2, 0, 0, 0}}},
	} {
		if code := h.dial(t, "ann").ask(stun.MethodAllocate, attributes...); code != 508 && code != 442 && code != 440 {
			t.Errorf("%s: %d", name, code)
		}
	}
	c := h.dial(t, "ann")
	if code := c.ask(stun.MethodAllocate, udp); code != 0 {
		t.Fatalf("allocate: %d", code)
	}
	if code := c.ask(stun.MethodConnect, at(loopback)); code == 0 {
		t.Error("a connection to a peer is made")
	}
	if code := c.ask(stun.MethodConnectionBind, raw{stun.AttrConnectionID, []byte{0, 0, 0, 1}}); code == 0 {
		t.Error("a connection that is none is bound")
	}
	canary.quiet(t, h)
}

// uclient runs coturn's own client against the relay: another's reading of the standard. It asks for an even port by chance, which is not offered
// (508); then it is run again.
func (h *house) uclient(t *testing.T, peer netip.AddrPort, more ...string) (out string) {
	t.Helper()
	for range 100 {
		if out = h.runUclient(t, peer, more...); !strings.Contains(out, "error 508") {
			break
		}
	}
	return out
}

func (h *house) runUclient(t *testing.T, peer netip.AddrPort, more ...string) string {
	t.Helper()
	path, err := exec.LookPath("turnutils_uclient")
	if err != nil {
		t.Fatal("turnutils_uclient is missing: scripts/test-deps installs it (Debian package coturn)")
	}
	relay := netip.MustParseAddrPort(h.address)
	args := append([]string{"-t", "-c", "-n", "1", "-v", "-u", "ann", "-w", "secret of ann", "-p", strconv.Itoa(int(relay.Port())),
		"-e", peer.Addr().String(), "-r", strconv.Itoa(int(peer.Port()))}, more...)
	run := exec.CommandContext(t.Context(), path, append(args, relay.Addr().String())...)
	var out lines
	run.Stdout, run.Stderr = &out, &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = run.Wait()
	}()
	select { // it goes on asking where it was refused
	case <-ended:
	case <-out.seen("error 403"):
	case <-time.After(patience):
		t.Error("it neither ends nor is refused")
	}
	_ = run.Process.Kill()
	<-ended
	return out.String()
}

// coturn's client is refused each forbidden peer, by permission and by channel.
func TestForbiddenPeersByUclient(t *testing.T) {
	h := newHouse(t, ours4, ours6)
	canary := newCanaries(t)
	peers := []netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), canary.ports[0]),
		netip.AddrPortFrom(netip.MustParseAddr("169.254.169.254"), 80),
		netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), 22),
		netip.AddrPortFrom(ours4, 22),
		netip.AddrPortFrom(netip.MustParseAddr("255.255.255.255"), h.media.Port()),
		netip.AddrPortFrom(netip.MustParseAddr("224.0.0.1"), h.media.Port()),
		netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), h.media.Port()),
	}
	for _, p := range peers {
		for _, send := range []bool{false, true} {
			var more []string
			if send {
				more = []string{"-s"}
			}
			if out := h.uclient(t, p, more...); !strings.Contains(out, "403") {
				t.Errorf("%v: not refused with 403:\n%s", p, out)
			}
		}
	}
	for _, address := range []string{"::1", "fe80::1", "64:ff9b::7f00:1", "2002:7f00:1::1"} {
		p := netip.AddrPortFrom(netip.MustParseAddr(address), canary.ports[1])
		if out := h.uclient(t, p, "-x"); !strings.Contains(out, "403") {
			t.Errorf("%v: not refused with 403:\n%s", p, out)
		}
	}
	canary.quiet(t, h)
	// The same client gets its leave for the media port, and none for the port after it, which it asks for next.
	out := h.uclient(t, h.media, "-s")
	_, out, asked := strings.Cut(out, "create perm sent: "+h.media.String())
	if granted, rest, _ := strings.Cut(out, "create perm sent"); !asked || !strings.Contains(granted, "success") || !strings.Contains(rest, "403") {
		t.Errorf("%v and the port after it:\n%s", h.media, out)
	}
}

// Garbage of every kind ends its own connection at most, and nothing leaves.
func FuzzFrames(f *testing.F) {
	good := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udp, stun.Fingerprint)
	f.Add(good.Raw)
	f.Add(append([]byte{0x40, 1, 0xff, 0xff}, make([]byte, 40)...))
	f.Add([]byte{0x40, 1, 0, 1, 0, 0, 0, 0})
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	long := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodCreatePermission, stun.ClassRequest), peer{ours4.AsSlice(), 1})
	binary.BigEndian.PutUint16(long.Raw[2:], 0xfffc)
	f.Add(long.Raw)
	h := newHouse(f, ours4)
	f.Fuzz(func(t *testing.T, frames []byte) {
		c := h.dial(t, "ann")
		if code := c.ask(stun.MethodAllocate, udp); code != 0 {
			t.Fatalf("allocate: %d", code)
		}
		_, _ = c.conn.Write(frames)
		_ = c.conn.(*net.TCPConn).CloseWrite()
		c.closed()
		if n := h.sent.packets.Load(); n != 0 {
			t.Errorf("%d packets left by the media socket", n)
		}
		await(t, func() bool { return h.Allocations() == 0 })
	})
}
