package after_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/mail"
	"net/url"
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

const bornOn = "2012-05-31"

// took makes a visit with these people that took place.
func (c *clinic) took(confidential bool, people ...visits.Person) visits.Visit {
	c.t.Helper()
	people = append([]visits.Person{doctor}, people...)
	v, _, err := c.visits.Create(c.t.Context(), auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: c.now(), Minutes: 30, BirthDate: bornOn,
		Confidential: &confidential, People: people})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range []visits.RoomEvent{{Kind: visits.RoomAdmitted, Invitation: v.Invitations[1].ID, Role: auth.Patient}, {Kind: visits.RoomEnded}} {
		e.Visit, e.At = v.ID, c.now()
		if err := c.visits.OnRoomEvent(c.t.Context(), e); err != nil {
			c.t.Fatal(err)
		}
	}
	return v
}

var (
	patient  = visits.Person{Name: "Canary Patientname", Role: auth.Patient, Email: "patient@example.org", Language: "es"}
	guardian = visits.Person{Name: "Canary Guardianname", Role: auth.Guardian, Email: "guardian@example.org", Language: "en"}
	guest    = visits.Person{Name: "Canary Guestname", Role: auth.Guest, Email: "guest@example.org"}
)

func (c *clinic) publish(v visits.Visit, base int, text phi.Text) int {
	c.t.Helper()
	told, err := c.Publish(c.t.Context(), invited(v, 0), base, text, "en")
	if err != nil {
		c.t.Fatal(err)
	}
	return told
}

// delivers sends all that is due, until a mailbox has so many letters, and returns the last.
func (c *clinic) delivers(mailbox string, letters int) string {
	c.t.Helper()
	c.sends(func() bool { return len(c.mail.Mailbox(mailbox)) >= letters })
	return text(c.t, c.mail.Mailbox(mailbox)[letters-1].Raw)
}

