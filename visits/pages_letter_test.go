package visits_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/visits"
)

// TestDeskLetter: a letter is in the reader's language and the site's time, has the link that works as a code, and says nothing clinical.
func TestDeskLetter(t *testing.T) {
	p := newPractice(t)
	r := newDeskOf(t, p.hospital).signIn(auth.Scheduler)
	v, links, err := p.Create(t.Context(), p.scheduler, p.request())
	if err != nil {
		t.Fatal(err)
	}
	path := "/desk/visits/" + v.ID + "/people/"
	wantWords(t, r.get("/desk/visits/"+v.ID+"/links"), "Letter to print : "+canaryPatient)
	before := p.audited("invitation.resend", store.Allowed)
	w := r.get(path + v.Invitations[0].ID + "/letter")
	wantWords(t, w, "Su visita por video", "martes, 24 de noviembre de 2026", "07:00", "New York", "Toque «Entrar»", links[0].URL)
	if p.audited("invitation.resend", store.Allowed) != before+1 {
		t.Error("nobody can tell that the link was shown")
	}
	body := w.Body.String()
	if !strings.Contains(body, `<article class="letter" lang="es" dir="ltr">`) || strings.Contains(body, "Cardiology") || strings.Contains(body, canaryBirthDate) {
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
	if _, err := p.db.ExecContext(t.Context(), `UPDATE visits SET confidential = 1 WHERE id = ?`, v.ID); err != nil {
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
	open, _ := p.visit(noService)
	wantWords(t, r.get("/desk/visits/"+open.ID+"/people/"+open.Invitations[0].ID+"/letter"), "This link does not ask for a date of birth")
}

// TestDeskSaysWhoIsWrittenTo: the pages of links, and those of changes, promise messages to whom the server can write, and to nobody else.
func TestDeskSaysWhoIsWrittenTo(t *testing.T) {
	const sent, unsent = "An automatic message brings them this link.", "No automatic message brings them this link."
	for _, c := range []struct {
		name         string
		sends        visits.Ways
		links, told  string
		sent, unsent int
	}{
		{"nothing", visits.Ways{}, "Nobody gets their link in an automatic message.", "Nobody gets a message: we can’t write to any of them. Please tell everybody yourself.", 0, 3},
		{"e-mail", visits.Ways{Email: true}, "Who gets their link in an automatic message is said below.",
			"Everybody gets a message, except those we can’t write to: " + canaryPatient + ". Please tell them yourself.", 1, 2},
		{"both", visits.Ways{Email: true, SMS: true}, "Who gets their link in an automatic message is said below.", "Everybody gets a message.", 2, 1},
	} {
		d := newDesk(t, func(h *hospital) { h.sends = c.sends })
		r := d.signIn(auth.Scheduler)
		v, _, err := d.Create(t.Context(), d.scheduler, visits.Request{Service: "Cardiology", StartsAt: noon.Add(24 * time.Hour), Minutes: 30, AskBirthDate: true, BirthDate: canaryBirthDate,
			People: []visits.Person{{Name: canaryPatient, Role: auth.Patient, Phone: "+12125550123"}, {Name: canaryGuardian, Role: auth.Guardian, Email: "guardian@example.org"},
				{Name: canaryClinician, Role: auth.Clinician, Email: "clinician@example.org"}}})
		if err != nil {
			t.Fatal(err)
		}
		path := "/desk/visits/" + v.ID
		links := r.get(path + "/links?made")
		wantWords(t, links, c.links)
		if body := words(links); strings.Count(body, sent) != c.sent || strings.Count(body, unsent) != c.unsent {
			t.Errorf("%s: links: %s", c.name, body)
		}
		for _, page := range []string{"/cancel", "/move", "?done=moved", "?done=cancelled"} {
			wantWords(t, r.get(path+page), c.told)
		}
	}
}

// TestDeskLinksOfOpenVisits: where no date of birth is asked for, no message holds a link.
func TestDeskLinksOfOpenVisits(t *testing.T) {
	p := newPractice(t)
	r := newDeskOf(t, p.hospital).signIn(auth.Scheduler)
	open, _ := p.visit(noService)
	wantWords(t, r.get("/desk/visits/"+open.ID+"/people/"+open.Invitations[0].ID+"/link"), "Our automatic messages do not hold the links of this visit")
}
