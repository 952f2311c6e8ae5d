package signaling

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"housecall/auth"
	"housecall/rooms"
)

// forge signs a pass of ones own making: a good one but for what change does to it.
func (h *house) forge(c auth.PassClaims, key ed25519.PrivateKey, change func(header, claims map[string]any)) string {
	h.t.Helper()
	claims := jwt.MapClaims{
		"jti": c.ID, "iss": h.issuer.Issuer, "sub": c.Session, "aud": []string{"visit"}, "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Minute).Unix(), "visit": c.Visit, "invitation": c.Invitation, "role": c.Role,
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = "visit-pass+jwt", h.issuer.Kid
	change(token.Header, claims)
	signed, err := token.SignedString(key)
	if err != nil {
		h.t.Fatal(err)
	}
	return signed
}

func TestBadPasses(t *testing.T) {
	h := newHouse(t, Limits{})
	_, otherKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := h.issuer.Key
	same := func(map[string]any, map[string]any) {}
	template := h.plainJoin("patient", auth.Patient)
	claims := func() auth.PassClaims { return h.invite("patient", "invitation-of-patient", auth.Patient) }
	spent := claims()
	var codes []string
	for _, c := range []struct {
		name string
		pass func() string
		code int
	}{
		{"a good one forged with the right key: the control", func() string { return h.forge(spent, own, same) }, 0},
		{"replayed", func() string { return h.forge(spent, own, same) }, 4401},
		{"no JWT", func() string { return "pass" }, 4401},
		{"another key", func() string { return h.forge(claims(), otherKey, same) }, 4401},
		{"another kid", func() string {
			return h.forge(claims(), own, func(header, _ map[string]any) { header["kid"] = "key-2" })
		}, 4401},
		{"another typ", func() string {
			return h.forge(claims(), own, func(header, _ map[string]any) { header["typ"] = "JWT" })
		}, 4401},
		{"another audience", func() string {
			return h.forge(claims(), own, func(_, claims map[string]any) { claims["aud"] = "upload" })
		}, 4401},
		{"another issuer", func() string {
			return h.forge(claims(), own, func(_, claims map[string]any) { claims["iss"] = "https://evil.example" })
		}, 4401},
		{"expired", func() string {
			return h.forge(claims(), own, func(_, claims map[string]any) { claims["exp"] = time.Now().Add(-time.Hour).Unix() })
		}, 4401},
		{"without exp", func() string {
			return h.forge(claims(), own, func(_, claims map[string]any) { delete(claims, "exp") })
		}, 4401},
		{"alg none", func() string {
			_, payload, _ := strings.Cut(h.forge(claims(), own, same), ".")
			payload, _, _ = strings.Cut(payload, ".")
			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"visit-pass+jwt","kid":"key-1"}`))
			return header + "." + payload + "."
		}, 4401},
		{"alg swapped for one that takes the public key as secret", func() string {
			token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"jti": "x", "exp": time.Now().Add(time.Minute).Unix(), "aud": "visit"})
			token.Header["typ"], token.Header["kid"] = "visit-pass+jwt", "key-1"
			signed, err := token.SignedString([]byte(own.Public().(ed25519.PublicKey)))
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}, 4401},
		{"for another visit", func() string {
			c := claims()
			c.Visit = "another-visit"
			return h.pass(c)
		}, 4401},
		{"of a session withdrawn since", func() string {
			c := h.invite("gone", "invitation", auth.Patient)
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.people, "gone")
			return h.pass(c)
		}, 4401},
		{"of another invitation than the session's", func() string {
			c := claims()
			c.Invitation = "another"
			return h.pass(c)
		}, 4401},
		{"long", func() string { return strings.Repeat("a", 60_000) }, 4401},
		{"1 MB", func() string { return strings.Repeat("a", 1<<20) }, 1009},
		{"none", func() string { return "" }, 4400},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sub(t)
			caller := h.dial()
			join := template
			join.Pass = c.pass()
			caller.send(join)
			if c.code == 0 {
				await(caller, "joined", anyOf[Joined])
				return
			}
			caller.awaitClosed(c.code)
			if messages, _, _ := caller.look(); len(messages) > 0 {
				t.Errorf("it was told %d things", len(messages))
			}
			if c.code == 4401 {
				codes = append(codes, caller.closed.Text)
			}
		})
	}
	if slices.Sort(codes); len(slices.Compact(codes)) != 1 {
		t.Errorf("refusals differ: %q", codes)
	}
}

// Of many who show one pass at the same time one gets in.
func TestPassIsGoodOnce(t *testing.T) {
	h := newHouse(t, Limits{})
	join := h.plainJoin("patient", auth.Patient)
	var callers []*caller
	for range 8 {
		callers = append(callers, h.dial())
	}
	for _, c := range callers {
		c.send(join)
	}
	in := 0
	h.until("all answered", func() bool {
		in = 0
		for _, c := range callers {
			messages, over, _ := c.look()
			if len(messages) == 0 && !over {
				return false
			}
			in += min(len(messages), 1)
		}
		return true
	})
	if in != 1 {
		t.Errorf("%d got in", in)
	}
}

func TestBadFrames(t *testing.T) {
	h := newHouse(t, Limits{})
	pad := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name  string
		frame string
		code  int
	}{
		{"not JSON", `join`, 4400},
		{"half JSON", `{"type":"end"`, 4400},
		{"two messages", `{"type":"end"}{"type":"end"}`, 4400},
		{"no type", `{"text":"x"}`, 4400},
		{"an unknown type", `{"type":"applaud","member":"x"}`, 4400},
		{"a type that is no string", `{"type":7}`, 4400},
		{"a list", `["end"]`, 4400},
		{"an unknown field", `{"type":"end","now":true}`, 4400},
		{"a field in other letters", `{"type":"admit","Member":"x"}`, 4400},
		{"a field twice", `{"type":"admit","member":"x","member":"y"}`, 4400},
		{"the type twice", `{"type":"end","type":"end"}`, 4400},
		{"a source twice", `{"type":"offer","offer":"x","sources":{"0":"camera","0":"microphone"}}`, 4400},
		{"a wrong type", `{"type":"admit","member":7}`, 4400},
		{"null", `{"type":"media","media":null}`, 4400},
		{"a string for true", `{"type":"media","media":{"camera":"true"}}`, 4400},
		{"an unknown source", `{"type":"offer","offer":"x","sources":{"0":"hall"}}`, 4400},
		{"two cameras", `{"type":"offer","offer":"x","sources":{"0":"camera","1":"camera"}}`, 4400},
		{"deep nesting", strings.Repeat(`{"type":`, 50), 4400},
		{"chat without an id", `{"type":"chat","text":"x"}`, 4400},
		{"chat without a text", `{"type":"chat","id":"1","text":""}`, 4400},
		{"chat too long", `{"type":"chat","id":"1","text":"` + pad(2001) + `"}`, 4400},
		{"invalid UTF-8", "{\"type\":\"chat\",\"id\":\"1\",\"text\":\"\xff\"}", 4400},
		{"half a surrogate pair", `{"type":"chat","id":"1","text":"\ud800"}`, 4400},
		{"join again", `{"type":"join","pass":"x","offer":"x"}`, 4400},
		{"64 KiB that are no offer", `{"type":"admit","member":"` + pad(MaxFrame) + `"}`, 4400},
		{"larger than any", `{"type":"offer","offer":"` + pad(maxOfferFrame) + `"}`, 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sub(t)
			caller, _ := h.lurk("patient", auth.Patient)
			caller.sendRaw(websocket.TextMessage, []byte(c.frame))
			caller.awaitClosed(c.code)
		})
	}
	t.Run("binary", func(t *testing.T) {
		h.sub(t)
		caller, _ := h.lurk("patient", auth.Patient)
		caller.sendRaw(websocket.BinaryMessage, []byte(`{"type":"bye"}`))
		caller.awaitClosed(4400)
	})
	t.Run("another message before join", func(t *testing.T) {
		h.sub(t)
		caller := h.dial()
		caller.send(Bye{})
		caller.awaitClosed(4400)
	})
	t.Run("too large before join", func(t *testing.T) {
		h.sub(t)
		caller := h.dial()
		caller.sendRaw(websocket.TextMessage, []byte(`{"type":"join","pass":"`+pad(MaxFrame)))
		caller.awaitClosed(1009)
	})
}

func TestBadOffers(t *testing.T) {
	h := newHouse(t, Limits{})
	good := h.plainJoin("patient", auth.Patient).Offer
	line := "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
	for _, c := range []struct{ name, offer string }{
		{"no SDP", "offer"},
		{"SDP without anything", "v=0\r\n"},
		{"data channels", good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\n"},
		{"33 lines", "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + strings.Repeat(line, 33)},
		{"65 candidates", good + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 65)},
		{"4 rids", good + strings.Repeat("a=rid:x send\r\n", 4)},
		{"cut off", good[:len(good)/2]},
		{"no fingerprint", strings.ReplaceAll(good, "a=fingerprint", "a=finger")},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sub(t)
			caller := h.dial()
			join := Join{Pass: h.pass(h.invite("patient", "invitation", auth.Patient)), Offer: c.offer}
			caller.send(join)
			caller.awaitClosed(4400)
		})
		if c.name == "no fingerprint" {
			continue // once connected it needs none
		}
		t.Run(c.name+", later", func(t *testing.T) {
			h.sub(t)
			caller, _ := h.lurk("patient", auth.Patient)
			caller.send(Offer{Offer: c.offer})
			caller.awaitClosed(4400)
		})
	}
	t.Run("over 128 KiB", func(t *testing.T) {
		h.sub(t)
		caller, _ := h.lurk("patient", auth.Patient)
		caller.send(Offer{Offer: good + strings.Repeat("a="+strings.Repeat("x", 36)+"\r\n", MaxOffer/40)})
		caller.awaitClosed(4400)
	})
}

func TestOrigin(t *testing.T) {
	h := newHouse(t, Limits{})
	host := strings.TrimPrefix(h.server.URL, "http://")
	public := New(Config{Rooms: h.config.Rooms, Engine: h.config.Engine, PublicURL: "https://visits.example.org/", Logger: h.config.Logger, Once: h.config.Once, People: h})
	for _, c := range []struct {
		name, origin string
		handler      *Handler
		ok           bool
	}{
		{"none", "", h.handler, true},
		{"our own", "http://" + host, h.handler, true},
		{"another", "https://evil.example", h.handler, false},
		{"another port", "http://127.0.0.1:1", h.handler, false},
		{"of a page without one", "null", h.handler, false},
		{"the public one", "https://visits.example.org", public, true},
		{"the public one, unencrypted", "http://visits.example.org", public, false},
		{"the request's own, when another is public", "http://" + host, public, true},
		{"one that begins like it", "https://visits.example.org.evil.example", public, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Host: host, Header: http.Header{}}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if got := c.handler.sameOrigin(r); got != c.ok {
				t.Errorf("allowed %v, want %v", got, c.ok)
			}
		})
	}
	dial := func(protocol, origin string) int {
		dialer := websocket.Dialer{Subprotocols: []string{protocol}}
		conn, response, err := dialer.DialContext(h.ctx, h.url(visitID), http.Header{"Origin": {origin}})
		if err == nil {
			_ = conn.Close()
		}
		if response == nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for _, c := range []struct {
		protocol, origin string
		status           int
	}{
		{Subprotocol, h.server.URL, http.StatusSwitchingProtocols},
		{Subprotocol, "https://evil.example", http.StatusForbidden},
		{"housecall.v9", h.server.URL, http.StatusUpgradeRequired},
	} {
		if got := dial(c.protocol, c.origin); got != c.status {
			t.Errorf("%s from %s: status %d, want %d", c.protocol, c.origin, got, c.status)
		}
	}
}

func TestSilentSockets(t *testing.T) {
	t.Run("never joins", func(t *testing.T) {
		h := newHouse(t, Limits{JoinWithin: 20 * time.Millisecond})
		h.dial().awaitClosed(4408)
	})
	t.Run("answers no ping", func(t *testing.T) {
		h := newHouse(t, Limits{PingEvery: 10 * time.Millisecond, SilentFor: 100 * time.Millisecond})
		c := h.dialDeaf(visitID)
		c.conn.SetPingHandler(func(string) error { return nil })
		go c.read()
		c.send(h.plainJoin("patient", auth.Patient))
		c.awaitClosed(4408)
	})
	t.Run("answers what was not asked", func(t *testing.T) {
		h := newHouse(t, Limits{PingEvery: time.Hour, SilentFor: time.Second})
		c, _ := h.lurk("patient", auth.Patient)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for limit := time.After(patience); ; {
			select {
			case <-tick.C:
				_ = c.conn.WriteControl(websocket.PongMessage, []byte("0"), time.Now().Add(patience)) // fails once closed
				continue
			case <-c.done:
			case <-limit:
			}
			break
		}
		c.awaitClosed(4408)
		h.until("the reason in the log", func() bool { return strings.Contains(h.logs.String(), errSilent.Error()) })
	})
	t.Run("answers pings", func(t *testing.T) {
		h := newHouse(t, Limits{PingEvery: 10 * time.Millisecond, SilentFor: patience})
		c := h.dialDeaf(visitID)
		pings := make(chan struct{}, 1000)
		answer := c.conn.PingHandler()
		c.conn.SetPingHandler(func(s string) error {
			pings <- struct{}{}
			return answer(s)
		})
		go c.read()
		c.send(h.plainJoin("patient", auth.Patient))
		for range 20 {
			<-pings
		}
		c.send(Bye{})
		c.awaitClosed(1000)
	})
}

func TestEachPingIsAnsweredOnce(t *testing.T) {
	s := &socket{pings: []int64{3, 5, 5, 9}}
	for _, c := range []struct {
		count int64
		want  bool
	}{
		{0, false}, {5, true}, {3, false}, // left out: a client may answer the latest alone
		{5, true}, {5, false}, {8, false}, {9, true}, {9, false},
	} {
		if got := s.answered(c.count); got != c.want {
			t.Errorf("an answer of %d counts: %v, with %v unanswered", c.count, got, s.pings)
		}
	}
}

// A thousand idle sockets give way to whoever means to join.
func TestIdleStrangersGiveWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
	}{
		{"in all", Limits{Strangers: 10, StrangersEach: 1000}},
		{"from one network", Limits{Strangers: 1000, StrangersEach: 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.limits)
			doctor, _ := h.lurk("doctor", auth.Clinician)
			var idle []*caller
			for range 40 {
				idle = append(idle, h.dial())
			}
			h.until("thirty have given way", func() bool {
				closed := 0
				for _, c := range idle {
					if _, over, _ := c.look(); over {
						closed++
					}
				}
				return closed == 30
			})
			for _, c := range idle {
				if _, over, _ := c.look(); over {
					c.awaitClosed(4408)
				}
			}
			h.lurk("patient", auth.Patient)
			await(doctor, "the patient", func(m Changed) bool { return m.Member.ID == "patient" })
		})
	}
}

