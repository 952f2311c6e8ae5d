package visits_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// The patient as they are after a correction.
const (
	rightBirthDate = "2012-04-30"
	rightName      = "Canary Rightname"
)

// corrected is the practice with visits of its patient, and others that no correction of the patient changes.
type corrected struct {
	*visitstest.Practice
	handler http.Handler
	since   func() []visits.Change
	follow  []visits.Made // with what the patient has
	born    []visits.Made // over, or with a name of their own: they follow the birth date alone
	other   visits.Made   // of somebody else
}

func newCorrected(t *testing.T) *corrected {
	t.Helper()
	c := &corrected{Practice: visitstest.NewPractice(t)}
	c.since = observed(c.Hospital)
	plan := func(change ...func(*visits.Request)) visits.Made {
		r := c.Request()
		r.AllowOverlap = true
		for _, f := range change {
			f(&r)
		}
		v, links, err := c.Create(t.Context(), c.Scheduler, r)
		if err != nil {
			t.Fatal(err)
		}
		return visits.Made{Visit: v, Links: links}
	}
	over, cancelled := plan(), plan()
	if err := c.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomEnded, Visit: over.Visit.ID, At: c.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := c.Cancel(t.Context(), c.Scheduler, cancelled.Visit.ID); err != nil {
		t.Fatal(err)
	}
	meant := plan(func(r *visits.Request) { r.BirthDate, r.People[0].Name = "2011-01-01", "Canary Nickname" })
	stranger := plan(func(r *visits.Request) {
		r.PatientID, r.BirthDate, r.People = "", visitstest.CanaryBirthDate, c.Hospital.Request().People
	})
	c.born, c.other = []visits.Made{over, cancelled, meant}, stranger

	series, err := c.CreateSeries(t.Context(), c.Scheduler, func() visits.Request { r := c.Request(); r.AllowOverlap = true; return r }(), visits.Repeat{Weeks: 1, Count: 3})
	if err != nil {
		t.Fatal(err)
	}
	c.follow = append(series, plan())
	c.handler = c.peopleHandler()
	return c
}

// peopleHandler are the pages and the API of patients, for the scheduler.
func (c *corrected) peopleHandler() http.Handler {
	c.T.Helper()
	guard := func(_ auth.Action, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), c.Scheduler)))
		})
	}
	routes := web.NewRoutes(web.Guards{Staff: guard, Key: guard})
	pages := visitstest.Must[*web.Pages](c.T)(web.NewPages("Example Children's Hospital", visitstest.Book(c.T), nil))
	visitstest.Must[*people.Desk](c.T)(people.NewDesk(c.People, pages)).Routes(routes)
	c.People.API(api.New(routes, "test", visitstest.Must[*api.Idempotency](c.T)(api.NewIdempotency(c.T.Context(), api.IdempotencyConfig{DB: c.DB, Vault: c.Ring.API(), Now: c.Now}))))
	return visitstest.Must[http.Handler](c.T)(web.New(routes, web.Options{Pages: pages}))
}

