package after_test

import (
	"net/http"
	"strings"
	"testing"

	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/visits"
)

// of makes a visit that of a patient with these contacts.
func (c *clinic) of(v visits.Visit, contacts ...people.Contact) {
	c.t.Helper()
	c.known.all[v.ID] = people.Patient{ID: v.ID, Name: "Canary Patientname", BirthDate: bornOn, Contacts: contacts}
	if _, err := c.db.ExecContext(c.t.Context(), `UPDATE visits SET patient_id = id WHERE id = ?`, v.ID); err != nil {
		c.t.Fatal(err)
	}
}

// states are those of the messages about a visit's summary.
func (c *clinic) states(v visits.Visit) (all []notify.State) {
	c.t.Helper()
	messages, err := c.outbox.About(c.t.Context(), "summary "+v.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range messages {
		all = append(all, m.State)
	}
	return all
}

// TestSummaryTellsNoGuardian: an address of a confidential visit's patient that has become a guardian's since is not written to, and the page says that nobody is.
func TestSummaryTellsNoGuardian(t *testing.T) {
	c := newClinic(t)
	v, _ := c.attended(true, patient)
	family := people.Contact{ID: "family", Kind: people.Guardian, Name: guardian.Name, Email: "Patient@example.org"}
	c.of(v, family)
	path := "/desk/visits/" + v.ID + "/after"
	status, page := c.browser().post(path+"/summary", "base", "0", "text", "Sample", "language", "en")
	if all := c.states(v); len(all) != 0 || status != http.StatusOK || !strings.Contains(page, c.words("after.done.untold")) {
		t.Errorf("%d, messages %v: %s", status, all, page)
	}
	c.of(v)
	if status, page = c.browser().post(path+"/summary", "base", "1", "text", "Sample, anew", "language", "en"); !strings.Contains(page, c.words("after.done.published_confidential")) {
		t.Errorf("to the patient alone: %d %s", status, page)
	}
	c.of(v, family) // before it is sent
	c.sends(func() bool { return true })
	if all := c.states(v); len(all) != 1 || all[0] != notify.Stopped || len(c.mail.Mailbox("patient@example.org")) != 0 {
		t.Errorf("messages %v", all)
	}
}

// TestSummaryInTheSitesLanguage: who has said no language is told in the first of the site.
func TestSummaryInTheSitesLanguage(t *testing.T) {
	c := newClinic(t)
	if _, err := c.db.ExecContext(t.Context(), `UPDATE sites SET languages = 'es en'`); err != nil {
		t.Fatal(err)
	}
	child, parent := patient, guardian
	child.Language, parent.Language = "", ""
	c.publish(c.took(false, child, parent), 0, "Sample")
	if letter := c.delivers("guardian@example.org", 1); !strings.Contains(letter, "visita") {
		t.Errorf("the guardian reads %q", letter)
	}
}
