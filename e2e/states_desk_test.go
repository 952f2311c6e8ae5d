package e2e

import (
	"net/http"
	"testing"
	"time"

	"housecall/auth"
	"housecall/e2e/bidi"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
)

// deskStates are all states of the staff's pages.
var deskStates = []state{
	{"setup", "making the first account"},
	{"setup-wrong", "with everything wrong"},
	{"already-set-up", "the set-up link, once more"},
	{"sign-in", "signing in"},
	{"sign-in-wrong", "with a wrong password"},
	{"sign-in-locked", "after too many wrong passwords"},
	{"signed-out", "after signing out"},
	{"sign-in-expired", "the session was over when a page was opened"},
	{"not-saved", "the session was over when a form was sent"},
	{"list-empty", "no visit is planned"},
	{"list", "today's visits"},
	{"list-upcoming", "those of other days"},
	{"list-past", "those that were"},
	{"new", "a new visit"},
	{"new-more", "with a date of birth and more people"},
	{"new-wrong", "with everything wrong"},
	{"new-suggested", "patients while somebody types"},
	{"new-found", "patients who were looked for"},
	{"new-picked", "with a patient who was chosen"},
	{"new-stranger", "with a clinician whom no account is of, and a service that the site does not have"},
	{"dates", "the dates of a series, before it is made"},
	{"series", "a series that was just made"},
	{"letter", "a letter to print"},
	{"import", "choosing a file of visits"},
	{"import-wrong", "a file with which something is wrong"},
	{"import-preview", "a file that can be made"},
	{"search", "looking for a visit"},
	{"search-wrong", "for nothing"},
	{"search-none", "for what there is not"},
	{"search-found", "for a patient's visits"},
	{"schedule", "the clinic's day"},
	{"schedule-week", "its week"},
	{"move", "moving a visit"},
	{"move-wrong", "to a time that there is not"},
	{"links", "the links of a visit that was just made, one message open"},
	{"visit", "a visit and its people"},
	{"visit-wrong", "adding nobody"},
	{"visit-guardian", "with a guardian of the patient who could come, too"},
	{"messages", "what people of a visit were told, and a form to say that it runs late"},
	{"late", "people were told that it runs late"},
	{"edit", "changing what a visit is about"},
	{"mend", "changing how somebody is called and reached"},
	{"link-added", "the link of somebody who was just added"},
	{"new-link-sure", "is the old link to stop working?"},
	{"new-link", "the new link"},
	{"revoke-sure", "is a link to be revoked?"},
	{"revoked", "a link was revoked"},
	{"cancel-sure", "is the visit to be cancelled?"},
	{"cancelled", "the visit was cancelled"},
	{"not-found", "a page that does not exist"},
}

// TestDeskStates goes through every state of the staff's pages.
func TestDeskStates(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tour := newTour(t, language)
			p := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
			p.allows("status of 422", "422 to POST", "status of 410", "410 to GET", "status of 404", "404 to GET", "status of 429", "429 to POST",
				"status of 401", "401 to POST")
			tour.account(p)
			tour.deskVisit(p)
			tour.deskSeries(p)
			tour.deskEnds(p)
			tour.complete(deskStates)
		})
	}
}

// submits sends the form of the page's main part.
func (p *Person) submits() {
	p.t.Helper()
	p.follows("submit", `main form button:not([type=button]):not([name])`)
}

// follows clicks what a selector finds and waits for the page after this one.
func (p *Person) follows(what, selector string) {
	p.t.Helper()
	p.await(what, `(selector) => {
		const found = document.querySelector(selector);
		if (!found?.checkVisibility()) return false;
		document.documentElement.dataset.left = "";
		found.click();
		return true;
	}`, selector)
	p.await("see the next page", `() => document.readyState === "complete" && !("left" in document.documentElement.dataset)`)
}

// see opens a page of the desk and examines it.
func (tour *tour) see(p *Person, path, state string) {
	tour.t.Helper()
	p.goTo(tour.url + path)
	p.examine(state)
}

