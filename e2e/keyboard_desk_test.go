package e2e

import (
	"context"
	"testing"
	"time"

	"housecall/auth"
	"housecall/e2e/bidi"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
)

// signsInByKeys opens the page to sign in and types, and is where that leads.
func (p *Person) signsInByKeys(url, email, leads string) {
	p.t.Helper()
	p.goTo(url + "/sign-in")
	p.tabsInto("#email")
	p.keys(email)
	p.tabsInto("#password")
	p.keys(clinicianPassword + bidi.Enter)
	p.shows(leads)
}

// skips takes the link past the page's head.
func (p *Person) skips() {
	p.t.Helper()
	p.tabsTo("link", p.word("page.skip"))
	p.keys(bidi.Enter)
}

// types gets to a field and types into it, in place of what it holds.
func (p *Person) types(selector, text string) {
	p.t.Helper()
	p.tabsInto(selector)
	p.keys(text)
}

// mends has the page tell what is wrong, and goes from there to the field.
func (p *Person) mends(field string) {
	p.t.Helper()
	p.isAt(".summary")
	p.tabsInto(".summary a[href='" + field + "']")
	p.keys(bidi.Enter)
	p.isAt(field)
}

// holdsIn opens a dialog, goes through all of it, and closes it: the focus stays inside, and goes back to what opened it.
func (p *Person) holdsIn(button, dialog string) {
	p.t.Helper()
	p.tabsAndPresses(button)
	p.await("find the focus inside", `(dialog) => document.querySelector(dialog).open && document.activeElement.closest(dialog) !== null`, dialog)
	p.keys(bidi.Tab)
	p.await("mark where it begins", `() => { window.first = document.activeElement; return true; }`)
	p.keys(bidi.Tab)
	p.tabs("where it began", func(ctx context.Context) (is bool, err error) {
		return is, p.page.Call(ctx, &is, `(dialog) => {
			const at = document.activeElement;
			if (at !== document.body && !at.closest(dialog)) throw new Error("outside: " + at.outerHTML.slice(0, 160));
			return at === window.first;
		}`, dialog)
	})
	p.keys(bidi.Escape)
	p.await("see it closed", `(dialog) => !document.querySelector(dialog).open`, dialog)
	p.hasFocus("button", button)
}

// The desk, the queue and the administration without a mouse and without a finger.
func TestKeyboardOfStaff(t *testing.T) {
	h := openHouse(t)
	t.Run("desk", func(t *testing.T) { h.of(t).plansByKeys(t) })
	t.Run("queue", func(t *testing.T) { h.of(t).admitsByKeys(t) })
	t.Run("administration", func(t *testing.T) { h.of(t).changesByKeys(t) })
}

