package sites_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

// newServer serves the pages to an administrator.
func newServer(t *testing.T, h *sites.House) *httptest.Server {
	t.Helper()
	book, err := words.Load(static.Locales(), web.Locales(), sites.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Children's Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), admin)))
		})
	}})
	a, err := sites.NewAdmin(h, pages)
	if err != nil {
		t.Fatal(err)
	}
	a.Routes(routes)
	handler, err := web.New(routes, web.Options{Pages: pages})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// ask sends a form, or with nil asks for a page. It follows no redirect: to is where one leads.
func ask(t *testing.T, server *httptest.Server, path string, form url.Values) (status int, to, body string) {
	t.Helper()
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, content = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, server.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := *server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(b)
}

func TestPagesOfASite(t *testing.T) {
	h, _ := newHouse(t)
	server := newServer(t, h)
	form := url.Values{"name": {"Hospital de ejemplo"}, "zone": {"Europe/Madrid"}, "country": {"es"}, "phone": {"+34 612 34 56 78"}, "languages": {"es", "en"},
		"weekend": {"0", "6"}, "cut_off": {"15:30"}, "holidays": {"2026-12-25  Navidad\r\n\r\n2027-01-06\r\n"}, "version": {"0"}}
	status, to, body := ask(t, server, sites.SitesPath+"/new", form)
	if status != http.StatusSeeOther {
		t.Fatalf("%d: %s", status, body)
	}
	all, err := h.Sites(t.Context(), admin)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d sites, %v", len(all), err)
	}
	s := all[1]
	if s.Name != "Hospital de ejemplo" || s.Zone.String() != "Europe/Madrid" || s.Country != "ES" || s.Phone != "+34 612 34 56 78" || !slices.Equal(s.Languages, []string{"en", "es"}) ||
		!slices.Equal(s.Weekend, []time.Weekday{time.Sunday, time.Saturday}) || s.CutOff != 15*time.Hour+30*time.Minute ||
		!slices.Equal(s.Holidays, []sites.Holiday{{Day: day(t, "2026-12-25"), Name: "Navidad"}, {Day: day(t, "2027-01-06")}}) {
		t.Errorf("the site is %+v", s)
	}
	_, _, body = ask(t, server, to, nil)
	for _, want := range []string{"The site is saved.", "Hospital de ejemplo", "Europe/Madrid", "English · Español", "No holidays are known after 6 January 2027", "No holidays are known<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	path := sites.SitesPath + "/" + s.ID
	_, _, body = ask(t, server, path, nil)
	for _, want := range []string{`value="Hospital de ejemplo"`, "2026-12-25 Navidad\n2027-01-06\n", `value="15:30"`, `value="es" checked`, `value="0" checked`, `value="1">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
	form.Set("version", "1")
	form.Set("name", "Hospital")
	if status, _, body := ask(t, server, path, form); status != http.StatusSeeOther {
		t.Errorf("a change: %d: %s", status, body)
	}
	if status, _, body := ask(t, server, path, form); status != http.StatusConflict || !strings.Contains(body, "Somebody else has changed this meanwhile") {
		t.Errorf("a change of what was read before: %d", status)
	}
	status, _, body = ask(t, server, path, url.Values{"zone": {"Nowhere"}, "country": {"1"}, "phone": {"none"}, "weekend": {"0", "1", "2", "3", "4", "5", "6"}, "cut_off": {"late"},
		"holidays": {"2026-12-25\nChristmas"}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
	at := 0
	for _, field := range []string{"name", "zone", "country", "phone", "languages", "weekend", "cut_off", "holidays"} {
		found := strings.Index(body, `href="#`+field+`"`)
		if found < at || !strings.Contains(body, `id="`+field+`"`) {
			t.Errorf("%s is not among what is wrong, or not in its place", field)
		}
		at = found
	}
	for _, want := range []string{"Line 2 of the holidays", `value="Nowhere"`, "2026-12-25\nChristmas"} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %q", want)
		}
	}
}

func TestPagesOfAService(t *testing.T) {
	h, _ := newHouse(t)
	server := newServer(t, h)
	first, err := h.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, body := ask(t, server, sites.ServicesPath, nil); !strings.Contains(body, "There is no service yet.") {
		t.Error("the page does not say that there is none")
	}
	form := url.Values{"site": {first.ID}, "name": {"Adolescent clinic"}, "minutes": {"45"}, "confidential": {"yes"}, "version": {"0"}}
	status, to, body := ask(t, server, sites.ServicesPath+"/new", form)
	if status != http.StatusSeeOther {
		t.Fatalf("%d: %s", status, body)
	}
	_, _, body = ask(t, server, to, nil)
	for _, want := range []string{"The service is saved.", "Adolescent clinic", "45 minutes", "Confidential", "No new visits", "do not ask for the date of birth"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	for want, change := range map[string][2]string{"has this name": {"name", "ADOLESCENT CLINIC"}, "Enter the name of the service": {"name", ""}, "from 5 to 480 minutes": {"minutes", "an hour"}} {
		wrong := url.Values{"site": {first.ID}, "name": {"Cardiology"}, "minutes": {"30"}}
		wrong.Set(change[0], change[1])
		if status, _, body := ask(t, server, sites.ServicesPath+"/new", wrong); status != http.StatusUnprocessableEntity || strings.Count(body, want) != 2 {
			t.Errorf("%s %q: %d, without %q in the summary and beside the field", change[0], change[1], status, want)
		}
	}
	all, err := h.Services(t.Context(), admin, first.ID)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d services, %v", len(all), err)
	}
	path := sites.ServicesPath + "/" + all[0].ID
	if _, _, body := ask(t, server, path, nil); !strings.Contains(body, `value="Adolescent clinic"`) || !strings.Contains(body, `name="version" value="1"`) {
		t.Error("the form is not filled")
	}
	form.Set("version", "1")
	form.Set("active", "yes")
	if status, _, body := ask(t, server, path, form); status != http.StatusSeeOther {
		t.Errorf("a change: %d: %s", status, body)
	}
	if s, err := h.Service(t.Context(), all[0].ID); err != nil || !s.Active || !s.Confidential || s.AskBirthDate {
		t.Errorf("the service is %+v, %v", s, err)
	}
}
