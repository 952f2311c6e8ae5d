package e2e

import (
	"testing"

	"housecall/auth"
	"housecall/e2e/bidi"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
)

// practiceStates are all states of the pages of patients, sites and services.
var practiceStates = []state{
	{"admin", "the administration"},
	{"roles", "who may do what"},
	{"consents", "what families consent to, at which site"},
	{"consent-new", "a site that asks nothing"},
	{"consent-preview", "texts as families would see them"},
	{"consent-published", "a version that was just published"},
	{"consent-version", "a version as it was"},
	{"retention", "how long things are kept"},
	{"retention-wrong", "days that cannot be"},
	{"retention-held", "a patient who is held"},
	{"retention-changed", "days that somebody else has changed"},
	{"retention-visit-wrong", "holding a visit without a reason"},
	{"retention-visit-held", "a visit that is held"},
	{"patients", "before a search"},
	{"patients-short", "a search of one letter"},
	{"patients-nobody", "a search that finds nobody"},
	{"patients-found", "a search that finds some"},
	{"patients-many", "a search that finds too many to show"},
	{"patient-new", "a new patient"},
	{"patient-wrong", "with everything wrong"},
	{"patient-doubts", "who is there already, and older than others"},
	{"patient", "a patient who was just added"},
	{"patient-confidential", "a patient with a confidential contact"},
	{"patient-change", "changing a patient and the contacts"},
	{"sites", "the sites"},
	{"site-new", "a new site"},
	{"site-wrong", "with everything wrong"},
	{"site-change", "changing a site"},
	{"services-none", "there is no service"},
	{"services", "services that are made"},
	{"service-new", "a new service"},
	{"service-wrong", "with everything wrong"},
	{"webhooks", "no program is told of anything"},
	{"webhooks-wrong", "an address that is none"},
	{"webhook-made", "the secret of an address, shown once"},
	{"changed", "somebody else was faster"},
	{"keys-none", "there is no API key"},
	{"key-new", "a new API key"},
	{"key-wrong", "with everything wrong"},
	{"key-made", "an API key that was just made"},
	{"keys", "API keys that work, end soon and are revoked"},
	{"audit", "the audit"},
	{"audit-wrong", "a question that cannot be"},
	{"audit-patient", "who saw a patient"},
	{"emergency-none", "no emergency access waits for review"},
	{"emergency-review", "emergency access that does"},
	{"figures-none", "no visit was counted"},
	{"figures-wrong", "days that cannot be"},
	{"figures", "figures of visits"},
	{"emergency", "the form for emergency access"},
	{"emergency-wrong", "with everything wrong"},
	{"emergency-granted", "what emergency access opens"},
	{"emergency-notes", "what was written of a visit, by emergency access"},
	{"messages-none", "no message that needs a look"},
	{"messages", "a message that may not have been sent"},
	{"desk-notice", "the desk, where a message needs a look"},
}

// TestPracticeStates goes through every state of these pages.
func TestPracticeStates(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tour := newTour(t, language)
			p := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
			p.allows("status of 422", "422 to POST", "status of 409", "409 to POST", "422 to GET")
			tour.signsIn(p)
			tour.patients(p)
			tour.sites(p)
			tour.administration(p)
			tour.complete(practiceStates)
		})
	}
}

// signsIn makes an account of an administrator and signs in.
func (tour *tour) signsIn(p *Person) {
	account := staff.NewAccount{Name: "Sam Admin", Email: "sam@example.org", Password: "four words in a row", Role: auth.Admin}
	if _, err := tour.server.Accounts.Create(tour.t.Context(), auth.Operator(), account); err != nil {
		tour.t.Fatal(err)
	}
	p.goTo(tour.url + "/sign-in")
	p.fills("#email", account.Email.Reveal())
	p.fills("#password", account.Password.Reveal())
	p.submits()
	p.shows(".desk-empty")
}

// searches looks for patients.
func (tour *tour) searches(p *Person, query, state string) {
	p.fills("#query", query)
	p.submits()
	p.examine(state)
}

