package visits_test

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
)

// desk is the schedulers' pages on a hospital, behind real accounts.
type desk struct {
	*hospital
	handler  http.Handler
	accounts *staff.Accounts
}

const deskPassword = "wobbly-green-teapot"

func newDesk(t *testing.T, change ...func(*hospital)) *desk {
	t.Helper()
	berlin := must[*time.Location](t)(time.LoadLocation("Europe/Berlin"))
	return newDeskOf(t, newHospital(t), append([]func(*hospital){func(h *hospital) { h.zone = berlin }}, change...)...)
}

// newDeskOf is the desk of a hospital after a change of it, as after a restart: accounts and sessions stay.
func newDeskOf(t *testing.T, h *hospital, change ...func(*hospital)) *desk {
	t.Helper()
	for _, c := range change {
		c(h)
		h.Service = h.service(h.db)
	}
	pages, err := web.NewPages("Example Children's Hospital", book(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := staff.New(t.Context(), staff.Config{DB: h.db, Limiter: h, Pages: pages, Home: visits.DeskPath, Links: visits.DeskLinks(), Policy: policy(t),
		Now: h.now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := visits.NewDesk(h.Service, pages)
	if err != nil {
		t.Fatal(err)
	}
	d.Hear(func(_ context.Context, v visits.Visit) (map[string]bool, error) {
		hears := map[string]bool{}
		for _, i := range v.Invitations {
			hears[i.ID] = slices.Contains(h.hears, i.Role)
		}
		return hears, nil
	})
	d.Note(func(context.Context, auth.Actor, string, *catalogues.Words) (note visits.VisitNote, err error) {
		return note, nil
	})
	d.Note(func(_ context.Context, actor auth.Actor, visit string, _ *catalogues.Words) (note visits.VisitNote, err error) {
		if actor.Role == auth.Admin {
			note = visits.VisitNote{Text: "A note of another part", Button: "More of it", Path: "/elsewhere/" + visit}
		}
		return note, nil
	})
	d.Note(func(_ context.Context, _ auth.Actor, visit string, _ *catalogues.Words) (visits.VisitNote, error) {
		return visits.VisitNote{Button: "Of a third part", Path: "/third/" + visit}, nil
	})
	routes := web.NewRoutes(accounts.Guards())
	accounts.Routes(routes)
	d.Routes(routes)
	handler, err := web.New(routes, web.Options{Pages: pages, Logger: slog.New(slog.NewJSONHandler(h.logs, nil)), Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{hospital: h, handler: handler, accounts: accounts}
}

// reader is somebody at a browser; without a cookie nobody is signed in.
type reader struct {
	*desk
	cookie *http.Cookie
}

// signIn makes an account of that role, also of one that staff never have, and signs it in.
func (d *desk) signIn(role auth.Role) reader {
	d.t.Helper()
	if role == "" {
		return reader{desk: d}
	}
	email := string(role) + "@example.org"
	a, err := d.accounts.Create(d.t.Context(), auth.Operator(),
		staff.NewAccount{Name: "Sam Example", Email: phi.Text(email), Password: deskPassword, Role: auth.Scheduler})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.db.ExecContext(d.t.Context(), `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(role), a.ID); err != nil {
		d.t.Fatal(err)
	}
	return d.signInAgain(role)
}

// signInAgain is for days later, when the session is over.
func (d *desk) signInAgain(role auth.Role) reader {
	d.t.Helper()
	w := reader{desk: d}.post("/sign-in", url.Values{"email": {string(role) + "@example.org"}, "password": {deskPassword}})
	for _, c := range w.Result().Cookies() {
		return reader{d, c}
	}
	d.t.Fatalf("no session: %d", w.Code)
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
