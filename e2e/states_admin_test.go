package e2e

import (
	"time"

	"housecall/auth"
	"housecall/e2e/bidi"
	"housecall/platform/admin"
	"housecall/platform/emergency"
	"housecall/platform/people"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
)

// administration goes through keys, audit, emergency access and figures.
func (tour *tour) administration(p *Person) {
	tour.see(p, web.AdminPath, "admin")
	tour.see(p, admin.RolesPath, "roles")
	tour.publishes(p)
	tour.see(p, "/admin/retention", "retention")
	p.fills("#visits", "7")
	p.submits()
	p.examine("retention-wrong")
	tour.holds(p)
	tour.see(p, staff.KeysPath, "keys-none")
	tour.see(p, staff.KeysPath+"/new", "key-new")
	p.fills("#days", "none")
	p.submits()
	p.examine("key-wrong")
	p.fills("#name", "Booking system")
	p.fills("#days", "20")
	p.await("choose what it is for", `() => { const scope = document.querySelector("input[name=scopes][value='visit.read']"); scope.checked = true; return true; }`)
	p.submits()
	p.shows("#secret")
	p.examine("key-made")
	tour.see(p, staff.KeysPath, "keys")
	tour.see(p, "/admin/audit", "audit")
	tour.see(p, "/admin/audit?kind=patient&id=nobody&day=never", "audit-wrong")
	p.goTo(tour.url + "/admin/audit")
	p.fills("#query", "MRN-0012345")
	p.submits()
	p.examine("audit-patient")
	tour.see(p, emergency.ReviewPath, "emergency-none")
	tour.emergency()
	tour.see(p, emergency.ReviewPath, "emergency-review")
	tour.see(p, "/figures", "figures-none")
	tour.see(p, "/figures?from=never", "figures-wrong")
	tour.counted()
	tour.see(p, "/figures", "figures")
	tour.unsettled(p)
}

// unsettled leaves a message that may not have been sent.
func (tour *tour) unsettled(p *Person) {
	tour.see(p, "/desk/messages", "messages-none")
	var visit, person string
	db := tour.server.Accounts.DB
	if err := db.QueryRowContext(tour.t.Context(), `SELECT visit_id, id FROM invitations ORDER BY visit_id, id LIMIT 1`).Scan(&visit, &person); err != nil {
		tour.t.Fatal(err)
	}
	now := store.Millis(time.Now())
	if _, err := db.ExecContext(tour.t.Context(), `INSERT INTO notify_messages (id, channel, kind, key, language, about, recipient, put_at, state, changed_at, reason, version, attempt)
		VALUES (?, 'email', 'visit.reminder', ?, 'en', ?, '', ?, 'unsure', ?, '', 1, 1)`, store.NewID(), visit+"|"+person+"|0|1|1d", visit, now, now); err != nil {
		tour.t.Fatal(err)
	}
	tour.see(p, "/desk/messages", "messages")
	tour.see(p, "/desk", "desk-notice")
}

// emergency has a clinician get access to a patient.
func (tour *tour) emergency() {
	account := staff.NewAccount{Name: drAda, Email: "ada@example.org", Password: "four words in a row", Role: auth.Clinician}
	if _, err := tour.server.Accounts.Create(tour.t.Context(), auth.Operator(), account); err != nil {
		tour.t.Fatal(err)
	}
	var patient string
	if err := tour.server.Accounts.DB.QueryRowContext(tour.t.Context(), `SELECT id FROM patients WHERE number = 'MRN-0012345'`).Scan(&patient); err != nil {
		tour.t.Fatal(err)
	}
	tour.bookWith(map[string]any{"patient_id": patient}, 0)
	p := tour.takes(chromium(tour.t, 0, drAda, bidi.Laptop))
	p.allows("status of 422", "422 to POST")
	p.goTo(tour.url + "/sign-in?next=" + emergency.Path)
	p.fills("#email", account.Email.Reveal())
	p.fills("#password", account.Password.Reveal())
	p.submits()
	tour.see(p, emergency.Path, "emergency")
	p.submits()
	p.examine("emergency-wrong")
	p.fills("#who", "MRN-0012345")
	p.fills("#birth_date", "1990-05-31")
	p.fills("#reason", "The family called, and nobody else is here")
	p.submits()
	p.shows(".facts")
	p.examine("emergency-granted")
	p.follows("read the notes", "a[href$='/notes']")
	p.examine("emergency-notes")
}

// counted puts a year of visits into the sums.
func (tour *tour) counted() {
	ctx := tour.t.Context()
	err := tour.server.Accounts.DB.Tx(ctx, func(tx *store.Tx) error {
		for i := range 12 {
			day := time.Now().AddDate(0, -i, 0).Format(time.DateOnly)
			if _, err := tx.ExecContext(ctx, `INSERT INTO figures_days (day, site_id, service_id, language, took_place, no_show, cancelled, failed, bad, interpreter, joins, alone)
				VALUES (?, '', '', 'es', ?, ?, ?, 2, ?, 3, 20, 19)`, day, 40-i, i, 5, i%4); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO figures_waits (day, site_id, service_id, quarters, visits) VALUES (?, '', '', ?, 20), (?, '', '', ?, 5)`, day, 8+i, day, 30+3*i); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO figures_answers (day, site_id, service_id, question, answer, people) VALUES (?, '', '', 'worked', 'yes', 18), (?, '', '', 'worked', 'no', ?),
				(?, '', '', 'answered', 'yes', 20)`, day, day, i, day); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tour.t.Fatal(err)
	}
}

// holds holds a patient, and a visit from its own page.
func (tour *tour) holds(p *Person) {
	one, err := tour.server.People.Create(tour.t.Context(), auth.Operator(), people.Patient{Name: "Kim Held", Language: "en"})
	if err != nil {
		tour.t.Fatal(err)
	}
	p.goTo(tour.url + "/admin/retention")
	p.fills("#address", tour.url+people.Path+"/"+one.ID)
	p.fills("#reason", "Case 7")
	p.follows("hold the patient", "form[action$=holds] button")
	p.shows(".notice.good")
	p.examine("retention-held")
	p.await("make the form an old one", `() => document.querySelector("#days input[name=seen]").value = "of before"`)
	p.follows("save", "#days .primary")
	p.shows(".summary")
	p.examine("retention-changed")

	visit := tour.bookWith(map[string]any{"birth_date": "2012-05-31"}, 50*time.Hour) // the service asks for it
	p.goTo(tour.url + "/desk/visits/" + visit.ID)
	p.follows("go to where it is held", "main a[href*='/retention/visits/']")
	p.submits()
	p.examine("retention-visit-wrong")
	p.fills("#reason", "Case 8")
	p.submits()
	p.shows(".notice.good")
	p.examine("retention-visit-held")
}

// publishes writes and publishes what families consent to.
func (tour *tour) publishes(p *Person) {
	tour.see(p, "/admin/consent", "consents")
	p.follows("open the site", ".desk-row a")
	p.examine("consent-new")
	p.fills("#text-en", "# A visit by video\n\nWe ask you to agree:\n- that we see each other\n- that nothing is recorded")
	p.follows("preview", "button[name=preview]")
	p.shows("article.card")
	p.examine("consent-preview")
	p.submits()
	p.shows(".notice.good")
	p.examine("consent-published")
	p.follows("read the version", ".desk-row a")
	p.shows("code")
	p.examine("consent-version")
}
