package audit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/audit"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

const (
	samID  = "01940000-0000-7000-8000-000000000001"
	alexID = "01940000-0000-7000-8000-000000000002"
	patID  = "01940000-0000-7000-8000-00000000000a"
	patID2 = "01940000-0000-7000-8000-00000000000b"
)

// reader is the audit of a hospital in which two people have looked at two patients.
func (h *hospital) reader() audit.Reader {
	h.Helper()
	for i, who := range []string{samID, alexID, samID} {
		for _, patient := range []string{patID, patID2}[:1+i%2] {
			a := store.Act{At: time.Date(2026, 11, 20+i, 23, 30, 0, 0, time.UTC), Actor: auth.Actor{Kind: auth.KindStaff, ID: who, Role: auth.Scheduler},
				Action: "patient.show", Subject: store.Subject{Kind: "patient", ID: patient}, Outcome: store.Allowed}
			if i == 2 {
				a.Outcome, a.Detail = store.Refused, "not_allowed"
			}
			if err := h.db.Tx(h.Context(), func(tx *store.Tx) error { return store.Audit(h.Context(), tx, a) }); err != nil {
				h.Fatal(err)
			}
		}
	}
	policy, err := auth.NewPolicy(audit.Rules)
	if err != nil {
		h.Fatal(err)
	}
	return audit.Reader{DB: h.db, Policy: policy, Now: func() time.Time { return h.now }}
}

var alsoAdmin = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}

var admin = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Admin}

// TestWhoSawAPatient finds it by patient, by who did it, and by day; and that somebody looked is an act itself.
func TestWhoSawAPatient(t *testing.T) {
	h := open(t)
	r := h.reader()
	for _, c := range []struct {
		name string
		q    audit.Query
		want int
	}{
		{"a patient", audit.Query{Subject: store.Subject{Kind: "patient", ID: patID}}, 3},
		{"by id alone", audit.Query{Subject: store.Subject{ID: patID2}}, 1},
		{"somebody", audit.Query{Actor: alexID}, 2},
		{"somebody and a patient", audit.Query{Actor: samID, Subject: store.Subject{Kind: "patient", ID: patID}}, 2},
		{"a day", audit.Query{Subject: store.Subject{Kind: "patient"}, From: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}, 2},
		{"nothing", audit.Query{Subject: store.Subject{Kind: "visit", ID: patID}}, 0},
	} {
		page, err := r.Show(t.Context(), admin, c.q)
		if err != nil || len(page.Acts) != c.want || page.Next != 0 {
			t.Errorf("%s: %v, %+v", c.name, err, page)
		}
	}
	related := r
	related.Of = func(_ context.Context, _ store.Queryer, about store.Subject) ([]store.Subject, error) {
		if about != store.About("patient", patID2) {
			return nil, nil
		}
		return []store.Subject{{Kind: "visit", ID: patID}, {Kind: "patient", ID: patID}}, nil
	}
	if page, err := related.Show(t.Context(), alsoAdmin, audit.Query{Subject: store.Subject{Kind: "patient", ID: patID2}, To: h.now}); err != nil || len(page.Acts) != 4 {
		t.Errorf("with what belongs to a patient: %v, %+v", err, page)
	}
	page, err := r.Show(t.Context(), admin, audit.Query{Subject: store.Subject{Kind: "patient", ID: patID}})
	if err != nil || len(page.Acts) != 5 || page.Acts[0].Actor != admin || page.Acts[0].Action != "audit.read" || page.Acts[0].Detail != "acts 2" {
		t.Errorf("%v, %+v", err, page.Acts)
	}
	if page, err = r.Show(t.Context(), admin, audit.Query{Limit: 1}); err != nil || len(page.Acts) != 1 || page.Next == 0 {
		t.Fatalf("%v, %+v", err, page)
	}
	seen := map[int64]bool{}
	for q := (audit.Query{Limit: 3, Before: 5}); ; q.Before = page.Next {
		if page, err = r.Show(t.Context(), admin, q); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Acts {
			seen[e.Place] = true
		}
		if page.Next == 0 {
			break
		}
	}
	if len(seen) != 4 || seen[5] {
		t.Errorf("pages showed %v", seen)
	}
}

