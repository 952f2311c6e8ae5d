package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"housecall/e2e/bidi"
	"housecall/loadtest"
)

// Whoever is in the visit makes a link for another person within a few taps, and that person comes to the waiting room by it. A link asks for the
// patient's date of birth where it may be in a stranger's hands, and not where its owner could not know it.
func TestInviteFromTheVisit(t *testing.T) {
	h := openHouse(t)
	const born = "2012-05-31"
	visit := h.bookAsking(born, 0)
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	patient := pion(t, visit.link(t, robin), born)
	doctor.arrives(visit.link(t, drAda), "visit")
	doctor.taps("knocking.admit", "name", robin)
	pionWaits(t, patient, "be admitted", func(s loadtest.State) bool { return s.Place == "visit" })

	before := len(doctor.notes("pressed"))
	doctor.taps("people.title")
	link := doctor.makesLink(noor, "interpreter")
	pressed := doctor.notes("pressed")[before:]
	t.Logf("MUST SHOW: activations from the visit to the link of an interpreter: %q, and a name", pressed)
	if len(pressed) > 4 {
		t.Errorf("it took %d activations", len(pressed))
	}
	interpreter := chromium(t, 1, noor, bidi.Laptop)
	interpreter.goTo(link)
	interpreter.joins("waiting") // and not by way of a date of birth
	doctor.taps("invite.more")
	guestLink := doctor.makesLink(uma, "guest")
	doctor.closesDialog("#invite-dialog")
	doctor.await("find no link left in the page", `() => document.querySelector("#invite-link").value === "" && !document.documentElement.outerHTML.includes("/v#")`)

	doctor.taps("knocking.admit", "name", noor)
	interpreter.reaches("visit")
	interpreter.meets(doctor)
	doctor.meets(interpreter)
	interpreter.taps("people.title")
	interpreter.reads(drAda)
	interpreter.await("find nothing to invite with", `() => !document.querySelector("#invite").checkVisibility()`)
	interpreter.allows("403")
	if status, code := interpreter.asks("POST", "/v/"+visit.ID+"/invitations", map[string]string{"name": uma, "role": "guest"}); status != 403 || code != "not_allowed" {
		t.Errorf("an interpreter who invites is answered %d %s", status, code)
	}

	guest := chromium(t, 2, uma, bidi.Phone)
	guest.allows("403")
	guest.goTo(guestLink)
	guest.reaches("asked-birth-date")
	guest.retype("Day", "31")
	guest.retype("Month", "5")
	guest.retype("Year", "2012")
	guest.taps("birth.send")
	guest.joins("waiting")
	doctor.taps("knocking.admit", "name", uma)
	guest.meets(doctor)
	guest.meets(interpreter)

	roles := map[string]string{}
	var invited []string
	for _, each := range h.planned(visit.ID).Invitations {
		roles[each.Name] = each.Role
		if each.Name == noor || each.Name == uma {
			invited = append(invited, each.ID)
		}
	}
	if roles[noor] != "interpreter" || roles[uma] != "guest" || len(invited) != 2 {
		t.Errorf("the visit's people are %v", roles)
	}
	by := map[string][]string{}
	for _, d := range h.audited("invitation.create") {
		by[d.Actor+" "+d.Outcome] = append(by[d.Actor+" "+d.Outcome], d.Subject)
	}
	if made := by[visit.invited(t, drAda)+" allowed"]; len(made) != 2 || !slices.Contains(made, invited[0]) || !slices.Contains(made, invited[1]) {
		t.Errorf("the audit has made invitations %v, want %v", made, invited)
	}
	if len(by) != 2 { // the clinician's, and the interpreter's refusal
		t.Errorf("the audit has invitations by %v", by)
	}
}

// makesLink makes a link for somebody, with the list of who is here open or the dialog as it is after another link.
func (p *Person) makesLink(name, role string) string {
	p.t.Helper()
	var open bool
	p.within("look whether the dialog is open", func(ctx context.Context) error {
		return p.page.Call(ctx, &open, `() => document.querySelector("#invite-dialog").open`)
	})
	if !open {
		p.taps("invite.open")
	}
	p.picks("#invite-role", role)
	return p.invites(name)
}

// closesDialog closes a dialog by the button for that.
func (p *Person) closesDialog(selector string) {
	p.t.Helper()
	p.await("close "+selector, `(selector) => {
		const dialog = document.querySelector(selector);
		if (dialog.open) dialog.querySelector(".close").click();
		return !dialog.open;
	}`, selector)
}