// Somebody who doesn't read is closed, and the others notice nothing.
func TestSlowReader(t *testing.T) {
	h := newHouse(t, Limits{Unread: 20, MessagesPerSec: 1000})
	doctor, _ := h.lurk("doctor", auth.Clinician)
	slow := h.dialDeaf(visitID)
	slow.send(h.plainJoin("slow", auth.Patient))
	await(doctor, "the slow one", func(m Changed) bool { return m.Member.ID == "slow" })
	doctor.send(Admit{Member: "slow"})
	for i := range 60 {
		doctor.send(Chat{ID: fmt.Sprint(i), Text: "x"})
		await(doctor, "the line", func(m Said) bool { return m.ID == fmt.Sprint(i) })
	}
	await(doctor, "the slow one being away", func(m Changed) bool { return m.Member.ID == "slow" && m.Member.Away })
	slow.conn.SetPingHandler(func(string) error { return nil }) // too late to answer: the server has gone
	go slow.read()                                              // at last
	slow.awaitClosed(4429)
	if n := len(all[Said](doctor)); n != 60 {
		t.Errorf("the other heard %d lines of 60", n)
	}
	if _, resumed := h.resume(all[Joined](slow)[0].Token); resumed.Place != rooms.Visit || len(resumed.Chat) != 60 {
		t.Errorf("the slow one came back to %s and %d lines of 60", resumed.Place, len(resumed.Chat))
	}
}

// A part of the service that is away is said to be, and is no refusal of the pass.
func TestAway(t *testing.T) {
	h := newHouse(t, Limits{})
	h.handler.config.People = awayPeople{}
	c := h.dial()
	c.send(h.plainJoin("patient", auth.Patient))
	c.awaitClosed(4503)
}
