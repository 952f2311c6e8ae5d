package e2e

import (
	"housecall/auth"
	"housecall/platform/staff"
)

const (
	clinicianEmail    = "ada@example.org"
	clinicianPassword = "four words in a row"
	writtenNote       = "Cough for three days. No fever."
)

// clinician makes an account of a clinician, and gives its id.
func (tour *tour) clinician() string {
	tour.t.Helper()
	account, err := tour.server.Accounts.Create(tour.t.Context(), auth.Operator(), staff.NewAccount{Name: drAda, Email: clinicianEmail, Password: clinicianPassword, Role: auth.Clinician})
	if err != nil {
		tour.t.Fatal(err)
	}
	return account.ID
}

// savesNote waits until all of a note is saved.
func (p *Person) savesNote() { p.t.Helper(); p.shows("#note-state[data-state=saved]") }

// theNote is written while the connection comes and goes, and on another device, too.
func (tour *tour) theNote(visit Booked, doctor *Person) {
	tour.t.Helper()
	doctor.allows("status of 409", "409 to PUT")
	doctor.taps("note.title")
	doctor.shows("#note-text:enabled")
	doctor.fills("#note-text", writtenNote)
	doctor.savesNote()
	doctor.examine("note")

	tour.door.hold(doctor.at)
	tour.door.cut(doctor.at)
	doctor.fills("#note-text", writtenNote+" Rest.")
	doctor.shows("#note-state[data-state=waiting]")
	doctor.examine("note-waiting")
	tour.door.release(doctor.at)
	doctor.savesNote()
	doctor.reaches("visit")

	doctor.await("write on another device", `async (path) => {
		const note = await (await fetch(path)).json();
		return (await fetch(path, {method: "PUT", headers: {"Content-Type": "application/json"},
			body: JSON.stringify({key: "other" + note.revision, base: note.revision, text: note.text + " Tea."})})).ok;
	}`, "/v/"+visit.ID+"/note")
	doctor.fills("#note-text", writtenNote+" Rest. Water.")
	doctor.shows("#note-other")
	doctor.examine("note-changed")
	doctor.taps("note.join")
	doctor.savesNote()
	doctor.taps("note.title") // which closes it
}

// afterwards the family says how it went, and the clinician writes to them.
func (tour *tour) afterwards(visit Booked, doctor, family *Person) {
	doctor.allows("status of 422", "422 to POST")
	family.allows("status of 422", "422 to POST")
	doctor.shows("#message-note")
	family.follows("say how it went", "#message-actions .primary")
	family.examine("after")
	family.submits()
	family.examine("after-wrong")
	family.await("answer", `() => { for (const name of ["worked", "answered"]) document.querySelector(`+"`[name=${name}][value=yes]`"+`).click(); return true; }`)
	family.submits()
	family.shows(".notice.good")
	family.examine("after-thanks")

	doctor.follows("write on", "#message-actions .primary")
	doctor.examine("after-sign-in")
	doctor.fills("#email", clinicianEmail)
	doctor.fills("#password", clinicianPassword)
	doctor.submits()
	doctor.await("read both texts of the note", `(text) => document.querySelector("#note")?.value.includes(text + " Rest. Water.") && document.querySelector("#note").value.includes("Tea.")`, writtenNote)
	doctor.examine("after-notes")
	leaves := `() => dispatchEvent(new Event("beforeunload", {cancelable: true}))`
	doctor.await("leave freely", leaves)
	doctor.fills("#summary", "Drink a lot.\n\n- Water\n- Tea")
	doctor.await("be asked before what was typed is lost", "() => !("+leaves+")()")
	doctor.follows("give the summary to the family", "form[action$='/summary'] button")
	doctor.shows(".notice.warn") // here nobody can be written to
	doctor.examine("after-given")
	family.goTo(tour.url + "/v/" + visit.ID + "/after")
	family.shows(".after-text li")
	family.examine("after-summary")
	doctor.fills("#note", writtenNote)
	doctor.follows("sign the note", "#note-form [value=sign]")
	doctor.shows("#addendum")
	doctor.examine("after-signed")
	tour.see(doctor, "/desk/notes", "after-list")
}