// account is the way to an account and in.
func (tour *tour) account(p *Person) {
	code, _, err := tour.server.Accounts.EnsureSetup(tour.t.Context())
	if err != nil {
		tour.t.Fatal(err)
	}
	tour.see(p, "/setup", "setup")
	p.submits()
	p.examine("setup-wrong")
	p.fills("#code", code)
	p.fills("#name", "Sam Scheduler")
	p.fills("#email", "sam@example.org")
	p.fills("#password", "four words in a row")
	p.submits()
	p.shows(".desk-empty")
	p.examine("list-empty")
	tour.see(p, "/setup", "already-set-up")

	other := tour.takes(p.device(bidi.Laptop))
	other.allows(p.allowed...)
	tour.see(other, "/sign-in?why=expired", "sign-in-expired")
	tour.see(other, "/sign-in", "sign-in")
	for i := range 6 {
		other.fills("#email", "nobody@example.org")
		other.fills("#password", "some other words")
		other.submits()
		if i == 0 {
			other.examine("sign-in-wrong")
		}
	}
	other.shows(".notice.warn")
	other.examine("sign-in-locked")
}

// needsHelp has the patient of a visit find before it that they have no camera.
func (tour *tour) needsHelp(visit Booked) {
	tour.t.Helper()
	patient := tour.takes(seat(tour.t, 1, robin, bidi.Phone, "Chromium", bidi.Missing))
	patient.allows("status of 425", "425 to POST")
	patient.goTo(visit.link(tour.t, robin))
	patient.reaches("too-early")
	patient.taps("early.test")
	patient.reaches("check-early")
	patient.taps("early.done")
	patient.reaches("too-early")
	patient.reads(patient.word("early.help"))
}

// deskVisit makes a visit and looks at all its pages.
func (tour *tour) deskVisit(p *Person) {
	t := tour.t
	tour.see(p, "/desk/new", "new")
	p.submits()
	p.examine("new-wrong")
	p.await("ask for a date of birth", `() => { const box = document.querySelector("#ask_birth_date"); box.checked || box.click(); return box.checked; }`)
	p.follows("add a row", "button[name=more]")
	p.shows("#birth_date")
	p.examine("new-more")

	p.goTo(tour.url + "/desk/new")
	p.fills("#service", "Cardiology")
	now := time.Now().UTC()
	p.fills("#date", now.Format(time.DateOnly))
	p.fills("#time", now.Format("15:04"))
	p.fills("#patient", robin)
	p.fills("#clinician", drAda)
	p.submits()
	p.await("open a message", `() => { const found = document.querySelector("details"); if (found) found.open = true; return found; }`)
	p.examine("links")
	p.follows("go to the visit", "main a")
	p.examine("visit")
	p.submits()
	p.shows(".summary")
	p.examine("visit-wrong")
	p.fills("#name", kit)
	p.await("choose a role", `() => { const role = document.querySelector("#role"); role.value = "guardian"; return role.value; }`)
	p.submits()
	p.shows(".desk-copy")
	p.examine("link-added")

	booked := tour.book(0, noor, "interpreter")
	tour.see(p, "/desk/visits/"+booked.ID+"/messages", "messages")
	p.submits()
	p.examine("late")
	tour.needsHelp(tour.book(26 * time.Hour))
	person := "/desk/visits/" + booked.ID + "/people/" + booked.invited(t, noor)
	tour.see(p, "/desk/visits/"+booked.ID+"/edit", "edit")
	tour.see(p, person+"/edit", "mend")
	tour.see(p, person+"/new-link", "new-link-sure")
	p.submits()
	p.examine("new-link")
	tour.see(p, person+"/revoke", "revoke-sure")
	p.submits()
	p.examine("revoked")
	tour.see(p, "/desk", "list")
	tour.see(p, "/desk?when=upcoming", "list-upcoming")
	p.reads(p.words["desk.check.help"])
	tour.see(p, "/desk/visits/"+booked.ID+"/cancel", "cancel-sure")
	p.submits()
	p.examine("cancelled")
	over := tour.book(0)
	tour.api(http.MethodDelete, "/api/v1/visits/"+over.ID, nil, nil)
	tour.see(p, "/desk?when=past", "list-past")
	tour.see(p, "/desk/visits/none", "not-found")
}