// TestOnlyAdministratorsRead: others are refused, and that is written down.
func TestOnlyAdministratorsRead(t *testing.T) {
	h := open(t)
	r := h.reader()
	for _, role := range auth.Roles() {
		_, err := r.Show(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: samID, Role: role}, audit.Query{Subject: store.Subject{Kind: "patient", ID: patID}})
		if (err == nil) != (role == auth.Admin) || err != nil && !errors.Is(err, fault.NotAllowed) {
			t.Errorf("%s: %v", role, err)
		}
	}
	var refused int
	if err := h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'audit.read' AND outcome = 'refused'`).Scan(&refused); err != nil {
		t.Fatal(err)
	}
	if refused != len(auth.Roles())-1 {
		t.Errorf("%d refusals", refused)
	}
}

// page serves the page to an administrator.
func (h *hospital) page(r audit.Reader) func(query string, form url.Values) (status int, to, body string) {
	h.Helper()
	book, err := words.Load(static.Locales(), web.Locales(), audit.Locales(), staff.Locales())
	if err != nil {
		h.Fatal(err)
	}
	pages, err := web.NewPages("Example Hospital", book, nil)
	if err != nil {
		h.Fatal(err)
	}
	routes := web.NewRoutes(web.Guards{Staff: func(_ auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), admin)))
		})
	}})
	zone := time.FixedZone("Africa/Nairobi", 3*3600)
	err = audit.Desk{Reader: r, Pages: pages, Zone: func(context.Context) (*time.Location, error) { return zone, nil }, Names: func(context.Context, auth.Actor) (map[string]phi.Text, error) {
		return map[string]phi.Text{samID: "Sam Sample"}, nil
	}, Named: func(_ context.Context, _ auth.Actor, about store.Subject, _ *words.Words) (n audit.Named, err error) {
		if about == store.About("patient", patID) {
			n = robin
		}
		return n, nil
	}, Find: func(_ context.Context, _ auth.Actor, query string, _ *words.Words) ([]audit.Named, error) {
		switch query {
		case "r":
			return nil, fault.Invalid("query", "must have at least 2 letters or digits")
		case "robin":
			return []audit.Named{robin}, nil
		case "ro":
			return []audit.Named{robin, {ID: patID2, Name: "Rory Sample"}}, nil
		}
		return nil, nil
	}}.Routes(routes)
	if err != nil {
		h.Fatal(err)
	}
	return func(query string, form url.Values) (int, string, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(h.Context(), http.MethodGet, audit.Path+query, nil)
		if form != nil {
			r = httptest.NewRequestWithContext(h.Context(), http.MethodPost, audit.Path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		routes.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Body)
		if err != nil {
			h.Fatal(err)
		}
		return w.Code, w.Header().Get("Location"), string(body)
	}
}

var robin = audit.Named{ID: patID, Name: "Robin Example", More: "31 May 2010 · MRN-1", Path: "/desk/patients/" + patID}

// TestAPatientIsFoundByName: who asks who saw a patient types a name, and no id.
func TestAPatientIsFoundByName(t *testing.T) {
	h := open(t)
	page := h.page(h.reader())
	for _, c := range []struct {
		query  string
		status int
		to     string
		has    string
	}{
		{"robin", 303, "/admin/audit?id=" + patID + "&kind=patient", ""},
		{"ro", 200, "", "<h2 role=\"status\">Which of them?"},
		{"ro", 200, "", `<a href="/admin/audit?id=` + patID2 + `&amp;kind=patient"><span class="desk-name" dir="auto">Rory Sample`},
		{"r", 422, "", "Enter at least two letters"},
		{"nobody", 422, "", "Nobody is found."},
	} {
		status, to, body := page("", url.Values{"query": {c.query}})
		if status != c.status || to != c.to || !strings.Contains(body, c.has) || strings.Contains(body, "<table>") {
			t.Errorf("%s: %d to %q\n%s", c.query, status, to, body)
		}
	}
	_, _, body := page("?kind=patient&id="+patID, nil)
	if want := `<dt>Patient</dt><dd><a href="/desk/patients/` + patID + `"><bdi>Robin Example</bdi></a> <span class="soft">31 May 2010 · MRN-1`; !strings.Contains(body, want) {
		t.Errorf("no %s in\n%s", want, body)
	}
	_, _, body = page("?kind=patient&id="+patID2, nil)
	if want := `<dt>Patient</dt><dd><code dir="ltr">…` + patID2[24:]; !strings.Contains(body, want) {
		t.Errorf("no %s in\n%s", want, body)
	}
}

// TestWhoIsShownTheWay leads those to the audit who may read it.
func TestWhoIsShownTheWay(t *testing.T) {
	h := open(t)
	r := h.reader()
	book, err := words.Load(static.Locales(), audit.Locales())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range auth.Roles() {
		button, path := r.Link(auth.Actor{Kind: auth.KindStaff, ID: samID, Role: role}, store.About("visit", patID), book.In("en"))
		if want := "/admin/audit?id=" + patID + "&kind=visit"; role == auth.Admin && (button != "Who saw this visit" || path != want) || role != auth.Admin && path != "" {
			t.Errorf("%s: %q, %q", role, button, path)
		}
	}
}

func TestThePageOfTheAudit(t *testing.T) {
	h := open(t)
	page := h.page(h.reader())
	for _, c := range []struct {
		query  string
		status int
		has    []string
		hasNot []string
		rows   int
	}{
		{"?kind=patient&id=" + patID, 200, []string{"Sam Sample", "Somebody who works here", "patient.show", "Scheduler", `<th scope="col">Done to</th>`, "Times are in Nairobi time.", ">refused<", "21 November 2026 02:30:00", "?actor=" + samID, "/admin/audit\">Show everything"}, nil, 3},
		{"?day=2026-11-22&kind=patient", 200, []string{"value=\"2026-11-22\""}, []string{"Sam Sample"}, 2}, // in the hospital's time zone
		{"?actor=" + samID, 200, nil, []string{"Somebody who works here"}, 2},
		{"?id=" + alexID, 200, []string{"Nothing was done that fits this."}, nil, 0},
		{"?id=Canary", 422, []string{"Enter the whole number", "<title>Error: Audit"}, nil, 0},
		{"?day=soon", 422, []string{"Enter a real date"}, nil, 0},
		{"?kind=odd&before=odd", 200, []string{`read the audit: who did what, and when<br><span class="small"><code dir="ltr">audit.read</code>`,
			`<td class="audit-what"><span class="small"><code dir="ltr">patient.show</code>`}, []string{"Back to the newest"}, 8},
	} {
		status, _, body := page(c.query, nil)
		if rows := strings.Count(body, "<tr>\n<td>"); status != c.status || rows != c.rows {
			t.Errorf("%s: %d, %d rows, want %d, %d\n%s", c.query, status, rows, c.status, c.rows, body)
		}
		for _, text := range c.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q in\n%s", c.query, text, body)
			}
		}
		for _, text := range c.hasNot {
			if strings.Contains(body, text) {
				t.Errorf("%s: %q is there", c.query, text)
			}
		}
	}
	h.acts(60)
	_, _, body := page("?kind=visit", nil)
	if !strings.Contains(body, `href="/admin/audit?before=`) || !strings.Contains(body, "&amp;kind=visit\">Older") || strings.Count(body, "<tr>\n<td>") != 50 {
		t.Errorf("the first of two pages:\n%s", body)
	}
}
