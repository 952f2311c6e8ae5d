package e2e

import (
	"context"
	"fmt"
	"net/http"

	"housecall/e2e/bidi"
	"housecall/loadtest"
)

// intoTheVisit goes with a clinician and a family from the device check to the end of a visit.
func (tour *tour) intoTheVisit() {
	t, h := tour.t, tour.House
	visit := h.bookWith(map[string]any{"clinician_id": tour.clinician()}, 0, kit, "guardian", noor, "interpreter")
	doctor := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
	family := tour.takes(chromium(t, 1, robin, bidi.Phone))

	doctor.goTo(visit.link(t, drAda))
	doctor.reaches("check")
	doctor.examine("check-clinician")
	doctor.taps("check.join")
	doctor.reaches("visit")
	doctor.shows("#alone")
	doctor.examine("visit-alone")

	tour.theCheck(visit, family)
	family.reaches("waiting")
	family.examine("waiting")
	family.taps("visit.leave")
	family.reaches("left")
	family.examine("left-unseen")
	family.taps("action.back")
	family.reaches("waiting")
	doctor.shows("#knocking button")
	doctor.examine("knocking")
	doctor.taps("knocking.admit", "name", robin)
	family.reaches("visit")
	family.sees(doctor, tile(drAda))
	family.examine("visit-patient")
	doctor.sees(family, tile(robin))
	doctor.examine("visit")

	family.taps("camera.off")
	family.taps("mute")
	family.examine("muted")
	doctor.seesNobody(tile(robin))
	doctor.examine("camera-off")
	tour.theChat(doctor, family)
	tour.theNote(visit, doctor)
	waits := tour.takes(family.device(bidi.Phone))
	waits.arrives(visit.link(t, kit), "waiting")
	tour.lost(doctor, family, waits)
	tour.others(visit, doctor, family)
	tour.ends(visit, doctor, family, waits)
}

// theCheck is a look at the own picture and the choice of devices, a network that lets nothing through, and a server that takes its time.
func (tour *tour) theCheck(visit Booked, family *Person) {
	guardian := tour.takes(family.device(bidi.Phone))
	guardian.isWalledIn()
	guardian.goTo(visit.link(tour.t, kit)) // its test takes a while
	family.goTo(visit.link(tour.t, robin))
	family.reaches("check")
	family.await("see themselves", `() => document.querySelector("#check-preview video")?.videoWidth > 0`)
	family.examine("check")
	family.await("open the choice of devices", `() => {
		const summary = document.querySelector("#check-choices summary");
		summary.click();
		return summary.parentNode.open;
	}`)
	family.examine("check-choices")
	family.taps("speaker.play")
	family.taps("speaker.no")
	family.examine("check-unheard")
	family.taps("speaker.again")
	family.taps("speaker.yes")
	family.examine("check-works")
	guardian.shows("#check-line .notice")
	guardian.examine("check-blocked")
	guardian.joins("waiting")
	guardian.reads(guardian.word("waiting.blocked"))
	guardian.examine("waiting-blocked")
	guardian.taps("visit.leave")
	guardian.reaches("left")
	tour.door.hold(family.at)
	family.taps("check.join")
	family.reaches("joining")
	family.examine("joining")
	tour.door.release(family.at)
}

// isWalledIn has this device, from the next page on, find no way for sound and pictures, as behind a firewall.
func (p *Person) isWalledIn() {
	p.t.Helper()
	p.within("be walled in", func(ctx context.Context) error {
		return p.page.Preload(ctx, `() => {
			const Peer = RTCPeerConnection;
			window.RTCPeerConnection = class extends Peer {
				constructor(options) {
					super({...options, iceTransportPolicy: "relay"}); // and there is no relay
				}
			};
		}`)
	})
}

// theChat has lines of both.
func (tour *tour) theChat(doctor, family *Person) {
	doctor.taps("chat.title")
	doctor.shows("#chat")
	doctor.examine("chat-empty")
	doctor.says("Good morning! Can you hear me well?")
	family.shows("#toast")
	family.examine("toast")
	family.says("Yes. Is <b>this</b> better? A-long-word-that-goes-on-and-on-as-addresses-of-pages-do-and-never-ends-anywhere 😀")
	doctor.reads("Is <b>this</b> better?")
	doctor.examine("chat")
	family.examine("chat")
	family.taps("chat.title") // which closes it
}

// lost is a network that goes and takes its time to come back, for one in the visit and one who waits.
func (tour *tour) lost(doctor, family, waits *Person) {
	family.taps("view.open")
	tour.door.hold(family.at)
	tour.wire.drop(doctor.port())
	waits.reaches("reconnecting")
	waits.examine("waiting-lost")
	family.reaches("reconnecting")
	family.await("see the banner over an open dialog", `() => {
		const banner = document.querySelector("#banner"), {left, top, width, height} = banner.getBoundingClientRect();
		return width > 0 && document.elementFromPoint(left + width / 2, top + height / 2) === banner;
	}`)
	family.closesDialog("#view-dialog")
	family.shows("#banner")
	family.examine("reconnecting")
	family.await("be advised", `(words) => document.querySelector("#banner").textContent.includes(words)`, family.word("banner.network"))
	family.await("have a number to call", `() => document.querySelector("#banner a[href^='tel:']")?.checkVisibility() ?? false`)
	family.examine("reconnecting-long")
	waits.shows("#waiting-hurry")
	waits.examine("waiting-lost-long")
	family.chats()
	family.fills("#chat-text", "Are you still there?")
	family.taps("chat.send")
	family.shows("#chat-lines [data-state=waiting]")
	family.examine("chat-waiting")
	family.taps("chat.title") // which closes it
	tour.wire.mend()
	tour.door.release(family.at)
	waits.reaches("waiting")
	family.reaches("visit")
	family.sees(doctor, tile(drAda))
}