// sends sends all that is due, until enough is. A queue that ended while it sends something would leave that unsure.
func (c *clinic) sends(enough func() bool) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.queue.Run(ctx) }()
	defer func() { cancel(); <-done }()
	for !enough() || c.unsent() > 0 {
		if c.t.Context().Err() != nil {
			c.t.Fatal("not everything was sent")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// unsent counts the letters that wait, or are on their way.
func (c *clinic) unsent() (n int) {
	c.t.Helper()
	backlogs, err := c.outbox.Backlogs(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range backlogs {
		n += b.Waiting
	}
	return n
}

// text is what stands in a letter for who reads no HTML.
func text(t *testing.T, letter []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := multipart.NewReader(m.Body, parameters["boundary"]).NextPart() // which decodes it
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(first)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// browser is somebody's browser on the pages of families.
type browser struct {
	c    *clinic
	http *http.Client
}

func (c *clinic) browser() browser {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	transport := &http.Transport{}
	c.t.Cleanup(transport.CloseIdleConnections)
	return browser{c, &http.Client{Jar: jar, Transport: transport}}
}

func (b browser) get(path string) (int, string) { return b.ask(http.MethodGet, path, nil) }

func (b browser) post(path string, form ...string) (int, string) {
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	return b.ask(http.MethodPost, path, v)
}

func (b browser) ask(method, path string, form url.Values) (int, string) {
	b.c.t.Helper()
	r, err := http.NewRequestWithContext(b.c.t.Context(), method, b.c.front.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.c.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// codeIn is the code of the link in a letter.
func codeIn(t *testing.T, letter string) string {
	t.Helper()
	_, rest, found := strings.Cut(letter, after.OpenPath+"#")
	if !found {
		t.Fatalf("no link in %q", letter)
	}
	code, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(code)
}

// opens opens a link with the patient's date of birth, and reads.
func (b browser) opens(code string) (int, string) {
	return b.post(after.OpenPath, "code", code, "day", "٣١", "month", "۵", "year", "２０１２")
}

// TestSummary: written, told by a message that tells nothing of it, read by the link and the date of birth, escaped, and replaced.
func TestSummary(t *testing.T) {
	c := newClinic(t)
	v := c.took(false, patient, guardian, guest)
	if told := c.publish(v, 0, "Drink \u202e<b>a lot</b>\u202c.\n\n- Water\n- Tea"); told != 2 {
		t.Errorf("%d were told", told)
	}
	c.delivers("patient@example.org", 1)
	letter := c.delivers("guardian@example.org", 1)
	for _, secret := range []string{"Drink", "Canary", "Cardiology", bornOn} {
		if strings.Contains(letter, secret) {
			t.Errorf("the message tells %q: %s", secret, letter)
		}
	}
	if n := len(c.mail.Mailbox("guest@example.org")); n != 0 {
		t.Errorf("a guest got %d messages", n)
	}
	code, b := codeIn(t, letter), c.browser()
	if status, _ := b.get("/after/visit"); status != http.StatusNotFound {
		t.Errorf("before the link was opened: %d", status)
	}
	if status, page := b.post(after.OpenPath, "code", code); status != http.StatusOK || !strings.Contains(page, `name="year"`) {
		t.Errorf("without a date of birth: %d", status)
	}
	if status, page := b.post(after.OpenPath, "code", code, "day", "1", "month", "5", "year", "2012"); status != http.StatusUnprocessableEntity || strings.Contains(page, "Water") {
		t.Errorf("with a wrong date of birth: %d", status)
	}
	status, page := b.opens(code)
	if status != http.StatusOK || !strings.Contains(page, "Drink &lt;b&gt;a lot&lt;/b&gt;.") || !strings.Contains(page, "<li>Water</li>") || !strings.Contains(page, `<a href="tel:&#43;16175550100"><bdi dir="ltr">&#43;1 617 555 0100<`) {
		t.Errorf("the page: %d %s", status, page)
	}
	_, err := c.Publish(t.Context(), invited(v, 0), 0, "Sample", "en")
	wantCode(t, err, fault.CodeConflict, fault.NotValid)
	c.publish(v, 1, "Rest.")
	if again := codeIn(t, c.delivers("guardian@example.org", 2)); again != code {
		t.Error("another version has another link")
	}
	if _, page := b.get("/after/visit"); !strings.Contains(page, "Rest.") || strings.Contains(page, "Water") || !strings.Contains(page, c.words("after.changed")) {
		t.Errorf("the page of the second version: %s", page)
	}
	if all, _, err := c.Summaries(t.Context(), invited(v, 0)); err != nil || len(all) != 2 || all[1].Text != "Drink <b>a lot</b>.\n\n- Water\n- Tea" {
		t.Errorf("%d versions are kept, %v", len(all), err)
	}
	if spanish := c.delivers("patient@example.org", 2); !strings.Contains(spanish, "visita") {
		t.Errorf("the patient reads %q", spanish)
	}
	c.pass(2 * time.Hour)
	if status, _ := b.get("/after/visit"); status != http.StatusNotFound {
		t.Errorf("hours after the link was opened: %d", status)
	}
	if status, _ := b.opens(code); status != http.StatusOK {
		t.Errorf("the link once more: %d", status)
	}
	c.pass(31 * 24 * time.Hour)
	if status, _ := b.opens(code); status != http.StatusGone {
		t.Errorf("the link after its days: %d", status)
	}
}

// TestConfidentialSummary: of a confidential visit nobody hears but the patient.
func TestConfidentialSummary(t *testing.T) {
	c := newClinic(t)
	v := c.took(true, patient, visits.Person{Name: guardian.Name, Role: auth.Guardian})
	if told := c.publish(v, 0, "Canary advice"); told != 1 {
		t.Errorf("%d were told", told)
	}
	code := codeIn(t, c.delivers("patient@example.org", 1))
	if _, page := c.browser().opens(code); !strings.Contains(page, "Canary advice") {
		t.Errorf("the patient's page: %s", page)
	}
	if n := c.count(`after_links`); n != 1 {
		t.Errorf("%d links were made", n)
	}
	if c.onDisk("Canary advice") {
		t.Error("the summary stands in the database as it is")
	}
}

// TestSummaryLinkIsLocked after five wrong dates, from however many browsers.
func TestSummaryLinkIsLocked(t *testing.T) {
	c := newClinic(t)
	v := c.took(false, patient)
	c.publish(v, 0, "Sample")
	code := codeIn(t, c.delivers("patient@example.org", 1))
	for range 4 {
		if status, _ := c.browser().post(after.OpenPath, "code", code, "day", "1", "month", "1", "year", "2012"); status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong date: %d", status)
		}
	}
	for range 2 {
		if status, _ := c.browser().post(after.OpenPath, "code", code, "day", "1", "month", "1", "year", "2012"); status != http.StatusLocked {
			t.Errorf("the fifth wrong date: %d", status)
		}
	}
	if status, _ := c.browser().opens(code); status != http.StatusLocked {
		t.Errorf("the right date then: %d", status)
	}
	if got := c.audited("after.open"); len(got) != 7 || slices.ContainsFunc(got, func(row string) bool { return !strings.HasPrefix(row, "refused") }) {
		t.Errorf("audited %q", got)
	}
	c.publish(v, 1, "Sample, anew")
	if renewed := codeIn(t, c.delivers("patient@example.org", 2)); renewed == code {
		t.Error("the locked link was sent again")
	} else if status, _ := c.browser().opens(renewed); status != http.StatusOK {
		t.Errorf("the new link: %d", status)
	}
}

// TestSummaryLinkFollowsThePatient: who was locked out by a wrong date reads by the same link once it is corrected.
func TestSummaryLinkFollowsThePatient(t *testing.T) {
	c := newClinic(t)
	v := c.took(false, patient)
	old := people.Patient{ID: store.NewID(), Name: "Canary Patientname", BirthDate: bornOn}
	if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET patient_id = ?, birth_date = '2012-05-13' WHERE id = ?`, old.ID, v.ID); err != nil {
		t.Fatal(err)
	}
	c.publish(v, 0, "Sample")
	code := codeIn(t, c.delivers("patient@example.org", 1))
	for range 5 {
		c.browser().opens(code)
	}
	if status, _ := c.browser().opens(code); status != http.StatusLocked {
		t.Errorf("five times the right date, which nobody knows: %d", status)
	}
	saved := func() { // with another change, for the date was corrected before visits followed
		t.Helper()
		now := old
		now.Number = "1"
		err := c.db.Tx(t.Context(), func(tx *store.Tx) error {
			return errors.Join(c.FollowPatient(t.Context(), tx, now), c.visits.FollowPatient(t.Context(), tx, auth.Operator(), old, now))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	saved()
	if status, page := c.browser().opens(code); status != http.StatusOK {
		t.Errorf("corrected: %d %s", status, page)
	}
	for range 5 {
		c.browser().post(after.OpenPath, "code", code, "day", "1", "month", "1", "year", "2012")
	}
	saved()
	if status, _ := c.browser().opens(code); status != http.StatusLocked {
		t.Errorf("locked by dates that are wrong as before: %d", status)
	}
}

// TestNobodyIsToldWhatHoldsNoMore: a message that was not sent yet is not needed where its person is invited no more.
func TestNobodyIsToldWhatHoldsNoMore(t *testing.T) {
	c := newClinic(t)
	v := c.took(false, patient, guardian)
	c.publish(v, 0, "Sample")
	if err := c.visits.Withdraw(t.Context(), auth.Operator(), v.ID, v.Invitations[2].ID); err != nil {
		t.Fatal(err)
	}
	c.publish(v, 1, "Sample, anew")
	c.delivers("patient@example.org", 1)
	all, err := c.outbox.About(t.Context(), "summary "+v.ID)
	states := map[notify.State]int{}
	for _, m := range all {
		states[m.State]++
	}
	if err != nil || len(c.mail.Mailbox("guardian@example.org")) != 0 {
		t.Errorf("%v, states %v", err, states)
	}
}

// TestOnlyAfterTheVisit: there is nothing to sum up before, and nobody is asked how it went.
func TestOnlyAfterTheVisit(t *testing.T) {
	c := newClinic(t)
	v := c.visit(doctor)
	_, err := c.Publish(t.Context(), invited(v, 0), 0, "Sample", "en")
	wantCode(t, err, fault.CodeConflict, fault.NotValid)
	for what, bad := range map[string]struct{ text, language string }{"nothing": {" ", "en"}, "a language there is not": {"Sample", "xx"}, "too much": {strings.Repeat("a", after.MaxSummary+1), "en"}} {
		if _, err := c.Publish(t.Context(), invited(v, 0), 0, phi.Text(bad.text), bad.language); fault.CodeOf(err) != fault.CodeNotValid {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = c.Publish(t.Context(), after.Signed(auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}, v.ID), 0, "Sample", "en")
	wantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
}

// TestSurvey: each person answers once, may change that until the window closes, and is counted without a name.
func TestSurvey(t *testing.T) {
	c := newClinic(t)
	v := c.took(false, patient, guardian)
	c.publish(v, 0, "Sample")
	b := c.browser()
	b.opens(codeIn(t, c.delivers("guardian@example.org", 1)))
	if status, page := b.post("/after/visit/survey", "worked", "yes", "comment", "Canary comment"); status != http.StatusUnprocessableEntity ||
		!strings.Contains(page, c.words("after.wrong.answered")) || !strings.Contains(page, "Canary comment") || !strings.Contains(page, `value="yes" checked`) {
		t.Errorf("half an answer: %d %s", status, page)
	}
	for _, worked := range []string{"yes", "partly"} {
		if status, page := b.post("/after/visit/survey", "worked", worked, "answered", "no", "comment", "Canary comment"); status != http.StatusOK || !strings.Contains(page, c.words("after.survey.thanks")) {
			t.Errorf("an answer: %d", status)
		}
	}
	if want := []string{v.ID + " , yes,no", v.ID + " yes,no partly,no"}; !slices.Equal(c.said, want) {
		t.Errorf("counted %q, want %q", c.said, want)
	}
	if c.onDisk("Canary comment") {
		t.Error("a comment stands in the database as it is")
	}
	c.pass(30 * 24 * time.Hour)
	if status, _ := b.post("/after/visit/survey", "worked", "no", "answered", "no"); status != http.StatusNotFound && status != http.StatusGone {
		t.Errorf("after its days: %d", status)
	}
}
