package signaling

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/rooms"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// echoHouse serves connection tests on a real engine.
type echoHouse struct {
	t      *testing.T
	ctx    context.Context
	engine *sfu.Engine
	echo   *Echo
	server *httptest.Server
}

// Caller implements Callers: who says who they are is believed, but for a stranger.
func (h *echoHouse) CheckCaller(r *http.Request) (string, error) {
	session := r.Header.Get("Session")
	if session == "" || r.PathValue("visit") != visitID {
		return "", fault.NotFound
	}
	return session, nil
}

func newEchoHouse(t *testing.T, c EchoConfig) *echoHouse {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Logger = slog.New(slog.DiscardHandler)
	c.Engine, err = sfu.NewEngine(sfu.Config{Conn: conn, Logger: c.Logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Engine.Close() })
	h := &echoHouse{t: t, ctx: ctx, engine: c.Engine}
	c.Callers, c.Limiter = h, rooms.NewMemoryOnce(time.Now)
	h.echo = NewEcho(c)
	routes := web.NewRoutes(web.Guards{})
	h.echo.Routes(routes)
	h.server = httptest.NewServer(routes)
	t.Cleanup(func() {
		if err := h.echo.Close(ctx); err != nil {
			t.Error(err)
		}
		h.server.Close()
	})
	return h
}

// do sends a request as a session and returns status and body.
func (h *echoHouse) do(method, path, session string, body []byte) (int, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.ctx, method, h.server.URL+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Session", session)
	response, err := h.server.Client().Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response.StatusCode, b
}

const checkPath = "/v/" + visitID + "/check"

// offer is the body that begins a client's test. Like a browser's, it doesn't ask for audio to be sent again.
func (h *echoHouse) offer(client *sfutest.Client) []byte {
	h.t.Helper()
	sdp, err := client.Offer()
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := json.Marshal(Offer{Offer: strings.ReplaceAll(sdp, "a=rtcp-fb:109 nack\r\n", ""), Sources: sourcesOf(client)})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *echoHouse) client(o sfutest.Options) *sfutest.Client {
	h.t.Helper()
	client, err := sfutest.New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = client.Close() })
	return client
}

func fourLines() sfutest.Options {
	return sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 1, VideoSlots: 1}
}

// begin starts a test for a client, connects it and lets it send.
func (h *echoHouse) begin(session string, client *sfutest.Client) (id string) {
	h.t.Helper()
	status, body := h.do("POST", checkPath, session, h.offer(client))
	var in struct {
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}
	if err := json.Unmarshal(body, &in); err != nil || status != 200 || in.ID == "" {
		h.t.Fatalf("begin: %d %s, %v", status, body, err)
	}
	if err := errors.Join(client.Accept(in.Answer), client.WaitConnected(h.ctx)); err != nil {
		h.t.Fatal(err)
	}
	for mid := range sourcesOf(client) {
		client.Send(mid, true)
	}
	return in.ID
}

// ends waits until no test is left.
func (h *echoHouse) ends(what string) {
	h.t.Helper()
	h.until(what, func() bool {
		h.echo.mu.Lock()
		defer h.echo.mu.Unlock()
		return len(h.echo.tests) == 0
	})
}

func (h *echoHouse) until(what string, ok func() bool) {
	(&house{t: h.t}).until(what, ok)
}

// line counts sequence numbers as a receiver's statistics do.
type line struct {
	mu            sync.Mutex
	seen          map[uint16]bool
	first, newest uint16
}

func (l *line) take(p *rtp.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen, l.first, l.newest = map[uint16]bool{}, p.SequenceNumber, p.SequenceNumber
	}
	l.seen[p.SequenceNumber] = true
	if int16(p.SequenceNumber-l.newest) > 0 {
		l.newest = p.SequenceNumber
	}
}

// lost is the share of expected packets that did not come; expected is how many were.
func (l *line) lost() (share float64, expected int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	expected = int(l.newest-l.first) + 1
	return 1 - float64(len(l.seen))/float64(expected), expected
}

