package server_test

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"housecall/cmd/housecall/server"
)

// stunServer answers as one does whose clients are behind a router. It leaves the first question without an answer, as a line does that loses
// packets, and answers every other with something else first.
type stunServer struct {
	conn    net.PacketConn
	done    chan struct{}
	address atomic.Value // net.IP: the router's
}

func newSTUNServer(t *testing.T, at string) *stunServer {
	t.Helper()
	conn, err := net.ListenPacket("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &stunServer{conn: conn, done: make(chan struct{})}
	s.address.Store(net.IPv4(203, 0, 113, 7))
	go s.serve(t)
	t.Cleanup(s.close)
	return s
}

func (s *stunServer) serve(t *testing.T) {
	defer close(s.done)
	buf := make([]byte, 1500)
	for questions := 0; ; questions++ {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		request := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
		if err := request.Decode(); err != nil || request.Type != stun.BindingRequest {
			t.Errorf("asked %x, %v", buf[:n], err)
		}
		if questions == 0 {
			continue
		}
		say := func(id stun.Setter, ip net.IP) {
			answer, err := stun.Build(id, stun.BindingSuccess, &stun.XORMappedAddress{IP: ip, Port: 40_000}, stun.Fingerprint)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = s.conn.WriteTo(answer.Raw, from)
		}
		say(stun.TransactionID, net.IPv4(203, 0, 113, 66)) // to a question that nobody asked
		say(stun.NewTransactionIDSetter(request.TransactionID), s.address.Load().(net.IP))
	}
}

func (s *stunServer) at() string { return s.conn.LocalAddr().String() }

// close ends it. A second call changes nothing.
func (s *stunServer) close() {
	_ = s.conn.Close()
	<-s.done
}

// wantAnswer looks which parts stand in the answer to an offer, which lists where media is reached, and which do not.
func wantAnswer(t *testing.T, b *browser, parts map[string]bool) {
	t.Helper()
	_, _, answer := b.check(t)
	for part, want := range parts {
		if strings.Contains(answer, part) != want {
			t.Errorf("%q in the answer: %v\n%s", part, !want, answer)
		}
	}
}

// TestFindsItsAddress: what the STUN server says stands in answers beside the machine's own address, and nothing else.
func TestFindsItsAddress(t *testing.T) {
	s := open(t, server.Config{FindAddress: newSTUNServer(t, "127.0.0.1:0").at()})
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL(), "http://"), ":")
	wantAnswer(t, visit(t, s, two...)[0],
		map[string]bool{" 127.0.0.1 " + port: true, " 203.0.113.7 " + port: true, "203.0.113.66": false})
}

// TestFindsItsAddressAgain: the server is asked again after 5 minutes, and half a minute after a failure; a new address takes the place of the one
// before, which stays while nobody tells another.
func TestFindsItsAddressAgain(t *testing.T) {
	type wait struct {
		d    time.Duration
		over chan time.Time
	}
	waits, closing := make(chan wait), make(chan struct{})
	after := func(d time.Duration) <-chan time.Time {
		w := wait{d, make(chan time.Time, 1)}
		select {
		case waits <- w:
		case <-closing:
		}
		return w.over
	}
	router := newSTUNServer(t, "127.0.0.1:0")
	s := open(t, server.Config{FindAddress: router.at(), After: after})
	t.Cleanup(func() { close(closing) }) // before the server ends
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL(), "http://"), ":")
	b := visit(t, s, two...)[0]
	w := <-waits
	next := func(before, now time.Duration) {
		t.Helper()
		if w.d != before {
			t.Errorf("asks again after %v, not after %v", w.d, before)
		}
		w.over <- time.Time{}
		if w = <-waits; w.d != now {
			t.Errorf("then after %v, not after %v", w.d, now)
		}
	}
	const often, soon = 5 * time.Minute, 30 * time.Second
	first, second := " 203.0.113.7 "+port, " 203.0.113.8 "+port
	next(often, often)
	wantAnswer(t, b, map[string]bool{first: true, second: false})
	router.address.Store(net.IPv4(203, 0, 113, 8))
	next(often, often)
	wantAnswer(t, b, map[string]bool{first: false, second: true})
	at := router.at()
	router.close()
	next(often, soon)
	next(soon, soon)
	wantAnswer(t, b, map[string]bool{first: false, second: true})
	newSTUNServer(t, at)
	next(soon, often)
	wantAnswer(t, b, map[string]bool{first: true, second: false})
}

// TestStartsWithoutTheSTUNServer: nobody answers, and the server serves.
func TestStartsWithoutTheSTUNServer(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := open(t, server.Config{FindAddress: silent.LocalAddr().String()})
	if status, _ := get(t, s.URL()+"/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
}
