package reminders_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/visits"
)

// TestLinkAgain: a family that lost its message gets it once more, with the link that it has, when somebody presses the button; no form does so twice.
func TestLinkAgain(t *testing.T) {
	h := newHouse(t)
	v := h.visit(h.patient(false), nil)
	guardian, doctor := v.Invitations[1], v.Invitations[2]
	program := func(i visits.Invitation, want string) {
		t.Helper()
		n, err := h.reminders.LinkAgain(t.Context(), h.scheduler, v.ID, i.ID, -1, func(visits.Visit) error { return nil })
		if key := keyOf(err); key != want || (err == nil) != (n == 2) {
			t.Errorf("%d messages, %v, want %q", n, err, want)
		}
	}
	ask := h.desk(auth.Scheduler)
	person := "/desk/visits/" + v.ID + "/people/" + guardian.ID
	press := func(times string, want int) {
		t.Helper()
		if status, to, _ := ask(person+"/again", url.Values{"times": {times}}); status != want || want == http.StatusSeeOther && to != person+"/link?again" {
			t.Errorf("pressed after %s: %d %s, want %d", times, status, to, want)
		}
		h.due()
	}
	page := func(want ...string) {
		t.Helper()
		_, _, body := ask(person+"/link?again", nil)
		for _, s := range want {
			if !strings.Contains(body, s) {
				t.Errorf("the page lacks %q: %s", s, body)
			}
		}
	}

	program(guardian, "link_just_sent")
	h.until(noon.Add(2 * time.Minute))
	page("A message with this link went out ", `action="`+person+`/again"`, `name="times" value="0"`, "Send it again now")
	press("0", http.StatusSeeOther)
	letters := h.wantSubjects(guardianMail, "Visita", "Visita")
	h.wantSubjects(childMail, "Video visit")
	if link := h.LinkToSend(v, guardian); len(letters) == 2 && !strings.Contains(letters[1].text, link) || len(h.sms[guardianCell]) != 2 {
		t.Errorf("sent again %+v, %d text messages", letters, len(h.sms[guardianCell]))
	}
	press("0", http.StatusSeeOther) // the same form
	press("1", http.StatusConflict) // too soon
	press("x", http.StatusUnprocessableEntity)
	h.until(noon.Add(4 * time.Minute))
	press("0", http.StatusSeeOther) // the same form, later
	h.wantSubjects(guardianMail, "Visita", "Visita")
	page(`name="times" value="1"`)
	program(guardian, "")
	h.due()
	h.wantSubjects(guardianMail, "Visita", "Visita", "Visita")
	program(doctor, "link_unsent")
	if got, _, _ := h.desk(auth.Coordinator)(person+"/again", url.Values{"times": {"2"}}); got != http.StatusNotFound {
		t.Errorf("who may not plan visits gets %d", got)
	}
	h.must(h.Cancel(t.Context(), h.scheduler, v.ID))
	program(guardian, "visit_over.links")
}

// TestLinkLost: the page of a link says that the message with it failed, or may not have arrived, where no other way brought it, until another has.
func TestLinkLost(t *testing.T) {
	h := newHouse(t)
	h.refused.Store(true)
	v := h.visit(h.patient(false), nil)
	h.refused.Store(false)
	h.until(noon.Add(2 * time.Minute))
	ask := h.desk(auth.Scheduler)
	person := "/desk/visits/" + v.ID + "/people/" + v.Invitations[0].ID
	const failed, unsure = "The last message with this link could not be sent.", "The last message with this link may not have arrived."
	page := func(person, want string) {
		t.Helper()
		_, _, body := ask(person+"/link", nil)
		for _, says := range []string{failed, unsure, "A message with this link went out "} {
			if strings.Contains(body, says) != (says == want) {
				t.Errorf("the page says %q, or lacks it: %s", says, body)
			}
		}
		if lost := want == failed || want == unsure; strings.Contains(body, `href="/desk/visits/`+v.ID+`/messages"`) != lost || !strings.Contains(body, `action="`+person+`/again"`) {
			t.Errorf("what to do is not offered: %s", body)
		}
	}
	page("/desk/visits/"+v.ID+"/people/"+v.Invitations[1].ID, "A message with this link went out ") // by SMS
	page(person, failed)
	if _, err := h.db.ExecContext(t.Context(), `UPDATE notify_messages SET state = 'unsure' WHERE state = 'failed'`); err != nil {
		t.Fatal(err)
	}
	page(person, unsure)
	if status, _, _ := ask(person+"/again", url.Values{"times": {"0"}}); status != http.StatusSeeOther {
		t.Errorf("sent again: %d", status)
	}
	h.due()
	page(person, "A message with this link went out ")
}

// keyOf is the key of a problem; "": it is none.
func keyOf(err error) string {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return ""
	}
	return p.Key
}