// deskSeries finds a patient and makes a series, and looks at the clinic's days.
func (tour *tour) deskSeries(p *Person) {
	t, ctx := tour.t, tour.t.Context()
	site, err := tour.server.Sites.Default(ctx)
	if err != nil {
		t.Fatal(err)
	}
	service := sites.Service{SiteID: site.ID, Name: "Dermatology", Minutes: 40, AskBirthDate: true, Active: true}
	if _, err := tour.server.Sites.CreateService(ctx, auth.Operator(), service); err != nil {
		t.Fatal(err)
	}
	patient := people.Patient{Name: "Robin Example", BirthDate: "2012-05-31", Language: "ar", Number: "MRN-0012345", Contacts: []people.Contact{
		{Kind: people.Self, Phone: "+12025550100", Confidential: true}, {Kind: people.Guardian, Name: "Kim Example", Relation: "mother", Email: "kim@example.org"}}}
	patient, err = tour.server.People.Create(ctx, auth.Operator(), patient)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Ada Clinician", "Ben Clinician"} {
		account := staff.NewAccount{Name: phi.Text(name), Email: phi.Text(name[:3] + "@example.org"), Password: "four words in a row", Role: auth.Clinician}
		if _, err := tour.server.Accounts.Create(ctx, auth.Operator(), account); err != nil {
			t.Fatal(err)
		}
	}
	p.goTo(tour.url + "/desk/new")
	p.fills("#patient", "exam rob")
	p.shows("[role=option]")
	p.examine("new-suggested")
	p.follows("look for the patient", "button[name=find]")
	p.shows(".desk-found")
	p.examine("new-found")
	p.follows("choose the patient", "button[name=pick]")
	p.fills("#service", "Dermatolgy")
	p.fills("#date", time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly))
	p.fills("#time", "10:00")
	p.fills("#clinician", drAda)
	p.await("repeat it each week", `() => { const repeat = document.querySelector("#repeat"); repeat.value = "1"; return repeat.value; }`)
	p.fills("#repeat_count", "3")
	p.examine("new-picked")
	p.submits()
	p.shows("#stranger")
	p.shows("#other_service")
	p.examine("new-stranger")
	p.fills("#service", service.Name)
	p.await("have it made all the same", `() => { const box = document.querySelector("#stranger"); box.checked || box.click(); return box.checked; }`)
	p.submits()
	p.shows("[name=make]")
	p.examine("dates")
	p.follows("make the series", "button[name=confirm]")
	p.shows(".notice.good")
	p.examine("series")

	tour.see(p, "/desk/visits/"+tour.bookWith(map[string]any{"patient_id": patient.ID}, time.Hour).ID, "visit-guardian")
	booked := tour.book(0)
	tour.see(p, "/desk/visits/"+booked.ID+"/people/"+booked.invited(t, robin)+"/letter", "letter")
	tour.see(p, "/desk/import", "import")
	file := "patient_name,birth_date,service,clinician,date,time\nSample Patient,2012-05-31,Dermatology,Ada Clinician," + time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)
	p.takesFile("#file", file+",9 am\n")
	p.submits()
	p.shows(".error-message")
	p.examine("import-wrong")
	p.goTo(tour.url + "/desk/import")
	p.takesFile("#file", file+",09:00\n")
	p.submits()
	p.shows("form[action='/desk/import/make']")
	p.examine("import-preview")
	tour.see(p, "/desk/search", "search")
	p.submits()
	p.shows(".error-message")
	p.examine("search-wrong")
	tour.searches(p, "zzz", "search-none")
	tour.searches(p, "exam rob", "search-found")
	tour.see(p, "/desk/schedule", "schedule")
	tour.see(p, "/desk/schedule?view=week&by=service", "schedule-week")
	tour.see(p, "/desk/visits/"+booked.ID+"/move", "move")
	p.fills("#minutes", "1")
	p.fills("#time", "")
	p.submits()
	p.shows(".summary")
	p.examine("move-wrong")
}

// takesFile puts a CSV file into a field.
func (p *Person) takesFile(selector, file string) {
	p.t.Helper()
	p.await("choose a file", `(selector, file) => {
		const chosen = new DataTransfer();
		chosen.items.add(new File([file], "visits.csv", { type: "text/csv" }));
		document.querySelector(selector).files = chosen.files;
		return true;
	}`, selector, file)
}

// deskEnds signs out, in one window before a form is sent from another.
func (tour *tour) deskEnds(p *Person) {
	p.goTo(tour.url + "/desk/new")
	p.await("be signed out elsewhere", `async () => (await fetch("/sign-out", {method: "POST"})).ok`)
	p.submits()
	p.examine("not-saved")
	tour.see(p, "/sign-in?why=out", "signed-out")
}