func (l *line) restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = nil
}

// lateConn sends every packet a while later, as a long way does.
type lateConn struct {
	net.PacketConn
	by time.Duration
}

func (l lateConn) WriteTo(b []byte, to net.Addr) (int, error) {
	b = bytes.Clone(b)
	time.AfterFunc(l.by, func() { _, _ = l.PacketConn.WriteTo(b, to) })
	return len(b), nil
}

// TestEchoMeasuresALine: what a client sends comes back to it, and loss and delay of its line can be read from what came.
func TestEchoMeasuresALine(t *testing.T) {
	h := newEchoHouse(t, EchoConfig{Lasts: patience})
	const late = 60 * time.Millisecond
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	impaired := sfutest.Impair(lateConn{conn, late}, 7)
	sound := &line{}
	o := fourLines()
	o.Conn = impaired
	var client *sfutest.Client
	o.OnRTP = func(mid string, p *rtp.Packet) {
		if mid == client.AudioSlotMIDs()[0] {
			sound.take(p)
		}
	}
	client = h.client(o)
	h.begin("teen", client)
	if err := errors.Join(client.WaitKeyFrames(h.ctx, client.VideoSlotMIDs()[0], 1), client.WaitReceived(h.ctx, client.VideoSlotMIDs()[0], 50)); err != nil {
		t.Fatal(err)
	}
	measured := func(packets int) float64 {
		t.Helper()
		share := 0.0
		h.until("enough packets", func() bool {
			lost, expected := sound.lost()
			share = lost
			return expected >= packets
		})
		return share
	}
	if share := measured(50); share > 0.02 {
		t.Errorf("a line that loses nothing loses %.0f %%", share*100)
	}
	sound.restart()
	impaired.Lose(0.1, 0.1) // one in five, both ways together
	if err := client.WaitReceived(h.ctx, client.AudioSlotMIDs()[0], 1); err != nil {
		t.Fatal(err)
	}
	if share := measured(200); share < 0.08 || share > 0.35 {
		t.Errorf("a line that loses 19 %% loses %.0f %%", share*100)
	}
	h.until("a round trip", func() bool {
		for _, s := range client.Connection().GetStats() {
			if pair, ok := s.(webrtc.ICECandidatePairStats); ok && pair.Nominated && pair.CurrentRoundTripTime >= late.Seconds() {
				return true
			}
		}
		return false
	})
}

func TestEchoEnds(t *testing.T) {
	h := newEchoHouse(t, EchoConfig{Lasts: patience})
	first := h.client(fourLines())
	id := h.begin("teen", first)
	if status, _ := h.do("DELETE", checkPath+"/"+id, "somebody else", nil); status != 204 {
		t.Errorf("another's test: %d", status)
	}
	if status, _ := h.do("DELETE", checkPath+"/another", "teen", nil); status != 204 {
		t.Errorf("another test: %d", status)
	}
	if err := first.WaitReceived(h.ctx, first.AudioSlotMIDs()[0], 5); err != nil {
		t.Errorf("it did not go on: %v", err)
	}
	// Three more may go on beside it. A fifth takes its place, and what is left of the first can't end that.
	var beside []string
	for range echoOfOne - 1 {
		beside = append(beside, h.begin("teen", h.client(fourLines())))
	}
	if err := first.WaitReceived(h.ctx, first.AudioSlotMIDs()[0], 5); err != nil {
		t.Errorf("it did not go on beside others: %v", err)
	}
	second := h.client(fourLines())
	again := h.begin("teen", second)
	h.until("the first is closed", func() bool { return first.Connection().ConnectionState() != webrtc.PeerConnectionStateConnected })
	for range 2 {
		if status, _ := h.do("DELETE", checkPath+"/"+id, "teen", nil); status != 204 {
			t.Errorf("again: %d", status)
		}
	}
	if err := second.WaitReceived(h.ctx, second.VideoSlotMIDs()[0], 5); err != nil {
		t.Errorf("the second did not go on: %v", err)
	}
	if status, body := h.do("DELETE", checkPath+"/"+again, "teen", nil); status != 204 || len(body) > 0 {
		t.Errorf("end: %d %s", status, body)
	}
	for _, id := range beside {
		h.do("DELETE", checkPath+"/"+id, "teen", nil)
	}
	h.ends("all are over")
	h.begin("teen", h.client(fourLines()))
	if err := h.echo.Close(h.ctx); err != nil {
		t.Error(err)
	}
	h.ends("the server stops")
	if status, body := h.do("POST", checkPath, "teen", h.offer(h.client(fourLines()))); status != 503 {
		t.Errorf("after the end: %d %s", status, body)
	}
}