// makes makes an account, and gives its id.
func (h *House) makes(t *testing.T, email string, role auth.Role) (id string) {
	t.Helper()
	account, err := h.server.Accounts.Create(t.Context(), auth.Operator(), staff.NewAccount{Name: drAda, Email: phi.Text(email), Password: clinicianPassword, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return account.ID
}

// plansByKeys makes a visit from the desk's first page on: with a patient whom the form suggests, and a clinician who was forgotten at first.
func (h *House) plansByKeys(t *testing.T) {
	for _, name := range []string{"Robin Example", "Robin Exemplar"} {
		if _, err := h.server.People.Create(t.Context(), auth.Operator(), people.Patient{Name: phi.Text(name), BirthDate: "2012-05-31"}); err != nil {
			t.Fatal(err)
		}
	}
	p := chromium(t, 0, drAda, bidi.Laptop)
	p.allows("status of 422", "422 to POST")
	const email = "desk@example.org"
	h.makes(t, email, auth.Scheduler)
	p.signsInByKeys(h.url, email, ".desk-empty")
	p.tabsTo("link", p.word("desk.new.title"))
	p.keys(bidi.Enter)
	p.shows("#service")
	p.skips()
	p.types("#service", "Cardiology")
	p.types("#date", time.Now().AddDate(0, 0, 2).Format("01022006"))
	p.types("#time", "1030AM")
	p.types("#patient", "exam rob")
	p.shows("[role=option]")
	p.keys(bidi.Escape)
	p.await("see no patients", `() => document.querySelector("[role=listbox]").hidden && document.querySelector("#patient").value === "exam rob"`)
	p.keys(bidi.Down)
	p.await("see which is chosen", `() => document.querySelector("[role=option][aria-selected=true]")?.id === document.activeElement.getAttribute("aria-activedescendant")`)
	p.keys(bidi.Enter)
	p.shows("#known-name")
	p.tabs("on from the patient", func(ctx context.Context) (is bool, err error) {
		return is, p.page.Call(ctx, &is, `() => {
			const at = document.activeElement;
			if (at !== document.body && !at.closest("form[action='/desk/new']")) throw new Error("back at " + at.outerHTML.slice(0, 160));
			return at.matches("#known-name a");
		}`)
	})
	p.tabsAndPresses(p.word("desk.new.button"))
	p.mends("#clinician")
	p.keys(drAda)
	p.tabsAndPresses(p.word("desk.new.button"))
	p.shows(".desk-link")
	p.tabsInto(".desk-link [data-copy]")
	p.keys(bidi.Enter)
	p.await("be told that it is copied", `() => document.querySelector("#copied").textContent !== ""`)
}

// admitsByKeys comes from the queue into a visit, and lets in who waits: the focus stays where it is while the queue changes.
func (h *House) admitsByKeys(t *testing.T) {
	id := h.makes(t, clinicianEmail, auth.Clinician)
	doctor, patient := chromium(t, 0, drAda, bidi.Laptop), chromium(t, 1, robin, bidi.Phone)
	doctor.signsInByKeys(h.url, clinicianEmail, "#queue")
	visit := h.bookWith(map[string]any{"clinician_id": id, "allow_overlap": true}, 0)
	join := "#join-" + visit.ID
	doctor.shows(join)
	doctor.tabsInto(join)
	patient.arrives(visit.link(t, robin), "waiting")
	doctor.shows(".queue-visit.waits " + join)
	doctor.isAt(join)
	// In this tab, which the test holds.
	doctor.await("stay in this tab", `() => { addEventListener("submit", (event) => event.target.removeAttribute("target"), {capture: true}); return true; }`)
	doctor.keys(bidi.Enter)
	doctor.reaches("check")
	doctor.tabsAndPresses(doctor.word("check.join"))
	doctor.reaches("visit")
	doctor.holdsIn(doctor.word("view.open"), "#view-dialog")
	doctor.tabsAndPresses(doctor.word("knocking.admit", "name", robin))
	patient.reaches("visit")
}

// changesByKeys changes a service.
func (h *House) changesByKeys(t *testing.T) {
	site, err := h.server.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, err := h.server.Sites.CreateService(t.Context(), auth.Operator(), sites.Service{SiteID: site.ID, Name: "Dermatology", Minutes: 40, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	p := chromium(t, 0, drAda, bidi.Laptop)
	p.allows("status of 422", "422 to POST")
	const email = "admin@example.org"
	h.makes(t, email, auth.Admin)
	p.signsInByKeys(h.url, email, ".desk-nav")
	p.goTo(h.url + sites.ServicesPath)
	p.tabsTo("link", "Dermatology")
	p.keys(bidi.Enter)
	p.shows("#minutes")
	p.skips()
	p.types("#minutes", "0"+bidi.Enter)
	p.mends("#minutes")
	p.keys(bidi.Delete + "25")
	p.tabsInto("#ask_birth_date")
	p.keys(" ")
	p.tabsAndPresses(p.word("sites.save"))
	p.shows(".notice.good")
	now, err := h.server.Sites.Service(t.Context(), service.ID)
	if err != nil || now.Minutes != 25 || !now.AskBirthDate {
		t.Errorf("saved by keys: %+v, %v", now, err)
	}
}
