package desk_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestDeskLetter: a letter is in the reader's language and the site's time, has the link that works as a code, and says nothing clinical.
func TestDeskLetter(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	v, links, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	path := "/desk/visits/" + v.ID + "/people/"
	wantWords(t, r.get("/desk/visits/"+v.ID+"/links"), "Letter to print : "+visitstest.CanaryPatient)
	before := p.Audited("invitation.resend", store.Allowed)
	w := r.get(path + v.Invitations[0].ID + "/letter")
	wantWords(t, w, "Su visita por video", "martes, 24 de noviembre de 2026", "07:00", "New York", "Toque «Entrar»", links[0].URL)
	if p.Audited("invitation.resend", store.Allowed) != before+1 {
		t.Error("nobody can tell that the link was shown")
	}
	body := w.Body.String()
	if !strings.Contains(body, `<article class="letter" lang="es" dir="ltr">`) || strings.Contains(body, "Cardiology") || strings.Contains(body, visitstest.CanaryBirthDate) {
		t.Error("not in the reader's language, or with what is clinical")
	}
	code, err := qr.Encode(links[0].URL, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	black := 0
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1`).FindAllStringSubmatch(body, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		run, _ := strconv.Atoi(m[3])
		for i := range run {
			black++
			if !code.Black(x+i, y) {
				t.Fatalf("%d, %d is no part of the code", x+i, y)
			}
		}
	}
	want := 0
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				want++
			}
		}
	}
	if black != want {
		t.Errorf("%d modules are black, want %d", black, want)
	}
	if w := r.get(path + v.Invitations[1].ID + "/letter"); w.Code != http.StatusNotFound {
		t.Errorf("a clinician's letter: %d", w.Code)
	}
	if _, err := p.DB.ExecContext(t.Context(), `UPDATE visits SET confidential = 1 WHERE id = ?`, v.ID); err != nil {
		t.Fatal(err)
	}
	w = r.get(path + v.Invitations[0].ID + "/letter")
	wantWords(t, w, "there is no letter to print")
	if body := w.Body.String(); w.Code != http.StatusConflict || strings.Contains(body, links[0].URL) || strings.Contains(body, `class="letter"`) {
		t.Errorf("a letter of a confidential visit: %d", w.Code)
	}
	w = r.get("/desk/visits/" + v.ID + "/links")
	wantWords(t, w, "there is no letter to print")
	if strings.Contains(w.Body.String(), "/letter") {
		t.Error("a letter of a confidential visit is offered")
	}
	open, _ := p.Plan(visitstest.NoService)
	wantWords(t, r.get("/desk/visits/"+open.ID+"/people/"+open.Invitations[0].ID+"/letter"), "This link does not ask for a date of birth")
}

// TestDeskSaysWhoIsWrittenTo: the page of links promises messages to whom the server can write, and to nobody else. Of a confidential visit it has nobody of the
// family told but the patient.
func TestDeskSaysWhoIsWrittenTo(t *testing.T) {
	const sent, unsent, hidden = "An automatic message brings them this link.", "No automatic message brings them this link.", "They are not told, since the visit is confidential."
	for _, c := range []struct {
		name                 string
		sends                visits.Ways
		confidential         bool
		links                string
		sent, unsent, hidden int
	}{
		{"nothing", visits.Ways{}, false, "Nobody gets their link in an automatic message. Please give each person theirs yourself", 0, 3, 0},
		{"e-mail", visits.Ways{Email: true}, false, "Who gets their link in an automatic message is said below. Please send the others theirs", 1, 2, 0},
		{"both", visits.Ways{Email: true, SMS: true}, false, "Who gets their link in an automatic message is said below. Please send the others theirs", 2, 1, 0},
		{"nothing, confidential", visits.Ways{}, true, "of the family, only the patient is told. Nobody gets their link in an automatic message.", 0, 2, 1},
		{"both, confidential", visits.Ways{Email: true, SMS: true}, true, "of the family, only the patient is told. Who gets their link in an automatic message is said below.", 1, 1, 1},
	} {
		d := newDesk(t, func(h *visitstest.Hospital) { h.Ways = c.sends })
		q := visits.Request{Service: "Cardiology", StartsAt: visitstest.Noon.Add(24 * time.Hour), Minutes: 30, AskBirthDate: true, BirthDate: visitstest.CanaryBirthDate, Confidential: &c.confidential,
			People: []visits.Person{{Name: visitstest.CanaryPatient, Role: auth.Patient, Phone: "+12125550123"}, {Name: visitstest.CanaryGuardian, Role: auth.Guardian},
				{Name: visitstest.CanaryClinician, Role: auth.Clinician, Email: "clinician@example.org"}}}
		if !c.confidential {
			q.People[1].Email = "guardian@example.org"
		}
		v, _, err := d.Create(t.Context(), d.Scheduler, q)
		if err != nil {
			t.Fatal(err)
		}
		links := d.signIn(auth.Scheduler).get("/desk/visits/" + v.ID + "/links?made")
		wantWords(t, links, c.links)
		body := words(links)
		if strings.Count(body, sent) != c.sent || strings.Count(body, unsent) != c.unsent || strings.Count(body, hidden) != c.hidden {
			t.Errorf("%s: links: %s", c.name, body)
		}
		if c.confidential && (strings.Contains(body, "print the letter") || strings.Contains(body, "each person") || strings.Contains(body, "the others")) {
			t.Errorf("%s: a guardian is to be told: %s", c.name, body)
		}
	}
}

// TestDeskSaysWhomToTell: the pages of changes say who hears of them in a message, and whom somebody has to tell: never a guardian of a confidential visit.
func TestDeskSaysWhomToTell(t *testing.T) {
	const hidden = "Not told, since the visit is confidential: " + visitstest.CanaryGuardian + "."
	for _, c := range []struct {
		hears        []auth.Role
		confidential bool
		want         string
	}{
		{nil, false, "Nobody gets a message. Please tell everybody yourself."},
		{[]auth.Role{auth.Guardian, auth.Clinician}, false, "A message goes to: " + visitstest.CanaryClinician + " · " + visitstest.CanaryGuardian + ". They get no message, so please tell them yourself: " + visitstest.CanaryPatient + "."},
		{auth.InvitedRoles(), false, "Everybody gets a message."},
		{nil, true, "They get no message, so please tell them yourself: " + visitstest.CanaryPatient + " · " + visitstest.CanaryClinician + ". " + hidden},
		{[]auth.Role{auth.Patient}, true, "A message goes to: " + visitstest.CanaryPatient + ". They get no message, so please tell them yourself: " + visitstest.CanaryClinician + ". " + hidden},
		{[]auth.Role{auth.Patient, auth.Clinician}, true, "A message goes to: " + visitstest.CanaryPatient + " · " + visitstest.CanaryClinician + ". " + hidden},
	} {
		d := newDesk(t, func(h *visitstest.Hospital) { h.Hearers = c.hears })
		r := d.signIn(auth.Scheduler)
		v, _ := d.Plan(func(q *visits.Request) {
			q.StartsAt, q.Confidential = visitstest.Noon.Add(24*time.Hour), &c.confidential
		})
		for _, page := range []string{"/cancel", "/move", "?done=moved", "?done=cancelled"} {
			got := r.get("/desk/visits/" + v.ID + page)
			wantWords(t, got, c.want)
			if c.confidential && strings.Contains(strings.ToLower(words(got)), "everybody") {
				t.Errorf("%s: everybody is to hear of a confidential visit: %s", page, words(got))
			}
		}
	}
}

// TestDeskMessageNamesTheSite: the message to copy is of the visit's site, as the letter is.
func TestDeskMessageNamesTheSite(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	harbour := visitstest.Must[sites.Site](t)(p.Sites.CreateSite(t.Context(), auth.Operator(), sites.Site{Name: "Harbour Clinic", Languages: []string{"en"}, Calendar: sites.Calendar{Zone: time.UTC}}))
	v, _ := p.Plan(visitstest.NoService, func(q *visits.Request) { q.SiteID = harbour.ID })
	wantWords(t, r.get("/desk/visits/"+v.ID+"/people/"+v.Invitations[0].ID+"/link"), "Harbour Clinic")
}

// TestDeskLinksOfOpenVisits: where no date of birth is asked for, no message holds a link.
func TestDeskLinksOfOpenVisits(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	open, _ := p.Plan(visitstest.NoService)
	wantWords(t, r.get("/desk/visits/"+open.ID+"/people/"+open.Invitations[0].ID+"/link"), "Our automatic messages do not hold the links of this visit")
}
