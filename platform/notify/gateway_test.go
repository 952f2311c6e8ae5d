package notify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/platform/notify"
)

const phone = "+16175550199"

// carrier is a gateway's server, which keeps what came and answers what it is told to.
type carrier struct {
	*httptest.Server
	mu     sync.Mutex
	came   []*http.Request
	bodies []string
	answer func(w http.ResponseWriter, n int) // to the nth request, from 1
}

func newCarrier(t *testing.T, answer func(w http.ResponseWriter, n int)) *carrier {
	t.Helper()
	c := &carrier{answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		c.came, c.bodies = append(c.came, r), append(c.bodies, string(body))
		n := len(c.came)
		c.mu.Unlock()
		c.answer(w, n)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *carrier) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.came)
}

func readGateway(t *testing.T, description any) (*notify.Gateway, error) {
	t.Helper()
	b, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sms.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return notify.ReadGateway(path)
}

func newGateway(t *testing.T, description any) *notify.Gateway {
	t.Helper()
	g, err := readGateway(t, description)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type object = map[string]any

// describe is a gateway at an address.
func describe(url string) object {
	return object{"url": url + "/messages?account=1&to={{query .To}}", "headers": object{"Authorization": "Bearer swordfish", "Content-Type": "application/json"},
		"body": `{"to": {{json .To}}, "digits": "{{.Digits}}", "text": {{json .Text}}, "reference": {{json .ID}}}`}
}

func sms(o *office, key string) notify.Message {
	m := o.message(key)
	m.Channel, m.To = notify.SMS, phone
	return m
}

func TestSMS(t *testing.T) {
	c := newCarrier(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusAccepted) })
	g := newGateway(t, describe(c.URL))
	if found, err := g.Check(t.Context()); err != nil || !strings.HasPrefix(c.URL, "http://"+found) || c.count() != 0 {
		t.Errorf("checked: %q, %v, with %d requests", found, err, c.count())
	}
	o := newOffice(t, ways{sms: g})
	o.compose = func(notify.Message) (notify.Content, error) {
		return notify.Content{Text: "موعد \"CANARY\"\nhttps://visits.example.org/v#CANARY"}, nil
	}
	o.put(sms(o, "a"))
	o.due()
	o.expect("a", notify.Sent, "")
	if c.count() != 1 {
		t.Fatalf("%d requests came", c.count())
	}
	r := c.came[0]
	if r.Method != http.MethodPost || r.URL.Path != "/messages" || r.URL.Query().Get("to") != phone || r.Header.Get("Authorization") != "Bearer swordfish" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	var body map[string]string
	if err := json.Unmarshal([]byte(c.bodies[0]), &body); err != nil || body["to"] != phone || body["digits"] != phone[1:] ||
		body["text"] != "موعد \"CANARY\"\nhttps://visits.example.org/v#CANARY" || body["reference"] != o.status("a").ID {
		t.Errorf("%v, %v", c.bodies, err)
	}
}

// TestGatewayAnswers: what a gateway says decides whether a message is tried again; what leaves it open has nobody try.
func TestGatewayAnswers(t *testing.T) {
	status := func(all ...int) func(http.ResponseWriter, int) {
		return func(w http.ResponseWriter, n int) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(all[min(n, len(all))-1])
			_, _ = io.WriteString(w, `{"status": "refused"}`)
		}
	}
	hangUp := func(w http.ResponseWriter, _ int) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	const away = "the connection to the gateway was lost before its answer came"
	for name, c := range map[string]struct {
		answer   func(http.ResponseWriter, int)
		success  object
		then     notify.State
		reason   string
		last     notify.State
		requests int
	}{
		"too many, then taken":    {status(429, 200), nil, notify.Waiting, "the gateway answered 429", notify.Sent, 2},
		"always away":             {status(503), nil, notify.Waiting, "the gateway answered 503", notify.Failed, 3},
		"a key that was revoked":  {status(401), nil, notify.Waiting, "the gateway answered 401", notify.Failed, 3},
		"a number that is none":   {status(400), nil, notify.Failed, "the gateway answered 400", notify.Failed, 1},
		"sent elsewhere":          {status(307), nil, notify.Failed, "the gateway answered 307", notify.Failed, 1},
		"an error of its own":     {status(500), nil, notify.Unsure, "the gateway answered 500", notify.Unsure, 1},
		"the line is cut":         {hangUp, nil, notify.Unsure, away, notify.Unsure, 1},
		"taken, but not in words": {status(200), object{"body": `"status":\s*"queued"`}, notify.Failed, "the gateway answered 200, but not what it says when it takes a message", notify.Failed, 1},
		"taken in words":          {status(200), object{"body": `"status":\s*"refused"`}, notify.Sent, "", notify.Sent, 1},
		"another way to say yes":  {status(299), object{"status": []int{299}}, notify.Sent, "", notify.Sent, 1},
		"an answer that breaks off": {func(w http.ResponseWriter, n int) {
			w.Header().Set("Content-Length", "1000")
			status(200)(w, n)
		}, object{"body": "queued"}, notify.Unsure, away, notify.Unsure, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := newCarrier(t, c.answer)
			d := describe(server.URL)
			if c.success != nil {
				d["success"] = c.success
			}
			o := newOffice(t, ways{sms: newGateway(t, d)})
			o.put(sms(o, "a"))
			o.due()
			o.expect("a", c.then, c.reason)
			for range 4 {
				o.clock.Pass(time.Hour)
				o.due()
			}
			if s := o.status("a"); s.State != c.last || server.count() != c.requests {
				t.Errorf("in the end it is %s (%s), after %d requests", s.State, s.Reason, server.count())
			}
			for _, secret := range []string{"CANARY", phone[1:], "swordfish"} {
				if s := o.log.String(); strings.Contains(s, secret) {
					t.Errorf("logged: %s", s)
				}
			}
		})
	}
}

// What a gateway asks to wait is waited, and one that nobody reaches was sent nothing.
func TestGatewayWaits(t *testing.T) {
	c := newCarrier(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.Header().Set("Retry-After", strconv.Itoa(int((2 * time.Hour).Seconds())))
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	o := newOffice(t, ways{sms: newGateway(t, describe(c.URL))})
	o.put(sms(o, "a"))
	o.due()
	o.clock.Pass(2*time.Hour - time.Second)
	o.due()
	o.expect("a", notify.Waiting, "the gateway answered 429")
	o.clock.Pass(time.Second)
	o.due()
	o.expect("a", notify.Sent, "")

	away := newOffice(t, ways{sms: newGateway(t, describe("http://127.0.0.1:1"))})
	away.put(sms(away, "a"))
	away.due()
	away.expect("a", notify.Waiting, "the gateway was not reached")
}

func TestGatewayDescriptions(t *testing.T) {
	for want, change := range map[string]object{
		"https://":         {"url": "http://sms.example.org/"},
		"request":          {"url": "https://sms.example.org/{{.Text}}%zz"},
		"no JSON":          {"body": `{"text": "{{.Text}}"}`},
		"can't evaluate":   {"body": `{"text": {{json .Message}}}`},
		"not defined":      {"body": `{{shout .Text}}`},
		"success.body":     {"success": object{"body": "("}},
		`unknown field`:    {"user": "somebody"},
		"cannot unmarshal": {"retry": "often"},
	} {
		d := describe("https://sms.example.org")
		for name, value := range change {
			d[name] = value
		}
		if _, err := readGateway(t, d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", change, err, want)
		}
	}
	if _, err := notify.ReadGateway(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("read what is not there")
	}
}
