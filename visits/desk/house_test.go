package desk_test

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/web"
	catalogues "housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/visitstest"
)

// office is the schedulers' pages on a hospital, behind real accounts.
type office struct {
	*visitstest.Hospital
	handler  http.Handler
	accounts *staff.Accounts
}

func newDesk(t *testing.T, change ...func(*visitstest.Hospital)) *office {
	t.Helper()
	berlin := visitstest.Must[*time.Location](t)(time.LoadLocation("Europe/Berlin"))
	return newDeskOf(t, visitstest.NewHospital(t), append([]func(*visitstest.Hospital){func(h *visitstest.Hospital) { h.Zone = berlin }}, change...)...)
}

// newDeskOf is the desk of a hospital after a change of it, as after a restart: accounts and sessions stay.
func newDeskOf(t *testing.T, h *visitstest.Hospital, change ...func(*visitstest.Hospital)) *office {
	t.Helper()
	for _, f := range change {
		f(h)
		h.Service = h.ServiceOn(h.DB)
	}
	pages, err := web.NewPages("Example Children's Hospital", visitstest.Book(t, desk.Locales()), nil)
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := staff.New(t.Context(), staff.Config{DB: h.DB, Limiter: h, Pages: pages, Home: desk.Path, Links: desk.Links(), Policy: visitstest.Policy(t),
		Now: h.Now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	c := desk.Config{DB: h.DB, Visits: h.Service, Pages: pages, Now: h.Now}
	if h.Sites != nil {
		c.Sites, c.Patients, c.Colleagues = h.Sites, h.People, h.Colleagues
	}
	d, err := desk.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Hear(func(_ context.Context, v visits.Visit) (map[string]bool, error) {
		hears := map[string]bool{}
		for _, i := range v.Invitations {
			hears[i.ID] = slices.Contains(h.Hearers, i.Role)
		}
		return hears, nil
	})
	d.Note(func(context.Context, auth.Actor, string, *catalogues.Words) (note desk.Note, err error) {
		return note, nil
	})
	d.Note(func(_ context.Context, actor auth.Actor, visit string, _ *catalogues.Words) (note desk.Note, err error) {
		if actor.Role == auth.Admin {
			note = desk.Note{Text: "A note of another part", Button: "More of it", Path: "/elsewhere/" + visit}
		}
		return note, nil
	})
	d.Note(func(_ context.Context, _ auth.Actor, visit string, _ *catalogues.Words) (desk.Note, error) {
		return desk.Note{Button: "Of a third part", Path: "/third/" + visit}, nil
	})
	routes := web.NewRoutes(accounts.Guards())
	accounts.Routes(routes)
	d.Routes(routes)
	handler, err := web.New(routes, web.Options{Pages: pages, Logger: slog.New(slog.NewJSONHandler(h.Logs, nil)), Now: h.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &office{Hospital: h, handler: handler, accounts: accounts}
}

// reader is somebody at a browser; without a cookie nobody is signed in.
type reader struct {
	*office
	cookie *http.Cookie
}

// signIn makes an account of that role, also of one that staff never have, and signs it in.
func (d *office) signIn(role auth.Role) reader {
	d.T.Helper()
	if role == "" {
		return reader{office: d}
	}
	email := string(role) + "@example.org"
	a, err := d.accounts.Create(d.T.Context(), auth.Operator(),
		staff.NewAccount{Name: "Sam Example", Email: phi.Text(email), Password: visitstest.Password, Role: auth.Scheduler})
	if err != nil {
		d.T.Fatal(err)
	}
	if _, err := d.DB.ExecContext(d.T.Context(), `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(role), a.ID); err != nil {
		d.T.Fatal(err)
	}
	return d.signInAgain(role)
}

// signInAgain is for days later, when the session is over.
func (d *office) signInAgain(role auth.Role) reader {
	d.T.Helper()
	w := reader{office: d}.post("/sign-in", url.Values{"email": {string(role) + "@example.org"}, "password": {visitstest.Password}})
	for _, c := range w.Result().Cookies() {
		return reader{d, c}
	}
	d.T.Fatalf("no session: %d", w.Code)
	return reader{}
}

func (r reader) send(method, path string, form url.Values, cookies ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.cookie != nil {
		req.AddCookie(r.cookie)
	}
	for _, c := range cookies {
		req.Header.Add("Cookie", c)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

func (r reader) get(path string) *httptest.ResponseRecorder { return r.send("GET", path, nil) }

func (r reader) post(path string, form url.Values) *httptest.ResponseRecorder {
	return r.send("POST", path, form)
}

// text is a page as it is read: without tags and with single blanks.
var tags = regexp.MustCompile(`(?s)<[^>]*>`)

func words(w *httptest.ResponseRecorder) string {
	s := tags.ReplaceAllString(w.Body.String(), " ")
	return strings.Join(strings.Fields(html.UnescapeString(s)), " ")
}

func wantWords(t *testing.T, w *httptest.ResponseRecorder, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(words(w), s) {
			t.Errorf("the page lacks %q:\n%s", s, words(w))
		}
	}
}