// others come: one who waits, and the family's second device.
func (tour *tour) others(visit Booked, doctor, family *Person) {
	tour.comes(visit, noor)
	doctor.taps("people.title")
	doctor.reads(noor)
	doctor.examine("people")
	second := tour.takes(family.device(bidi.Phone))
	second.arrives(visit.link(tour.t, robin), "waiting")
	doctor.taps("knocking.admit", "name", robin)
	family.reaches("replaced")
	family.examine("replaced")
	family.taps("action.here")
	family.reaches("waiting")
	doctor.taps("knocking.admit", "name", robin)
	family.reaches("visit")
	family.taps("visit.leave")
	family.reaches("left")
	family.examine("left")
	family.taps("action.back")
	family.comesBack()
	doctor.taps("visit.leave")
	doctor.shows("#leave-dialog")
	doctor.taps("leave.go")
	doctor.reaches("left")
	doctor.examine("left-clinician")
	doctor.taps("action.back")
	doctor.comesBack()
}

// ends are all ways in which a visit can be over.
func (tour *tour) ends(visit Booked, doctor, family, waits *Person) {
	withdrawn := tour.takes(family.device(bidi.Phone))
	withdrawn.arrives(visit.link(tour.t, noor), "waiting")
	tour.api(http.MethodDelete, "/api/v1/visits/"+visit.ID+"/invitations/"+visit.invited(tour.t, noor), nil, nil)
	withdrawn.reaches("revoked")
	withdrawn.examine("revoked-removed")
	doctor.taps("visit.end")
	doctor.shows("#end-dialog")
	doctor.examine("end-dialog")
	doctor.taps("end.sure")
	doctor.reaches("ended")
	doctor.examine("ended-clinician")
	family.reaches("ended")
	family.examine("ended")
	waits.reaches("ended")
	waits.examine("ended-unseen")
	tour.afterwards(visit, doctor, family)
}

// comes has somebody join without a browser, until the test's end.
func (tour *tour) comes(visit Booked, name string) *loadtest.Client {
	tour.t.Helper()
	client, err := attend(tour.t.Context(), visit.link(tour.t, name))
	if err != nil {
		tour.t.Fatal(err)
	}
	tour.t.Cleanup(func() {
		if err := client.Close(); err != nil {
			tour.t.Error(err)
		}
	})
	return client
}

func attend(ctx context.Context, link string) (*loadtest.Client, error) {
	visitor, err := loadtest.Redeem(ctx, http.DefaultClient, link, "")
	if err != nil {
		return nil, err
	}
	pass, err := visitor.Pass(ctx)
	if err != nil {
		return nil, err
	}
	client, err := visitor.Join(ctx, pass, loadtest.Options{})
	if err != nil {
		return nil, err
	}
	_, err = client.Wait(ctx, func(s loadtest.State) bool { return s.Place != "" })
	return client, err
}

// fullHouse has ten people in a visit, and a server that does not take the eleventh.
func (tour *tour) fullHouse() {
	var people []string
	for i := range 9 {
		people = append(people, fmt.Sprintf("Dr Number %d Quillfeather", i+1), "clinician")
	}
	visit := tour.book(0, people[:len(people)-2]...)
	family := tour.takes(chromium(tour.t, 1, robin, bidi.Phone))
	doctor := tour.takes(chromium(tour.t, 0, drAda, bidi.Laptop))
	doctor.arrives(visit.link(tour.t, drAda), "visit")
	for i := 0; i+2 < len(people); i += 2 {
		tour.comes(visit, people[i])
	}
	family.arrives(visit.link(tour.t, robin), "waiting")
	doctor.taps("knocking.admit", "name", robin)
	family.reaches("visit")
	family.await("see all", `() => document.querySelectorAll("#tiles .tile").length >= 9`)
	family.examine("full")
	doctor.examine("full")
	family.closes(4412)
	family.reaches("declined")
	family.examine("declined")
	family.taps("action.knock")
	family.comesBack()
	family.closes(4503)
	family.reaches("busy")
	family.examine("busy")
	doctor.closes(4400)
	doctor.reaches("broken")
	doctor.examine("broken")
}

// closes has the page believe that the server closed the websocket with a code.
func (p *Person) closes(code int) {
	p.t.Helper()
	p.await("be closed", `(code) => { witness.sockets.at(-1).dispatchEvent(new CloseEvent("close", {code})); return true; }`, code)
}