func (tour *tour) patients(p *Person) {
	ctx := tour.t.Context()
	for i := range people.MaxFound + 1 {
		one := people.Patient{Name: "Robin Example", Language: "ar"}
		if i == 0 {
			one.BirthDate, one.Number = "1990-05-31", "MRN-0012345"
		}
		if _, err := tour.server.People.Create(ctx, auth.Operator(), one); err != nil {
			tour.t.Fatal(err)
		}
	}
	tour.see(p, people.Path, "patients")
	tour.searches(p, "r", "patients-short")
	tour.searches(p, "zzz", "patients-nobody")
	tour.searches(p, "robin ex", "patients-many")
	tour.searches(p, "31/5/1990", "patients-found")

	tour.see(p, people.Path+"/new", "patient-new")
	p.follows("add the patient's own contact", `button[name=more][value=self]`)
	p.fills("#birth_date", "40")
	p.fills("#contact_email_0", "nobody")
	p.fills("#contact_phone_1", "12")
	p.submits()
	p.examine("patient-wrong")

	p.fills("#name", "Example Robin")
	p.fills("#birth_date", "31")
	p.fills("#birth_month", "5")
	p.fills("#birth_year", "1990")
	p.fills("#contact_name_0", "Kim Example")
	p.fills("#contact_relation_0", "mother")
	p.fills("#contact_email_0", "kim@example.org")
	p.fills("#contact_phone_1", "+1 202 555 0101")
	p.await("tick confidential", `() => { const box = document.querySelector("#contact_confidential_1"); box.checked || box.click(); return box.checked; }`)
	p.submits()
	p.shows(".notice.warn")
	p.examine("patient-doubts")
	p.submits()
	p.shows(".notice.good")
	p.examine("patient-confidential")
	p.follows("change the patient", `.desk-head .button`)
	p.examine("patient-change")
	p.follows("remove the confidential contact", `button[name=less][value="1"]`)
	p.submits() // still alike somebody
	p.submits()
	p.shows(".notice.good")
	p.examine("patient")
}

func (tour *tour) sites(p *Person) {
	tour.see(p, sites.SitesPath, "sites")
	tour.see(p, sites.SitesPath+"/new", "site-new")
	p.fills("#zone", "Nowhere")
	p.fills("#country", "1")
	p.fills("#phone", "none")
	p.fills("#holidays", "Christmas")
	p.await("take all languages and all days", `() => {
		for (const box of document.querySelectorAll("[name=languages], [name=weekend]")) box.checked = box.name === "weekend";
		return true;
	}`)
	p.submits()
	p.examine("site-wrong")
	first, err := tour.server.Sites.Default(tour.t.Context())
	if err != nil {
		tour.t.Fatal(err)
	}
	tour.see(p, sites.SitesPath+"/"+first.ID, "site-change")

	tour.see(p, sites.ServicesPath, "services-none")
	tour.see(p, sites.ServicesPath+"/new", "service-new")
	p.fills("#minutes", "0")
	p.submits()
	p.examine("service-wrong")
	p.fills("#name", "Cardiology")
	p.fills("#minutes", "30")
	p.submits()
	p.shows(".notice.good")
	closed := sites.Service{SiteID: first.ID, Name: "Adolescent clinic", Minutes: 45, Confidential: true}
	if _, err := tour.server.Sites.CreateService(tour.t.Context(), auth.Operator(), closed); err != nil {
		tour.t.Fatal(err)
	}
	tour.see(p, sites.ServicesPath, "services")

	tour.see(p, notify.WebhooksPath, "webhooks")
	p.submits()
	p.examine("webhooks-wrong")
	p.fills("#url", "https://register.example.org/a-rather-long-path/that-has-to-break-somewhere/on-a-phone")
	p.submits()
	p.shows(".notice code")
	p.examine("webhook-made")

	p.goTo(tour.url + sites.SitesPath + "/" + first.ID)
	if _, err := tour.server.Sites.UpdateSite(tour.t.Context(), auth.Operator(), first); err != nil {
		tour.t.Fatal(err)
	}
	p.fills("#name", "Another name")
	p.submits()
	p.examine("changed")
}
