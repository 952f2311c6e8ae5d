package relay_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"housecall/sfu"
	"housecall/sfu/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; it is never a measure of speed.
const patience = time.Minute

// house is an engine with a relay, whose users are named "PERSON" or "PERSON:…" and have the password "secret of NAME".
type house struct {
	*relay.Relay
	engine  *sfu.Engine
	media   netip.AddrPort // announced
	address string         // of the relay's listener
	sent    *counting

	mu      sync.Mutex
	refused map[string]bool
	ends    map[string]time.Time // of names; none: in an hour
}

// counting counts what leaves a socket.
type counting struct {
	net.PacketConn
	packets atomic.Int64
}

func (c *counting) WriteTo(b []byte, to net.Addr) (int, error) {
	c.packets.Add(1)
	return c.PacketConn.WriteTo(b, to)
}

// newHouse announces the given addresses; none: loopback.
func newHouse(t testing.TB, announced ...netip.Addr) *house {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{sent: &counting{PacketConn: socket}, refused: map[string]bool{}, ends: map[string]time.Time{}}
	h.engine, err = sfu.NewEngine(sfu.Config{Conn: h.sent, Addresses: announced})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	h.media = h.engine.Announced()[0]
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = l.Addr().String()
	h.Relay, err = relay.New(relay.Config{Listener: l, Engine: h.engine, Realm: "visits.example.org", Verify: h.verify, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Relay.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) verify(name string) (relay.User, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	person, _, _ := strings.Cut(name, ":")
	ends, ok := h.ends[name]
	if !ok {
		ends = time.Now().Add(time.Hour)
	}
	if h.refused[person] {
		return relay.User{}, errors.New("removed")
	}
	return relay.User{Person: person, Password: "secret of " + name, ExpiresAt: ends}, nil
}

func (h *house) refuse(person string) {
	h.mu.Lock()
	h.refused[person] = true
	h.mu.Unlock()
}

func (h *house) end(name string, at time.Time) {
	h.mu.Lock()
	h.ends[name] = at
	h.mu.Unlock()
}

// client speaks TURN by hand, so that it may ask for anything.
type client struct {
	t           testing.TB
	conn        net.Conn
	in          *bufio.Reader
	name, nonce string
}

func (h *house) dial(t testing.TB, name string) *client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp4", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn, in: bufio.NewReader(conn), name: name}
}

// raw are attributes as they stand on the wire.
type raw struct {
	kind  stun.AttrType
	value []byte
}

func (r raw) AddTo(m *stun.Message) error {
	m.Add(r.kind, r.value)
	return nil
}

// peer is the address of a peer in the very bytes given: 4 or 16.
type peer struct {
	ip   []byte
	port uint16
}

func (p peer) AddTo(m *stun.Message) error {
	value := []byte{0, 1, 0, 0}
	if len(p.ip) == 16 {
		value[1] = 2
	}
	binary.BigEndian.PutUint16(value[2:], p.port^0x2112)
	key := append([]byte{0x21, 0x12, 0xa4, 0x42}, m.TransactionID[:]...)
	for i, b := range p.ip {
		value = append(value, b^key[i])
	}
	m.Add(stun.AttrXORPeerAddress, value)
	return nil
}

// at is a peer as everybody spells it.
func at(a netip.AddrPort) peer { return peer{a.Addr().AsSlice(), a.Port()} }

var (
	udp      = raw{stun.AttrRequestedTransport, []byte{17, 0, 0, 0}}
	channel1 = raw{stun.AttrChannelNumber, []byte{0x40, 1, 0, 0}}
	channel2 = raw{stun.AttrChannelNumber, []byte{0x40, 2, 0, 0}}
)

// ask sends a request with credentials and gives the code of the answer; 0: success.
func (c *client) ask(method stun.Method, attributes ...stun.Setter) int {
	c.t.Helper()
	for range 3 {
		answer := c.once(method, attributes...)
		var code stun.ErrorCodeAttribute
		if answer.Type.Class == stun.ClassSuccessResponse {
			return 0
		} else if err := code.GetFrom(answer); err != nil {
			c.t.Fatalf("an error without a code: %v", answer)
		}
		var nonce stun.Nonce
		fresh := nonce.GetFrom(answer) == nil && c.nonce != nonce.String() && c.nonce == ""
		if !fresh || code.Code != stun.CodeUnauthorized {
			if code.Code != stun.CodeUnauthorized && stun.MessageIntegrity(c.key()).Check(answer) != nil {
				c.t.Errorf("%v: the answer %d proves nothing", method, code.Code)
			}
			return int(code.Code)
		}
		c.nonce = nonce.String()
	}
	c.t.Fatal("no end of nonces")
	return 0
}

func (c *client) key() []byte {
	return turn.GenerateAuthKey(c.name, "visits.example.org", "secret of "+c.name)
}

func (c *client) once(method stun.Method, attributes ...stun.Setter) *stun.Message {
	c.t.Helper()
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)
	if c.nonce != "" {
		all = append(all, stun.NewUsername(c.name), stun.NewRealm("visits.example.org"), stun.NewNonce(c.nonce), stun.MessageIntegrity(c.key()))
	}
	m, err := stun.Build(all...)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(m.Raw); err != nil {
		c.t.Fatalf("%v: %v", method, err)
	}
	for {
		frame, err := c.read()
		if err != nil {
			c.t.Fatalf("%v: %v", method, err)
		}
		answer := &stun.Message{Raw: frame}
		if frame[0] < 0x40 && answer.Decode() == nil && answer.TransactionID == m.TransactionID {
			return answer
		}
	}
}

// read gives the next frame.
func (c *client) read() ([]byte, error) {
	head, err := c.in.Peek(4)
	if err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] < 0x40 {
		length += 20
	} else {
		length = 4 + (length+3)&^3
	}
	frame := make([]byte, length)
	_, err = io.ReadFull(c.in, frame)
	return frame, err
}

// closed waits until the relay has closed the connection.
func (c *client) closed() {
	c.t.Helper()
	for {
		if _, err := c.in.ReadByte(); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				c.t.Fatal("the connection is kept")
			}
			return
		}
	}
}

// lines is what a program said.
type lines struct {
	mu     sync.Mutex
	text   strings.Builder
	wanted string
	found  chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(b)
	if l.found != nil && strings.Contains(l.text.String(), l.wanted) {
		close(l.found)
		l.found = nil
	}
	return n, err
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// seen is closed when the program says what is wanted.
func (l *lines) seen(wanted string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make(chan struct{})
	if strings.Contains(l.text.String(), wanted) {
		close(found)
	} else {
		l.wanted, l.found = wanted, found
	}
	return found
}