// A guest who is moved back to waiting is out of sight and hearing at once, is told so kindly, and comes in again when the clinician says so.
func TestMoveBackToWaiting(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, kit, "guest")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	guest := chromium(t, 2, kit, bidi.Phone)
	guest.holdsBack("/v/" + visit.ID + "/check") // which has packets of its own
	admitted(t, visit, doctor, guest)
	port, inside := guest.port(), doctor.port()
	count := func() [2]int { return [2]int{h.wire.sentTo(port).rtp, h.wire.gotFrom(port).rtp} }
	before := count()
	guest.until("get and send hundreds of packets", func() bool { return count()[0] > before[0]+200 && count()[1] > before[1]+200 })
	// Somebody who stays, and whose packets go on.
	patient := pion(t, visit.link(t, robin), "")
	doctor.taps("knocking.admit", "name", robin)
	pionWaits(t, patient, "be admitted", func(s loadtest.State) bool { return s.Place == "visit" })

	doctor.taps("people.title")
	doctor.chooses(kit, "return")
	guest.reaches("waiting")
	guest.reads(guest.word("waiting.returned.title"))
	guest.reads(guest.word("waiting.returned.known"))
	rest := comesToRest(guest, "send and get nothing", count, func() int { return h.wire.sentTo(inside).rtp })
	doctor.misses(kit)
	told := h.wire.sentTo(inside).rtp
	doctor.hearsNothingOf(guest.who)
	doctor.until("get hundreds of packets meanwhile", func() bool { return h.wire.sentTo(inside).rtp > told+300 })
	if now := count(); now != rest {
		t.Errorf("%v packets passed to and from somebody who waits, after %v", now, rest)
	}
	t.Logf("MUST SHOW: moved back to waiting: %d packets of RTP to the guest and %d from them while others were sent %d",
		count()[0]-rest[0], count()[1]-rest[1], h.wire.sentTo(inside).rtp-told)
	h.wasDone("room.returned", visit.invited(t, drAda), visit.invited(t, kit))
	if h.planned(visit.ID).withdrawn(visit.invited(t, kit)) {
		t.Error("their link was withdrawn")
	}
	doctor.taps("knocking.admit", "name", kit)
	guest.reaches("visit")
	guest.meets(doctor)
	doctor.meets(guest)
}

// Somebody who is declined may ask again; somebody who is removed is out at once, on every device, and their link works no more.
func TestDeclineAndRemove(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, kit, "guardian")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	guardian := chromium(t, 1, kit, bidi.Phone)
	doctor.arrives(visit.link(t, drAda), "visit")
	guardian.arrives(visit.link(t, kit), "waiting")

	doctor.taps("people.title")
	doctor.taps("knocking.decline", "name", kit)
	doctor.reads(doctor.word("sure.decline.body"))
	doctor.taps("sure.no")
	guardian.reaches("waiting") // still
	doctor.taps("knocking.decline", "name", kit)
	doctor.taps("sure.decline.yes")
	guardian.reaches("declined")
	guardian.reads(guardian.word("message.declined.title"))
	h.wasDone("room.declined", visit.invited(t, drAda), visit.invited(t, kit))
	if h.planned(visit.ID).withdrawn(visit.invited(t, kit)) {
		t.Error("declining withdrew their link")
	}
	guardian.taps("action.knock")
	guardian.reaches("waiting")
	doctor.taps("knocking.admit", "name", kit)
	guardian.meets(doctor)
	doctor.meets(guardian)
	second := pion(t, visit.link(t, kit), "") // their other device waits

	doctor.chooses(kit, "remove")
	doctor.reads(doctor.word("sure.remove.body"))
	doctor.taps("sure.remove.yes")
	guardian.reaches("revoked")
	if !h.planned(visit.ID).withdrawn(visit.invited(t, kit)) {
		t.Error("their link was not withdrawn when they were told")
	}
	guardian.reads(guardian.word("message.revoked.removed.title"))
	guardian.await("have hung up", `() => witness.peers.every((each) => each.connectionState === "closed")`)
	doctor.misses(kit)
	removed := func(s loadtest.State) bool { return s.Closed && s.CloseCode == 4411 }
	pionWaits(t, second, "be removed with their first device", removed)
	doctor.hearsNothingOf(guardian.who)
	h.wasDone("room.removed", visit.invited(t, drAda), visit.invited(t, kit))

	guardian.allows("410", "status of 410")
	for _, p := range []*Person{guardian, guardian.device(bidi.Phone)} {
		p.allows("410", "status of 410")
		p.goTo(visit.link(t, kit))
		p.reaches("revoked")
		p.reads(p.word("message.revoked.title"))
	}
	doctor.reads(doctor.word("visit.alone"))
}

