package visits_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"housecall/auth"
	"housecall/platform/store"
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

// TestDeskLinksAreToldOf: the page of links says of whom the house writes to by itself, and never that it writes to nobody.
func TestDeskLinksAreToldOf(t *testing.T) {
	p := newPractice(t)
	r := newDeskOf(t, p.hospital).signIn(auth.Scheduler)
	asking, _, err := p.Create(t.Context(), p.scheduler, p.request())
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, r.get("/desk/visits/"+asking.ID+"/links?made"), "Families with an email address or a telephone number get their link in an automatic message")
	open, _ := p.visit(noService)
	wantWords(t, r.get("/desk/visits/"+open.ID+"/people/"+open.Invitations[0].ID+"/link"), "Our automatic messages do not hold the links of this visit")
}
