package notify_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

var madeSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/=&#;]+`)

// TestWebhooksDesk adds an address, sees its secret once, what was sent, and turns it off and on.
func TestWebhooksDesk(t *testing.T) {
	o := newOffice(t, ways{})
	hooks, err := notify.NewWebhooks(t.Context(), notify.WebhooksConfig{DB: o.db, Jobs: o.queue, Policy: policy(t), Vault: o.vault, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: o.clock.Now,
		Kinds: []notify.EventKind{{Type: "visit.created"}, {Type: "visit.moved", Data: []api.Value{{Name: "visit", Always: true}}}}})
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { taken++ }))
	t.Cleanup(server.Close)
	book, err := words.Load(static.Locales(), web.Locales(), notify.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Children's Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	desk, err := notify.NewWebhooksDesk(hooks, pages, func(context.Context) (*time.Location, error) { return time.FixedZone("Africa/Nairobi", 3*3600), nil })
	if err != nil {
		t.Fatal(err)
	}
	admin := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), admin)))
		})
	}})
	desk.Routes(routes)
	handler, err := web.New(routes, web.Options{PublicURL: "https://visits.example", Pages: pages, Now: o.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string, form url.Values) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "https://visits.example"+path, nil)
		if form != nil {
			r = httptest.NewRequest(http.MethodPost, "https://visits.example"+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", "https://visits.example")
		}
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	publish := func() {
		o.tx(func(tx *store.Tx) error {
			return hooks.Publish(t.Context(), tx, notify.Event{Type: "visit.moved", At: o.clock.Now(), Data: map[string]string{"visit": store.NewID()}})
		})
		o.due()
	}

	if status, body := ask(notify.WebhooksPath, url.Values{"url": {"ftp://example.org"}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "ftp://example.org") || !strings.Contains(body, "Write an address") {
		t.Errorf("no address: %d", status)
	}
	status, body := ask(notify.WebhooksPath, url.Values{"url": {server.URL}, "about": {" Sample\u202e register\u202c\n"}, "types": {"visit.moved"}})
	if status != http.StatusOK || !madeSecret.MatchString(body) {
		t.Fatalf("%d %s", status, body)
	}
	all, err := hooks.Endpoints(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Types) != 1 {
		t.Fatalf("endpoints %+v, %v", all, err)
	}
	path := notify.WebhooksPath + "/" + all[0].ID
	if _, body := ask(path, nil); madeSecret.MatchString(body) || !strings.Contains(body, "Sample register") || !strings.Contains(body, "Nothing yet.") {
		t.Errorf("the page of an address: %s", body)
	}
	publish()
	again := regexp.MustCompile(regexp.QuoteMeta(path) + `/deliveries/[0-9a-f-]+`)
	_, body = ask(path, nil)
	if !again.MatchString(body) || !strings.Contains(body, "visit.moved") || !strings.Contains(body, "Times are in Nairobi time.") || taken != 1 {
		t.Fatalf("after a delivery (%d): %s", taken, body)
	}
	if status, _ := ask(again.FindString(body), url.Values{}); status != http.StatusSeeOther {
		t.Errorf("once more: %d", status)
	}
	o.due()
	for _, act := range []string{"/disable", "/enable", "/disable"} {
		if status, _ := ask(path+act, url.Values{}); status != http.StatusSeeOther {
			t.Errorf("%s: %d", act, status)
		}
	}
	publish()
	if status, _ := ask(path+"/replay", url.Values{}); status != http.StatusNotFound {
		t.Errorf("a replay to what is off: %d", status)
	}
	if taken != 2 {
		t.Errorf("%d taken, want 2", taken)
	}
	if status, body := ask(path+"/secret", url.Values{}); status != http.StatusOK || !madeSecret.MatchString(body) {
		t.Errorf("another secret: %d", status)
	}
	if status, _ := ask(notify.WebhooksPath+"/"+store.NewID(), nil); status != http.StatusNotFound {
		t.Errorf("no address: %d", status)
	}
	if status, _ := ask(path+"/remove", url.Values{}); status != http.StatusSeeOther {
		t.Errorf("remove: %d", status)
	}
	if _, body := ask(notify.WebhooksPath, nil); !strings.Contains(body, "No program is told of anything yet.") {
		t.Errorf("afterwards: %s", body)
	}
}
