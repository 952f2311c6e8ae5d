package after_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/after"
)

// TestLinkAgain: who lost the message gets the same link once more, without a new version, once however often the button was pressed.
func TestLinkAgain(t *testing.T) {
	c := newClinic(t)
	v, w := c.attended(false, patient, guardian)
	path := "/desk/visits/" + v.ID + "/after"
	again := path + "/people/" + v.Invitations[2].ID + "/again"
	if _, page := c.browser().get(path); strings.Contains(page, "/again") {
		t.Error("a link is offered before there is a summary")
	}
	c.gives(w, 0)
	code := codeIn(t, c.delivers("guardian@example.org", 1))
	b := c.browser()
	if status, _ := b.opens(code); status != http.StatusOK {
		t.Fatalf("the link: %d", status)
	}
	if status, page := c.browser().post(again, "times", "0"); status != http.StatusConflict || !strings.Contains(page, c.words("problem.summary_just_sent")) {
		t.Errorf("within a minute: %d %s", status, page)
	}
	c.pass(20 * 24 * time.Hour)
	if _, page := c.browser().get(path); !strings.Contains(page, "An email with the link went out") || !strings.Contains(page, c.words("after.link.again")) {
		t.Errorf("the page: %s", page)
	}
	for range 2 {
		if status, page := c.browser().post(again, "times", "0"); status != http.StatusOK || !strings.Contains(page, c.words("after.done.linked")) || !strings.Contains(page, `name="times" value="1"`) {
			t.Errorf("sent again: %d %s", status, page)
		}
	}
	if renewed := codeIn(t, c.delivers("guardian@example.org", 2)); renewed != code {
		t.Error("the link sent again is another")
	}
	if all, children := c.states(v), c.mail.Mailbox("patient@example.org"); len(all) != 3 || len(children) != 1 {
		t.Errorf("messages %v, %d of them to the patient", all, len(children))
	}
	c.pass(20 * 24 * time.Hour) // later than it worked before
	if status, page := c.browser().opens(code); status != http.StatusOK || !strings.Contains(page, "Sample") {
		t.Errorf("the link sent again: %d %s", status, page)
	}
	if versions, _, err := c.Summaries(t.Context(), w); err != nil || len(versions) != 1 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
	if got := c.audited("summary.again"); !slices.Contains(got, "allowed invitation "+v.Invitations[2].ID+" times 1") || len(got) != 2 {
		t.Errorf("audited %q", got)
	}
}

// TestLinkAgainUnlocks: whose link wrong dates have locked gets another, and none that waits is sent beside it.
func TestLinkAgainUnlocks(t *testing.T) {
	c := newClinic(t)
	v, w := c.attended(false, patient)
	c.gives(w, 0)
	code := codeIn(t, c.delivers("patient@example.org", 1))
	for range 5 {
		c.browser().post(after.OpenPath, "code", code, "day", "1", "month", "1", "year", "2012")
	}
	for times := range 2 { // the first still waits when the second is sent
		c.pass(2 * time.Minute)
		if err := c.LinkAgain(t.Context(), w, v.Invitations[1].ID, times); err != nil {
			t.Fatal(err)
		}
	}
	if renewed := codeIn(t, c.delivers("patient@example.org", 2)); renewed == code {
		t.Error("the locked link was sent again")
	} else if status, _ := c.browser().opens(renewed); status != http.StatusOK {
		t.Errorf("the new link: %d", status)
	}
	if all := c.states(v); !slices.Equal(all, []notify.State{notify.Sent, notify.Stopped, notify.Sent}) {
		t.Errorf("messages %v", all)
	}
}