func (c *corrected) send(method, path, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(c.T.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

// byPage corrects the patient as a scheduler does.
func (c *corrected) byPage() {
	c.T.Helper()
	form := url.Values{"version": {strconv.Itoa(c.Patient.Version)}, "name": {rightName}, "day": {"30"}, "month": {"4"}, "year": {"2012"}, "language": {"es"}, "contact_confidential": {"1"}}
	for _, contact := range c.Patient.Contacts {
		for name, value := range map[string]string{"id": contact.ID, "kind": string(contact.Kind), "name": contact.Name.Reveal(), "relation": "", "phone": contact.Phone.Reveal(),
			"email": contact.Email.Reveal(), "language": contact.Language} {
			form.Add("contact_"+name, value)
		}
	}
	if w := c.send("POST", people.Path+"/"+c.Patient.ID+"/edit", "application/x-www-form-urlencoded", form.Encode()); w.Code != http.StatusSeeOther {
		c.T.Fatalf("%d %s", w.Code, w.Body)
	}
}

// byJSON corrects the patient as another program does.
func (c *corrected) byJSON() {
	c.T.Helper()
	const path = "/api/v1/patients/"
	var p map[string]any
	if err := json.Unmarshal(c.send("GET", path+c.Patient.ID, "", "").Body.Bytes(), &p); err != nil {
		c.T.Fatal(err)
	}
	p["name"], p["birth_date"] = rightName, rightBirthDate
	for _, own := range []string{"id", "site_id", "created_at", "changed_at"} {
		delete(p, own)
	}
	body, err := json.Marshal(p)
	if err != nil {
		c.T.Fatal(err)
	}
	if w := c.send("PUT", path+c.Patient.ID, "application/json", string(body)); w.Code != http.StatusOK {
		c.T.Fatalf("%d %s", w.Code, w.Body)
	}
}

// opens tries a link with a date.
func (c *corrected) opens(l visits.Link, date string) error {
	_, err := c.Redeem(c.T.Context(), visits.Redemption{Code: visitstest.CodeOf(l), BirthDate: phi.Text(date)})
	return err
}

// TestVisitsFollowThePatient: a birth date and a name that are corrected are so in all that is planned with the patient, and who was locked out by the wrong date
// comes in by the same link.
func TestVisitsFollowThePatient(t *testing.T) {
	for name, correct := range map[string]func(*corrected){"page": (*corrected).byPage, "JSON": (*corrected).byJSON} {
		t.Run(name, func(t *testing.T) {
			c := newCorrected(t)
			today := c.follow[3]
			for range 5 { // the family gives the right one
				_ = c.opens(today.Links[0], rightBirthDate)
			}
			visitstest.WantCode(t, c.opens(today.Links[0], visitstest.CanaryBirthDate), fault.CodeLocked, fault.NotAllowed)
			_ = c.opens(today.Links[2], rightBirthDate)
			before := map[string]visits.Visit{}
			for _, m := range slices.Concat(c.born, c.follow, []visits.Made{c.other}) {
				before[m.Visit.ID] = c.Shown(m.Visit.ID)
			}
			c.since()

			correct(c)

			// The one with a name of its own among those that follow; nobody needs to hear of those that are over.
			if got := kindsOf(c.since()); strings.Count(got, "changed of one") != len(c.follow) || strings.Count(got, "changed") != 2*len(c.follow)+1 {
				t.Errorf("told %q", got)
			}
			for _, m := range c.follow {
				v := c.Shown(m.Visit.ID)
				if v.BirthDate != rightBirthDate || v.Invitations[0].Name != rightName || v.Invitations[2].Name != visitstest.CanaryGuardian || v.Invitations[0].Locked {
					t.Errorf("the visit is %+v", v)
				}
				if v.Sequence != before[v.ID].Sequence || v.Invitations[0].Generation != 1 {
					t.Errorf("sequence %d, generation %d", v.Sequence, v.Invitations[0].Generation)
				}
				if rows := c.Column(`SELECT detail FROM audit WHERE action = 'visit.correct' AND subject_id = '` + v.ID + `' AND actor_id = '` + c.Scheduler.ID + `'`); len(rows) != 1 ||
					rows[0] != "patient "+c.Patient.ID+", birth date true, names 1" {
					t.Errorf("audited %q", rows)
				}
			}
			for n, m := range c.born {
				if v, was := c.Shown(m.Visit.ID), before[m.Visit.ID]; v.BirthDate != rightBirthDate || v.Invitations[0] != was.Invitations[0] {
					t.Errorf("visit %d became %+v", n, v)
				}
			}
			if v, was := c.Shown(c.other.Visit.ID), before[c.other.Visit.ID]; v.BirthDate != was.BirthDate || v.Invitations[0] != was.Invitations[0] {
				t.Errorf("the visit of somebody else became %+v", v)
			}
			if n := c.Audited("visit.correct", store.Allowed); n != len(c.follow)+len(c.born) {
				t.Errorf("%d rows", n)
			}
			for _, i := range []int{0, 2} {
				if err := c.opens(today.Links[i], rightBirthDate); err != nil {
					t.Errorf("link %d: %v", i, err)
				}
			}
		})
	}
}

// TestVisitsFollowInPart: what was not corrected stays; a visit that asks for the birth date does not lose it, and one that does not ask learns and forgets it.
func TestVisitsFollowInPart(t *testing.T) {
	p := visitstest.NewPractice(t)
	asks, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	r := p.Request()
	r.ServiceID, r.Service, r.Minutes, r.AllowOverlap = "", "Nutrition", 30, true
	silent, _, err := p.Create(t.Context(), p.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	update := func(name, born string) {
		t.Helper()
		p.Patient.Name, p.Patient.BirthDate = phi.Text(name), phi.Text(born)
		if p.Patient, err = p.People.Update(t.Context(), p.Scheduler, p.Patient); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, born, asks, silent string }{
		{visitstest.CanaryPatient, visitstest.CanaryBirthDate, visitstest.CanaryBirthDate, visitstest.CanaryBirthDate},
		{rightName, visitstest.CanaryBirthDate, visitstest.CanaryBirthDate, visitstest.CanaryBirthDate},
		{rightName, "", visitstest.CanaryBirthDate, ""},
		{rightName, rightBirthDate, rightBirthDate, rightBirthDate},
	} {
		update(c.name, c.born)
		for v, born := range map[string]string{asks.ID: c.asks, silent.ID: c.silent} {
			if got := p.Shown(v); got.BirthDate.Reveal() != born || got.Invitations[0].Name.Reveal() != c.name {
				t.Errorf("%s, born %q: %+v", c.name, c.born, got)
			}
		}
	}
	if n := p.Audited("visit.correct", store.Allowed); n != 5 {
		t.Errorf("%d rows, want two for the name, one for the date that is gone and two for the one that came", n)
	}
}

// TestVisitsFollowLater: a visit that has another birth date than its patient gets theirs with the next change of the patient, whatever that is of, and its locks come off;
// a name of its own stays. Where the patient's date never was known, the visit's stays.
func TestVisitsFollowLater(t *testing.T) {
	c := newCorrected(t)
	wrong, meant := c.follow[3], c.born[2]
	for range 5 {
		_ = c.opens(wrong.Links[0], rightBirthDate)
	}
	if _, err := c.DB.ExecContext(t.Context(), `UPDATE patients SET birth_date = ? WHERE id = ?`, rightBirthDate, c.Patient.ID); err != nil {
		t.Fatal(err)
	}
	save := func(born phi.Text) {
		t.Helper()
		c.Patient.Number, c.Patient.BirthDate = c.Patient.Number+"1", born
		p, err := c.People.Update(t.Context(), c.Scheduler, c.Patient)
		if err != nil {
			t.Fatal(err)
		}
		c.Patient = p
	}
	save(rightBirthDate)
	for _, m := range slices.Concat(c.born, c.follow) {
		if v := c.Shown(m.Visit.ID); v.BirthDate != rightBirthDate {
			t.Errorf("the visit is %+v", v)
		}
	}
	if err := c.opens(wrong.Links[0], rightBirthDate); err != nil {
		t.Error(err)
	}
	if v := c.Shown(meant.Visit.ID); v.Invitations[0].Name != "Canary Nickname" {
		t.Errorf("the visit is %+v", v)
	}
	n := c.Audited("visit.correct", store.Allowed)
	if save(rightBirthDate); c.Audited("visit.correct", store.Allowed) != n {
		t.Error("what was right was corrected")
	}

	r := c.Request()
	r.ServiceID, r.Service, r.Minutes, r.AllowOverlap = "", "Nutrition", 30, true
	silent, _, err := c.Create(t.Context(), c.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	save("")
	if _, err := c.DB.ExecContext(t.Context(), `UPDATE visits SET birth_date = ? WHERE id = ?`, visitstest.CanaryBirthDate, silent.ID); err != nil {
		t.Fatal(err)
	}
	if save(""); c.Shown(silent.ID).BirthDate != visitstest.CanaryBirthDate {
		t.Error("a visit lost the only date that is known")
	}
}

// TestVisitsFollowOrNothing: the patient is not changed where a visit cannot follow. Of a visit that is over nobody is told, and it never loses its date.
func TestVisitsFollowOrNothing(t *testing.T) {
	p := visitstest.NewPractice(t)
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	p.Hospital.Changed = append(p.Hospital.Changed, func(context.Context, *store.Tx, visits.Change) error { return broken })
	p.Service = p.ServiceOn(p.DB)
	changed := p.Patient
	changed.BirthDate = rightBirthDate
	if _, err := p.People.Update(t.Context(), p.Scheduler, changed); !errors.Is(err, broken) {
		t.Errorf("changed: %v", err)
	}
	if kept, err := p.People.Patient(t.Context(), p.Patient.ID); err != nil || kept.BirthDate != visitstest.CanaryBirthDate || p.Shown(v.ID).BirthDate != visitstest.CanaryBirthDate {
		t.Errorf("%+v: %v", kept, err)
	}
	p.At(visitstest.Noon.Add(24 * time.Hour))
	changed, err = p.People.Update(t.Context(), p.Scheduler, changed)
	if err != nil || p.Shown(v.ID).BirthDate != rightBirthDate {
		t.Errorf("with a visit that is over: %v", err)
	}
	changed.BirthDate = ""
	if _, err := p.People.Update(t.Context(), p.Scheduler, changed); err != nil || p.Shown(v.ID).BirthDate != rightBirthDate {
		t.Errorf("without a date: %v", err)
	}
}