func TestEchoEndsByItself(t *testing.T) {
	h := newEchoHouse(t, EchoConfig{Lasts: 50 * time.Millisecond})
	status, body := h.do("POST", checkPath, "teen", h.offer(h.client(fourLines()))) // who does not even connect
	if status != 200 {
		t.Fatalf("begin: %d %s", status, body)
	}
	h.ends("it is over")
}

// TestEchoShowsOneOfEach: more lines cost a sender more, never the server.
func TestEchoShowsOneOfEach(t *testing.T) {
	h := newEchoHouse(t, EchoConfig{Lasts: patience})
	client := h.client(sfutest.Options{Microphones: 1, Cameras: 1, AudioSlots: 3, VideoSlots: 3})
	h.begin("teen", client)
	for _, mids := range [][]string{client.AudioSlotMIDs(), client.VideoSlotMIDs()} {
		if err := client.WaitReceived(h.ctx, mids[0], 20); err != nil {
			t.Fatal(err)
		}
		for _, mid := range mids[1:] {
			if got := client.Received(mid).Raw; got != 0 {
				t.Errorf("%d packets on another line", got)
			}
		}
	}
}

func TestEchoRefuses(t *testing.T) {
	h := newEchoHouse(t, EchoConfig{Lasts: patience, AtOnce: 2})
	good := h.offer(h.client(fourLines()))
	var plain Offer
	if err := json.Unmarshal(good, &plain); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Offer)) []byte {
		o := plain
		change(&o)
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		session, path string
		body          []byte
		want          int
	}{
		"a stranger":        {"", checkPath, good, 404},
		"another visit":     {"teen", "/v/another/check", good, 404},
		"nothing":           {"teen", checkPath, nil, 422},
		"no offer":          {"teen", checkPath, []byte(`{"sources":{}}`), 422},
		"another field":     {"teen", checkPath, []byte(`{"offer":"","pass":""}`), 422},
		"no SDP":            {"teen", checkPath, with(func(o *Offer) { o.Offer = "v=0" }), 422},
		"a data channel":    {"teen", checkPath, with(func(o *Offer) { o.Offer += "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" }), 422},
		"an odd source":     {"teen", checkPath, with(func(o *Offer) { o.Sources = map[string]rooms.Source{"0": "telescope"} }), 422},
		"more than a check": {"teen", checkPath, with(func(o *Offer) { o.Offer += strings.Repeat("a=x\r\n", 20_000) }), 413},
	} {
		if status, body := h.do("POST", c.path, c.session, c.body); status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.want)
		}
	}
	h.ends("what was refused is over")
	if status, _ := h.do("DELETE", checkPath+"/x", "", nil); status != 404 {
		t.Errorf("a stranger ends: %d", status)
	}
	begin := func(session string) int {
		status, _ := h.do("POST", checkPath, session, h.offer(h.client(fourLines())))
		return status
	}
	if a, b, c, again := begin("a"), begin("b"), begin("c"), begin("a"); a != 200 || b != 200 || c != 503 || again != 200 {
		t.Errorf("three at once, where two may: %d %d %d, and the first again %d", a, b, c, again)
	}
	status := 0
	for range echoLimit {
		status = begin("a")
	}
	if status != 429 {
		t.Errorf("again and again: %d", status)
	}
}