// TestLinkAgainIsForReaders: nobody gets a link by hand who may not read, whom nobody can write to, of whose visit there is no summary, or from somebody else's clinician.
func TestLinkAgainIsForReaders(t *testing.T) {
	c := newClinic(t)
	v, w := c.attended(true, visits.Person{Name: patient.Name, Role: auth.Patient}, visits.Person{Name: guardian.Name, Role: auth.Guardian}, visits.Person{Name: guest.Name, Role: auth.Guest})
	send := func(w after.Writer, person int) error {
		t.Helper()
		return c.LinkAgain(t.Context(), w, v.Invitations[person].ID, 0)
	}
	wantCode(t, send(w, 1), fault.CodeNotFound, fault.NotFound) // there is nothing to read
	c.gives(w, 0)
	c.pass(time.Hour)
	wantCode(t, send(w, 1), fault.CodeConflict, fault.NotValid)
	for _, person := range []int{0, 2, 3} {
		wantCode(t, send(w, person), fault.CodeNotFound, fault.NotFound)
	}
	wantCode(t, send(after.Signed(auth.Actor{Kind: auth.KindStaff, ID: "another", Role: auth.Clinician}, v.ID), 1), fault.CodeNotFound, fault.NotFound)
	if n, links := len(c.states(v)), c.count("after_links"); n != 0 || links != 1 {
		t.Errorf("%d messages, %d links", n, links)
	}
	path := "/desk/visits/" + v.ID + "/after"
	if _, page := c.browser().get(path); !strings.Contains(page, c.words("after.link.unreached")) || strings.Contains(page, "/again") || strings.Count(page, `class="desk-name"`) != 1 {
		t.Errorf("the page: %s", page)
	}
}

// TestWhoCanReadIsSaid: where nobody can be written to the page warns and says what to do, and of a confidential visit it speaks of the patient alone.
func TestWhoCanReadIsSaid(t *testing.T) {
	c := newClinic(t)
	v, _ := c.attended(true, patient)
	c.of(v, people.Contact{ID: "family", Kind: people.Guardian, Name: guardian.Name, Email: "Patient@example.org"})
	path := "/desk/visits/" + v.ID + "/after"
	publish := func(base string) string {
		t.Helper()
		_, page := c.browser().post(path+"/summary", "base", base, "text", "Sample", "language", "en")
		return page
	}
	if page := publish("0"); !strings.Contains(page, `<div class="notice warn" role="status"><p>`+c.words("after.done.untold")) {
		t.Errorf("nobody is told: %s", page)
	}
	c.of(v)
	if page := publish("1"); !strings.Contains(page, `<div class="notice good" role="status"><p>`+c.words("after.done.published_confidential")) || strings.Contains(page, "The family can read it") {
		t.Errorf("the patient is told: %s", page)
	}
}

// TestSummaryTwice: the same summary that its author gives once more within minutes is the version that they gave.
func TestSummaryTwice(t *testing.T) {
	c := newClinic(t)
	v, colleague := c.attended(false, patient, guardian)
	first := c.publish(v, 0, "Rest.")
	c.delivers("guardian@example.org", 1)
	give := func(w after.Writer, text phi.Text, language string) (int, error) {
		return c.Publish(t.Context(), w, 0, text, language)
	}
	c.pass(3 * time.Second)
	if told, err := give(invited(v, 0), "Rest.", "en"); err != nil || told != first || first != 2 {
		t.Errorf("told %d of %d, %v", told, first, err)
	}
	for name, other := range map[string]func() (int, error){
		"another text":     func() (int, error) { return give(invited(v, 0), "Rest!", "en") },
		"another language": func() (int, error) { return give(invited(v, 0), "Rest.", "es") },
		"another author":   func() (int, error) { return give(colleague, "Rest.", "en") },
		"another file":     func() (int, error) { return c.Publish(t.Context(), invited(v, 0), 0, "Rest.", "en", store.NewID()) },
	} {
		if told, err := other(); fault.CodeOf(err) != fault.CodeConflict || told != 0 {
			t.Errorf("%s: told %d, %v", name, told, err)
		}
	}
	c.pass(6 * time.Minute)
	if _, err := give(invited(v, 0), "Rest.", "en"); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("minutes later: %v", err)
	}
	if n := c.count("after_summaries"); n != 1 || c.count("notify_messages") != 2 {
		t.Errorf("%d versions, %d messages", n, c.count("notify_messages"))
	}
	if got := c.audited("summary.publish"); !slices.Equal(got, []string{"allowed version 1 told 2 files 0", "allowed version 1 as before"}) {
		t.Errorf("audited %q", got)
	}
}
