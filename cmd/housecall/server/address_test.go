package server_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/stun/v4"

	"housecall/cmd/housecall/server"
)

// stunServer answers as one does whose clients are behind a router with the address 203.0.113.7. It leaves the first question without an answer, as
// a line does that loses packets, and answers the second with something else first.
func stunServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for questions := 0; ; questions++ {
			n, from, err := conn.ReadFrom(buf)
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
				_, _ = conn.WriteTo(answer.Raw, from)
			}
			say(stun.TransactionID, net.IPv4(203, 0, 113, 66)) // to a question that nobody asked
			say(stun.NewTransactionIDSetter(request.TransactionID), net.IPv4(203, 0, 113, 7))
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// TestFindsItsAddress: what the STUN server says stands in answers beside the machine's own address, and nothing else.
func TestFindsItsAddress(t *testing.T) {
	s := open(t, server.Config{FindAddress: stunServer(t)})
	b := visit(t, s, two...)[0]
	_, _, answer := b.check(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL(), "http://"), ":")
	for part, want := range map[string]bool{" 127.0.0.1 " + port: true, " 203.0.113.7 " + port: true, "203.0.113.66": false} {
		if strings.Contains(answer, part) != want {
			t.Errorf("%q in the answer: %v\n%s", part, !want, answer)
		}
	}
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
