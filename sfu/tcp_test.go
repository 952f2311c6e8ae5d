package sfu_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// stoppable is a listener whose connections can be kept from writing, as by clients that don't read.
type stoppable struct {
	net.Listener
	writing sync.RWMutex
}

func (s *stoppable) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return stoppableConn{conn, s}, nil
}

type stoppableConn struct {
	net.Conn
	of *stoppable
}

func (c stoppableConn) Write(b []byte) (int, error) {
	c.of.writing.RLock()
	defer c.of.writing.RUnlock()
	return c.Conn.Write(b)
}

// newHallTCP is a hall that takes media over TCP too.
func newHallTCP(t *testing.T) (*hall, *stoppable) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stoppable{Listener: listener}
	return newHallOn(t, sfu.Config{Conn: conn, TCP: s}), s
}

// protocol of the pair of candidates that a client uses.
func protocol(t *testing.T, g *guest) string {
	t.Helper()
	pair, err := g.Connection().SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		t.Fatalf("no pair of candidates: %v", err)
	}
	return pair.Local.Protocol.String()
}

func TestOnePersonOverTCPAlone(t *testing.T) {
	h, _ := newHallTCP(t)
	overTCP := ordinary
	overTCP.TCP = true
	a, b := h.enter(t, overTCP), h.enter(t, ordinary)
	a.send()
	b.send()
	a.see(t, 0, b)
	b.see(t, 0, a)
	a.sees(t, h, 0)
	b.sees(t, h, 0)
	if pa, pb := protocol(t, a), protocol(t, b); pa != "tcp" || pb != "udp" {
		t.Errorf("they are connected over %s and %s", pa, pb)
	}
	for until := time.Now().Add(patience); a.peer.Way() != sfu.WayTCP || b.peer.Way() != sfu.WayUDP; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the ways are %q and %q", a.peer.Way(), b.peer.Way())
		}
	}
	a.restart(t, h)
	a.sees(t, h, 0)
	b.sees(t, h, 0)
}

// Whoever doesn't read what comes over TCP misses it, and nobody else misses anything.
func TestSlowReaderOverTCPStallsNobody(t *testing.T) {
	h, listener := newHallTCP(t)
	overTCP := ordinary
	overTCP.TCP = true
	slow, a, b := h.enter(t, overTCP), h.enter(t, ordinary), h.enter(t, ordinary)
	a.send()
	b.send()
	for _, g := range []*guest{slow, b} {
		g.see(t, 0, a)
		g.sees(t, h, 0)
	}
	listener.writing.Lock()
	mid := b.VideoSlotMIDs()[0]
	before := b.Received(mid).Packets
	if err := b.WaitReceived(h.ctx, mid, before+500); err != nil { // 170 frames, far more than finds room for the one who doesn't read
		t.Error(err)
	}
	listener.writing.Unlock()
	slow.sees(t, h, 0)
}

// dial opens a connection to the listener and gives what is read from it until it is closed.
func dial(t *testing.T, l net.Listener) (net.Conn, <-chan error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	closed := make(chan error, 1)
	go func() {
		n, err := io.Copy(io.Discard, conn)
		if n > 0 {
			err = fmt.Errorf("%d bytes came", n)
		}
		closed <- err
	}()
	return conn, closed
}

// What is no framed packet ends its connection, and what is for nobody is not answered; those who are in a visit notice neither.
func TestGarbageOverTCP(t *testing.T) {
	h, listener := newHallTCP(t)
	a, b := h.enter(t, sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1, TCP: true}), h.enter(t, ordinary)
	b.send()
	a.see(t, 0, b)
	a.sees(t, h, 0)
	check := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("nobody:me"), stun.NewShortTermIntegrity("x"), stun.Fingerprint)
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(check.Raw)))
	stranger, silent := dial(t, listener)
	if _, err := stranger.Write(append(framed, check.Raw...)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\x00\x00", "\xff\xff" + strings.Repeat("x", 5000), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		conn, closed := dial(t, listener)
		if _, err := io.WriteString(conn, bad); err != nil {
			continue // closed already
		}
		select {
		case <-closed:
		case <-h.ctx.Done():
			t.Fatalf("%.20q keeps its connection", bad)
		}
	}
	a.sees(t, h, 0)
	select {
	case err := <-silent: // cut off after a while, without a byte
		if err != nil && strings.Contains(err.Error(), "bytes came") {
			t.Error(err)
		}
	case <-h.ctx.Done():
		t.Fatal("a connection that is nobody's is kept")
	}
}

// However many connections are opened for nothing, a client finds room.
func TestManyUnprovenConnections(t *testing.T) {
	h, listener := newHallTCP(t)
	var first <-chan error
	for i := range 600 {
		_, closed := dial(t, listener)
		if i == 0 {
			first = closed
		}
	}
	select {
	case <-first:
	case <-h.ctx.Done():
		t.Fatal("the first of 600 idle connections is still there")
	}
	g := h.enter(t, sfutest.Options{Microphones: 1, AudioSlots: 1, TCP: true})
	if p := protocol(t, g); p != "tcp" {
		t.Errorf("connected over %s", p)
	}
}

// Answers list TCP below UDP, at the port that is given.
func TestAnswersListTCP(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHallOn(t, sfu.Config{Conn: conn, TCP: listener, TCPPort: 443})
	client, err := sfutest.New(ordinary)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	peer, err := h.NewPeer(sfu.PeerEvents{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.ctx, time.Minute)
	defer cancel()
	answer, err := peer.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(answer, "a=candidate:"); n != 2 || !strings.Contains(answer, " 127.0.0.1 443 typ host tcptype passive") {
		t.Errorf("%d candidates in:\n%s", n, answer)
	}
	if err := client.Connection().SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Errorf("the answer is refused: %v", err)
	}
}