// A clinician hands the visit over: to stay in it, or while leaving. It goes on, and the other one leads.
func TestHandOver(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, drBen, "clinician")
	ada := chromium(t, 0, drAda, bidi.Laptop)
	patient := chromium(t, 1, robin, bidi.Phone)
	ben := chromium(t, 2, drBen, bidi.Laptop)
	admitted(t, visit, ada, patient)
	ben.arrives(visit.link(t, drBen), "visit")
	ben.meets(patient)
	ada.taps("people.title")
	ben.taps("people.title")
	leads := func(p *Person, name string) {
		t.Helper()
		p.await("see that "+name+" leads", `(name, leads) => {
			const led = [...document.querySelectorAll("#people-list li")].filter((each) => each.querySelector(".states").textContent.includes(leads));
			return led.length === 1 && led[0].querySelector(".name").textContent.startsWith(name);
		}`, name, p.word("people.leads"))
	}
	leads(ada, drAda)
	leads(ben, drAda)

	ada.chooses(drBen, "lead")
	ada.taps("sure.lead.yes", "name", drBen)
	ben.reads(ben.word("lead.me"))
	leads(ada, drBen)
	leads(ben, drBen)
	h.wasDone("room.handed_over", visit.invited(t, drAda), visit.invited(t, drBen))
	ada.meets(patient) // still in it

	// Back again, by the way out.
	ben.taps("visit.leave")
	ben.taps("leave.hand_over", "name", drAda)
	ben.reaches("left")
	ben.reads(ben.word("message.left.clinician.body"))
	ada.until("be handed the visit over", func() bool { return len(h.audited("room.handed_over")) == 2 })
	ada.misses(drBen)
	ada.reads(ada.word("lead.me"))
	ben.taps("action.back")
	ben.comesBack()
	ben.meets(patient)

	// And now the first one leaves for good, and the second leads, admits and ends.
	ada.taps("visit.leave")
	ada.taps("leave.hand_over", "name", drBen)
	ada.reaches("left")
	patient.misses(drAda)
	ben.reads(ben.word("lead.me"))
	patient.meets(ben)
	ben.meets(patient)
	ben.taps("visit.end")
	ben.taps("end.sure")
	patient.reaches("ended")
	if state := h.planned(visit.ID).State; state != "ended" {
		t.Errorf("the visit is %s", state)
	}
}

// What a clinician writes to somebody who waits is read there, ready words in the reader's own language, and nowhere else.
func TestMessageToWhoWaits(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, kit, "guardian")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	patient := chromium(t, 1, robin, bidi.Phone)
	patient.words = catalogue(t, "es")
	patient.within("read Spanish", func(ctx context.Context) error {
		return patient.page.SetCookie(ctx, "localhost", "housecall_language", "es")
	})
	doctor.arrives(visit.link(t, drAda), "visit")
	patient.arrives(visit.link(t, robin), "waiting")
	other := pion(t, visit.link(t, kit), "")

	const own = "Please have <b>the blue</b> inhaler at hand"
	doctor.taps("people.title")
	doctor.taps("tell.to", "name", robin)
	doctor.taps("tell.soon")
	doctor.fills("#tell-text", own)
	doctor.taps("tell.send")
	doctor.await("see both sent", `(ready, own) => {
		const sent = [...document.querySelectorAll("#tell-sent li")].map((each) => each.textContent);
		return sent.length === 2 && sent[0].includes(ready) && sent[1].includes(own) && sent.every((each) => each.startsWith("Sent "));
	}`, doctor.word("tell.soon"), own)
	doctor.closesDialog("#tell-dialog")
	patient.reads(patient.word("tell.soon"))
	patient.reads(own)
	if patient.word("tell.soon") == doctor.word("tell.soon") {
		t.Error("both read one language")
	}
	if patient.wasTold(drAda) {
		t.Error("who waits was told the clinician's name")
	}
	if n := other.State().Messages["told"]; n != 0 {
		t.Errorf("another who waits was told %d times", n)
	}
	doctor.taps("tell.all")
	doctor.taps("tell.late")
	doctor.closesDialog("#tell-dialog")
	patient.reads(patient.word("tell.late"))
	pionWaits(t, other, "be told what all are told", func(s loadtest.State) bool { return s.Messages["told"] == 1 })

	patient.reloads()
	patient.reaches("waiting")
	for _, text := range []string{patient.word("tell.soon"), own, patient.word("tell.late")} {
		patient.reads(text)
	}
	doctor.taps("knocking.admit", "name", robin)
	patient.meets(doctor)
	deeds := h.audited("room.told")
	to := map[string]int{}
	for _, d := range deeds {
		if d.Actor != visit.invited(t, drAda) || strings.Contains(d.Detail, "inhaler") {
			t.Errorf("the audit has %+v", d)
		}
		to[d.Subject]++
	}
	if to[visit.invited(t, robin)] != 3 || to[visit.invited(t, kit)] != 1 {
		t.Errorf("the audit has messages to %v", to)
	}
}
