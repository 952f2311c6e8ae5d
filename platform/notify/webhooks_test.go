package notify_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

const visitID = "019d3c4e-1111-7000-8000-000000000001"

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// policy is who may manage webhooks.
func policy(t *testing.T) auth.Policy {
	t.Helper()
	p, err := auth.NewPolicy(notify.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newHooks adds webhooks to an office.
func newHooks(t *testing.T, o *office, allow []netip.Prefix) *notify.Webhooks {
	t.Helper()
	w, err := notify.NewWebhooks(t.Context(), notify.WebhooksConfig{DB: o.db, Jobs: o.queue, Policy: policy(t), Vault: o.vault, Allow: allow, Now: o.clock.Now, Logger: o.logger})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func endpointAt(t *testing.T, w *notify.Webhooks, p notify.Endpoint) (id, secret string) {
	t.Helper()
	made, secret, err := w.Create(t.Context(), auth.Operator(), p)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, secret
}

// endpointMadeBefore makes an endpoint as a server did that allowed more networks, or with a name that has led elsewhere since.
func endpointMadeBefore(t *testing.T, o *office, p notify.Endpoint) (id string) {
	t.Helper()
	idle, err := jobs.New(t.Context(), jobs.Config{DB: o.db, Now: o.clock.Now, Logger: o.logger})
	if err != nil {
		t.Fatal(err)
	}
	w, err := notify.NewWebhooks(t.Context(), notify.WebhooksConfig{DB: o.db, Jobs: idle, Policy: policy(t), Vault: o.vault, Now: o.clock.Now, Logger: o.logger,
		Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := w.Create(t.Context(), auth.Operator(), p)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func publish(o *office, w *notify.Webhooks, eventType string) {
	o.t.Helper()
	o.tx(func(tx *store.Tx) error {
		return w.Publish(o.t.Context(), tx, notify.Event{Type: eventType, At: o.clock.Now(), Data: map[string]string{"visit": visitID, "starts_at": "2026-11-24T10:00:00Z", "status": "booked"}})
	})
}

// deliveries tells the states of an endpoint's deliveries, the latest first.
func deliveries(t *testing.T, w *notify.Webhooks, endpoint string) string {
	t.Helper()
	all, err := w.Deliveries(t.Context(), endpoint, 100)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, d := range all {
		states = append(states, strings.TrimSpace(d.Type+" "+string(d.State)+" "+d.Reason))
	}
	return strings.Join(states, "; ")
}

// verify has the specification's own library judge a request.
func verify(t *testing.T, secret string, c *carrier, i int) error {
	t.Helper()
	h, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return h.VerifyIgnoringTimestamp([]byte(c.bodies[i]), c.came[i].Header)
}

func TestWebhook(t *testing.T) {
	c := newCarrier(t, func(w http.ResponseWriter, n int) {
		if n == 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	o := newOffice(t, ways{})
	w := newHooks(t, o, loopback)
	publish(o, w, "visit.created") // nobody has asked
	id, secret := endpointAt(t, w, notify.Endpoint{URL: c.URL + "/hooks?token=canary", About: "the hospital's own system", Types: []string{"visit.created", "visit.moved"}})
	publish(o, w, "visit.created")
	publish(o, w, "visit.cancelled") // not asked for
	o.due()
	if got := deliveries(t, w, id); got != "visit.created sent" || c.count() != 1 {
		t.Fatalf("deliveries: %s, in %d requests", got, c.count())
	}
	r := c.came[0]
	if err := verify(t, secret, c, 0); err != nil {
		t.Error(err)
	}
	if want := `{"type":"visit.created","timestamp":"2026-11-24T09:00:00Z","data":{"starts_at":"2026-11-24T10:00:00Z","status":"booked","visit":"` + visitID + `"}}`; c.bodies[0] != want {
		t.Errorf("body %s", c.bodies[0])
	}
	if r.Method != http.MethodPost || r.URL.String() != "/hooks?token=canary" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Webhook-Timestamp") != "1795510800" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	stranger, err := standardwebhooks.NewWebhook("whsec_c3RyYW5nZXI=")
	if err != nil || stranger.VerifyIgnoringTimestamp([]byte(c.bodies[0]), r.Header) == nil {
		t.Errorf("anybody's signature is right: %v", err)
	}

	// An error is tried again, with the same id and bytes, signed anew.
	publish(o, w, "visit.moved")
	o.due()
	if got := deliveries(t, w, id); got != "visit.moved waiting the endpoint answered 500; visit.created sent" {
		t.Errorf("deliveries: %s", got)
	}
	o.clock.Pass(5 * time.Second)
	o.due()
	if c.count() != 3 || c.came[1].Header.Get("Webhook-Id") != c.came[2].Header.Get("Webhook-Id") || c.bodies[1] != c.bodies[2] ||
		c.came[1].Header.Get("Webhook-Timestamp") == c.came[2].Header.Get("Webhook-Timestamp") || verify(t, secret, c, 2) != nil {
		t.Errorf("the second try is another event's")
	}
	if got := w.Totals(); got[notify.Sent] != 2 || got[notify.Failed] != 0 {
		t.Errorf("counted %v", got)
	}

	// For a day two secrets sign.
	newer, err := w.Rotate(t.Context(), auth.Operator(), id)
	if err != nil || newer == secret {
		t.Fatal(err)
	}
	publish(o, w, "visit.created")
	o.due()
	if verify(t, secret, c, 3) != nil || verify(t, newer, c, 3) != nil {
		t.Error("after a rotation not both secrets sign")
	}
	o.clock.Pass(25 * time.Hour)
	publish(o, w, "visit.created")
	o.due()
	if verify(t, secret, c, 4) == nil || verify(t, newer, c, 4) != nil {
		t.Error("a day after a rotation not the newer secret alone signs")
	}
	for _, canary := range []string{"canary", secret, newer} {
		if bytes.Contains(storetest.OnDisk(t, o.url), []byte(canary)) || strings.Contains(o.log.String(), canary) {
			t.Errorf("%s is on the disk or in the log", canary)
		}
	}
	if all, err := w.Endpoints(t.Context()); err != nil || len(all) != 1 || all[0].URL != c.URL+"/hooks?token=canary" || !all[0].Disabled.IsZero() {
		t.Errorf("endpoints: %+v, %v", all, err)
	}
}

func TestEndpointsComeAndGo(t *testing.T) {
	status := atomic.Int32{}
	status.Store(http.StatusOK)
	c := newCarrier(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(int(status.Load())) })
	o := newOffice(t, ways{})
	w := newHooks(t, o, loopback)
	id, _ := endpointAt(t, w, notify.Endpoint{URL: c.URL})
	operator, began := auth.Operator(), o.clock.Now()
	expect := func(what string, err error, requests int, want string) {
		t.Helper()
		o.due()
		if got := deliveries(t, w, id); err != nil || c.count() != requests || got != want {
			t.Errorf("%s: %v, %d requests, %s", what, err, c.count(), got)
		}
	}
	publish(o, w, "a")
	expect("taken", nil, 1, "a sent")
	status.Store(http.StatusGone)
	o.clock.Pass(time.Second)
	publish(o, w, "b")
	expect("gone", nil, 2, "b failed the endpoint answered 410; a sent")
	o.clock.Pass(time.Second)
	publish(o, w, "c")
	expect("nothing goes to who is gone", nil, 2, "b failed the endpoint answered 410; a sent")
	if all, err := w.Endpoints(t.Context()); err != nil || all[0].Disabled.IsZero() || all[0].Reason != "it answered 410: gone" {
		t.Errorf("endpoints: %+v, %v", all, err)
	}
	if _, err := w.Replay(t.Context(), operator, id, began); !errors.Is(err, fault.NotFound) {
		t.Errorf("replayed to who is gone: %v", err)
	}
	status.Store(http.StatusOK)
	expect("enabled", w.Enable(t.Context(), operator, id), 2, "b failed the endpoint answered 410; a sent")
	other, _ := endpointAt(t, w, notify.Endpoint{URL: c.URL + "/other", Types: []string{"d"}})
	o.clock.Pass(time.Second)
	publish(o, w, "d")
	expect("both", nil, 4, "d sent; b failed the endpoint answered 410; a sent")
	n, err := w.Replay(t.Context(), operator, id, began)
	if n != 1 {
		t.Errorf("%d events were replayed", n)
	}
	expect("replayed", err, 5, "d sent; b sent; a sent")
	if n, err := w.Replay(t.Context(), operator, other, began); n != 0 || err != nil {
		t.Errorf("replayed what was not asked for: %d, %v", n, err)
	}
	all, err := w.Deliveries(t.Context(), id, 1)
	if err != nil {
		t.Fatal(err)
	}
	expect("once more", w.Redeliver(t.Context(), operator, all[0].ID), 6, "d sent; b sent; a sent")
	if c.came[5].Header.Get("Webhook-Id") != all[0].Event {
		t.Error("another event came")
	}
	publish(o, w, "e")
	expect("disabled with something on its way", w.Disable(t.Context(), operator, id), 6, "e failed the endpoint is disabled; d sent; b sent; a sent")
	o.clock.Pass(31 * 24 * time.Hour)
	publish(o, w, "d")
	expect("old events are forgotten", nil, 7, "")
	if err := w.Remove(t.Context(), operator, id); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"remove": w.Remove(t.Context(), operator, id), "enable": w.Enable(t.Context(), operator, id), "disable": w.Disable(t.Context(), operator, id),
		"redeliver": w.Redeliver(t.Context(), operator, "none")} {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("%s what is gone: %v", what, err)
		}
	}
	if n := o.count(`SELECT COUNT(*) FROM audit WHERE action LIKE 'webhook.%' AND outcome = 'allowed'`); n != 8 {
		t.Errorf("%d acts are audited", n)
	}
	if n := o.count(`SELECT COUNT(*) FROM audit WHERE action LIKE 'webhook.%' AND outcome = 'refused' AND detail = 'not_found'`); n != 5 {
		t.Errorf("%d acts on what is gone are audited", n)
	}
}

// TestWhoMayNotManageWebhooks: what is refused is told, audited, and not done.
func TestWhoMayNotManageWebhooks(t *testing.T) {
	o := newOffice(t, ways{})
	w := newHooks(t, o, loopback)
	id, _ := endpointAt(t, w, notify.Endpoint{URL: "https://register.example.org"})
	publish(o, w, "a")
	all, err := w.Deliveries(t.Context(), id, 1)
	if err != nil {
		t.Fatal(err)
	}
	scheduler := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	made, secret, err := w.Create(t.Context(), scheduler, notify.Endpoint{URL: "https://elsewhere.example.org"})
	another, errRotate := w.Rotate(t.Context(), scheduler, id)
	_, errReplay := w.Replay(t.Context(), scheduler, id, o.clock.Now().Add(-time.Hour))
	if made.ID+secret+another != "" {
		t.Errorf("told: %+v, %s, %s", made, secret, another)
	}
	for action, err := range map[string]error{"create": err, "rotate": errRotate, "replay": errReplay, "disable": w.Disable(t.Context(), scheduler, id),
		"enable": w.Enable(t.Context(), scheduler, id), "redeliver": w.Redeliver(t.Context(), scheduler, all[0].ID), "remove": w.Remove(t.Context(), scheduler, id)} {
		if !errors.Is(err, fault.NotAllowed) {
			t.Errorf("%s: %v", action, err)
		}
		if n := o.count(`SELECT COUNT(*) FROM audit WHERE action = ? AND outcome = 'refused' AND detail = 'not_allowed' AND actor_id = ?`, "webhook."+action, scheduler.ID); n != 1 {
			t.Errorf("%s is audited %d times", action, n)
		}
	}
	left, err := w.Endpoints(t.Context())
	if err != nil || len(left) != 1 || !left[0].Disabled.IsZero() || deliveries(t, w, id) != "a waiting" {
		t.Errorf("%+v, %v, %s", left, err, deliveries(t, w, id))
	}
}

func TestEventsHoldNoHealthData(t *testing.T) {
	o := newOffice(t, ways{})
	w := newHooks(t, o, nil)
	for _, e := range []notify.Event{
		{}, {Type: "visit.created"}, {Type: "Visit", At: o.clock.Now()},
		{Type: "visit.created", At: o.clock.Now(), Data: map[string]string{"patient": "Ana Canary"}},
		{Type: "visit.created", At: o.clock.Now(), Data: map[string]string{"phone": phone}},
		{Type: "visit.created", At: o.clock.Now(), Data: map[string]string{"mail": address}},
		{Type: "visit.created", At: o.clock.Now(), Data: map[string]string{"Ana Canary": visitID}},
	} {
		if err := o.db.Tx(t.Context(), func(tx *store.Tx) error { return w.Publish(t.Context(), tx, e) }); err == nil || strings.Contains(err.Error(), "Canary") && e.Data["Ana Canary"] == "" {
			t.Errorf("published %+v: %v", e, err)
		}
	}
	w.Kinds = []notify.EventKind{{Type: "visit.moved", Data: []api.Value{{Name: "visit", Always: true}, {Name: "invitation"}}}}
	for what, data := range map[string]map[string]string{"more": {"visit": visitID, "status": "booked"}, "less": {"invitation": visitID}, "": {"visit": visitID}, " ": {"visit": visitID, "invitation": visitID}} {
		err := o.db.Tx(t.Context(), func(tx *store.Tx) error {
			return w.Publish(t.Context(), tx, notify.Event{Type: "visit.moved", At: o.clock.Now(), Data: data})
		})
		if (err == nil) != (strings.TrimSpace(what) == "") {
			t.Errorf("with %s than is described: %v", what, err)
		}
	}
	if err := o.db.Tx(t.Context(), func(tx *store.Tx) error {
		return w.Publish(t.Context(), tx, notify.Event{Type: "visit.created", At: o.clock.Now(), Data: map[string]string{"visit": visitID}})
	}); err == nil {
		t.Error("published what is not described")
	}
	if _, _, err := w.Create(t.Context(), auth.Operator(), notify.Endpoint{URL: "https://example.org", Types: []string{"visit.created"}}); !errors.Is(err, fault.NotValid) {
		t.Errorf("asked for what there is not: %v", err)
	}
	for _, p := range []notify.Endpoint{{}, {URL: "http://example.org"}, {URL: "ftp://example.org"}, {URL: "https://user:pass@example.org"}, {URL: "https:///x"}, {URL: "https://example.org", Types: []string{"a b"}},
		{URL: "https://example.org", About: strings.Repeat("x", 201)}, {URL: "https://example.org/" + strings.Repeat("x", 2000)}} {
		if _, _, err := w.Create(t.Context(), auth.Operator(), p); !errors.Is(err, fault.NotValid) {
			t.Errorf("made %+v: %v", p, err)
		}
	}
}

// TestAddressesThatAreNotAllowed: however an address of this machine, its networks or its keeper is written, nothing connects to it.
func TestAddressesThatAreNotAllowed(t *testing.T) {
	var came atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listeners := []net.Listener{listener}
	if six, err := net.Listen("tcp", "[::1]:"+port); err == nil { // where the machine has IPv6
		listeners = append(listeners, six)
	}
	for _, l := range listeners {
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				came.Add(1)
				_ = conn.Close()
			}
		}()
		defer l.Close()
	}
	o := newOffice(t, ways{})
	w := newHooks(t, o, nil)
	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "127.255.255.254",
		"%31%32%37.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "0", "0.0.0.0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]",
		"[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:0:127.0.0.1]", "[fe80::1%25lo]", "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192", "198.18.0.1", "192.0.2.1", "224.0.0.1",
		"240.0.0.1", "255.255.255.255", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe",
	} {
		t.Run(host, func(t *testing.T) {
			address := "https://" + host + ":" + port + "/"
			if _, _, err := w.Create(t.Context(), auth.Operator(), notify.Endpoint{URL: address}); !errors.Is(err, fault.NotValid) {
				t.Errorf("made: %v", err)
			}
			if u, err := url.Parse(address); err != nil || u.Hostname() == "" || strings.Contains(u.Hostname(), "%") {
				return // no server makes it: it is no address, or of no network
			}
			id := endpointMadeBefore(t, o, notify.Endpoint{URL: address})
			publish(o, w, "visit.created")
			o.due()
			if got := deliveries(t, w, id); got != "visit.created failed its network is not allowed" && got != "visit.created waiting the endpoint was not reached" {
				t.Errorf("deliveries: %s", got)
			}
			if err := w.Remove(t.Context(), auth.Operator(), id); err != nil {
				t.Fatal(err)
			}
		})
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d connections came", n)
	}
}

// TestAddressesThatMayBeMade: what of the Internet is, what the server names, and names, which are judged when something is sent.
func TestAddressesThatMayBeMade(t *testing.T) {
	for address, allow := range map[string][]netip.Prefix{
		"https://198.51.99.1/": nil, "https://[2606:4700::1111]/": nil, "https://hooks.example.org/": nil, "https://127.0.0.1.example.org/": nil, "https://localhost.example.org/": nil,
		"https://127.1.example/": nil, "https://0x7f.example": nil, "https://hooks.x1/": nil, "https://hooks.1x/": nil, "https://3325256449/": nil, "https://bücher.example/": nil,
		"https://127.0.0.1/": loopback, "http://127.0.0.1/": loopback, "https://localhost:8443/": loopback, "https://[::ffff:127.0.0.1]/": loopback,
		"https://127.1/": loopback, "https://0x7f000001/": loopback, "https://2130706433/": loopback, "https://0177.0.0.1/": loopback,
	} {
		w := newHooks(t, newOffice(t, ways{}), allow)
		if _, _, err := w.Create(t.Context(), auth.Operator(), notify.Endpoint{URL: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	w := newHooks(t, newOffice(t, ways{}), loopback)
	for _, address := range []string{"https://10.0.0.1/", "http://192.0.2.1/", "http://8.8.8.8/", "https://10.1/", "https://256.0.0.1/", "https://127.0.0.0.1/", "https://127.0.08.1/", "https://4294967296/"} {
		if _, _, err := w.Create(t.Context(), auth.Operator(), notify.Endpoint{URL: address}); fault.CodeOf(err) != fault.CodeNotValid {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// What is allowed is so by TLS; without it where somebody has named the network; and nothing leads on to elsewhere.
func TestNetworksThatAreAllowed(t *testing.T) {
	var elsewhere atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer inside.Close()
	t.Setenv("HTTPS_PROXY", inside.URL)
	t.Setenv("HTTP_PROXY", inside.URL)
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
		}
	})
	secure, plain := httptest.NewTLSServer(answer), httptest.NewServer(answer)
	defer secure.Close()
	defer plain.Close()
	other := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		allow []netip.Prefix
		url   string
		want  string
	}{
		"with TLS":                         {loopback, secure.URL, "a sent"},
		"without":                          {loopback, plain.URL, "a sent"},
		"with TLS, another network":        {other, secure.URL, "a failed its network is not allowed"},
		"without, another network":         {other, plain.URL, "a failed its network is not allowed"},
		"without, to the Internet":         {other, "http://192.0.2.1", "a failed its network is not allowed"},
		"a certificate of another name":    {loopback, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "a waiting the endpoint was not reached"},
		"sent on to where nobody would go": {loopback, secure.URL + "/away", "a waiting the endpoint answered 307"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, ways{})
			w := newHooks(t, o, c.allow)
			id := endpointMadeBefore(t, o, notify.Endpoint{URL: c.url})
			publish(o, w, "a")
			o.due()
			if got := deliveries(t, w, id); got != c.want {
				t.Errorf("deliveries: %s, want %s", got, c.want)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect or a proxy was followed")
	}
}
