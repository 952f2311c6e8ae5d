package e2e

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"housecall/e2e/bidi"
	"housecall/e2e/stage"
	"housecall/loadtest"
)

// sharedPage is what is shared: four colours, a square that blinks, and bursts of a tone, all as those of a participant's camera and microphone.
func sharedPage(who int) string {
	colours := map[string]string{"red": "#d02020", "green": "#20c020", "blue": "#2030d0", "yellow": "#d8d020"}
	quarters := ""
	for _, each := range stage.Pictures[who] {
		quarters += `<div style="background:` + colours[each] + `"></div>`
	}
	return "data:text/html," + url.PathEscape(fmt.Sprintf(`<!doctype html><title>%s</title>
		<body style="margin:0;display:grid;grid:50vh 50vh/50vw 50vw">%s<p id="blink" style="position:fixed;left:49vw;top:49vh;width:2vw;height:2vw;margin:0">
		<script>
			const ears = new AudioContext(), tone = new OscillatorNode(ears, {frequency: %d}), loud = new GainNode(ears, {gain: 0});
			tone.connect(loud).connect(ears.destination);
			tone.start();
			for (let at = 0; at < 600; at += 0.5) loud.gain.setValueAtTime(0.5, at).setValueAtTime(0, at + 0.333);
			setInterval(() => blink.style.background = blink.style.background ? "" : "white", 200);
		</script>`, bidi.SharedTitle, quarters, stage.Tones[who]))
}

// readiesScreen opens a window beside somebody's that their browser shares when they press the button.
func (p *Person) readiesScreen(who int) *Person {
	p.t.Helper()
	shared := &Person{t: p.t, who: who, name: p.word("visit.screen_of", "name", p.name), at: p.at, screen: bidi.Laptop}
	p.within("open what is to be shared", func(ctx context.Context) (err error) {
		if shared.page, err = p.page.Beside(ctx); err != nil {
			return err
		}
		return shared.page.Navigate(ctx, sharedPage(who))
	})
	p.within("look at the visit again", p.page.Activate)
	return shared
}

// A screen is shown with its sound: the others see it in a tile of its own beside the sharer's face, and hear it. It ends by the page's own button.
// Whoever may not share can't, whatever their page sends.
func TestScreenShare(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, kit, "guardian", noor, "observer")
	doctor := seat(t, 0, drAda, bidi.Laptop, "Chromium", bidi.Sharing)
	doctor.within("have camera and microphone", func(ctx context.Context) error { return doctor.page.Grant(ctx, h.url, "camera", "microphone") })
	patient := chromium(t, 1, robin, bidi.Phone)
	admitted(t, visit, doctor, patient)
	guardian := pion(t, visit.link(t, kit), "")
	doctor.taps("knocking.admit", "name", kit)
	pionWaits(t, guardian, "be admitted", func(s loadtest.State) bool { return s.Place == "visit" })

	shared := doctor.readiesScreen(3)
	doctor.taps("share.start")
	doctor.reads(doctor.word("notice.sharing"))
	patient.meets(shared)
	patient.meets(doctor) // beside it
	patient.await("find the screen in a slot of its own", `(name, screen) => {
		const of = (name) => [...document.querySelectorAll("#tiles > *")].find((each) => each.querySelector(".name")?.textContent === name)?.dataset;
		const [face, shown] = [of(name), of(screen)];
		return face && shown && face.member === shown.member && face.source === "camera" && shown.source === "screen";
	}`, drAda, shared.name)
	var member string
	patient.within("tell who shares", func(ctx context.Context) error {
		return patient.page.Await(ctx, &member, `(name) => [...document.querySelectorAll("#tiles > *")]
			.find((each) => each.querySelector(".name")?.textContent === name)?.dataset.member`, shared.name)
	})
	state := pionWaits(t, guardian, "get screen and sound", func(s loadtest.State) bool {
		picture, _ := s.Shows(member, "screen")
		sound, _ := s.Shows(member, "screen_audio")
		return picture.KeyFrames > 0 && sound.Packets > 50
	})
	picture, _ := state.Shows(member, "screen")
	sound, _ := state.Shows(member, "screen_audio")
	t.Logf("MUST SHOW: screen share: another was sent %d packets of its picture and %d of its sound", picture.Packets, sound.Packets)

	doctor.taps("share.stop")
	patient.misses(shared.name)
	patient.hearsNothingOf(shared.who)
	patient.meets(doctor)
	pionWaits(t, guardian, "see the screen gone", func(s loadtest.State) bool {
		_, seen := s.Shows(member, "screen")
		_, heard := s.Shows(member, "screen_audio")
		return !seen && !heard
	})

	observer := chromium(t, 2, noor, bidi.Laptop)
	observer.arrives(visit.link(t, noor), "waiting")
	doctor.taps("knocking.admit", "name", noor)
	observer.reaches("visit")
	observer.sees(doctor, tile(drAda))
	observer.await("find nothing to share with", `() => !document.querySelector("#share").checkVisibility()`)
	observer.await("say all the same that they share", `() => {
		witness.sockets.at(-1).send(JSON.stringify({type: "media", media: {microphone: false, camera: false, screen: true}}));
		return true;
	}`)
	observer.until("be refused", func() bool { return observer.refusals("not_allowed") == 1 })
	patient.await("see no screen", `() => !document.querySelector('#tiles [data-source="screen"]')`)
}

// Audio only is one tap away, and then no packet of a picture comes or goes; one tap brings the pictures back. Little data is one picture at a time.
func TestAudioOnly(t *testing.T) {
	h := openHouse(t)
	visit := h.book(0, drBen, "clinician")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	patient := firefox(t, 3, robin, bidi.Phone)
	admitted(t, visit, doctor, patient)
	for _, each := range []struct{ who, other *Person }{{patient, doctor}, {doctor, patient}} {
		h.withoutPictures(each.who, each.other)
		each.other.sees(each.who, tile(each.who.name))
		each.who.sees(each.other, tile(each.other.name))
	}

	pion(t, visit.link(t, drBen), "")
	pictures := `async () => {
		const count = async () => new Map([...(await witness.peers.at(-1).getStats()).values()]
			.filter((each) => each.type === "inbound-rtp" && each.kind === "video").map((each) => [each.mid, each.packetsReceived]));
		const before = await count();
		await new Promise((done) => setTimeout(done, 700));
		return [...await count()].filter(([mid, n]) => n > (before.get(mid) ?? 0)).length;
	}`
	doctor.await("get two pictures", `async () => await (`+pictures+`)() === 2`)
	doctor.taps("view.open")
	doctor.press("radio", doctor.word("view.data_low"))
	doctor.closesDialog("#view-dialog")
	doctor.await("get one picture at a time", `async () => await (`+pictures+`)() === 1`)
}

// withoutPictures has somebody tap "Audio only" and counts what passes on the server's socket: before, meanwhile, and after they turned pictures on again.
func (h *House) withoutPictures(p, other *Person) {
	h.t.Helper()
	port, opus := p.port(), p.opus()
	passes := func(what string, enough func(carried) bool) carried {
		h.t.Helper()
		before := h.carried(port, opus)
		p.until(what, func() bool { return enough(h.carried(port, opus).less(before)) })
		return h.carried(port, opus).less(before)
	}
	both := func(c carried) bool {
		return min(c.soundTo, c.soundFrom) > 50 && min(c.picturesTo, c.picturesFrom) > 15
	}
	passes("get and send sound and pictures", both)
	pressed := len(p.notes("pressed"))
	p.taps("view.audio_only")
	p.reads(p.word("notice.audio"))
	if n := len(p.notes("pressed")) - pressed; n != 1 {
		h.t.Errorf("audio only took %d taps", n)
	}
	comesToRest(p, "get and send no picture",
		func() [2]int { c := h.carried(port, opus); return [2]int{c.picturesTo, c.picturesFrom} },
		func() int { c := h.carried(port, opus); return 2 * min(c.soundTo, c.soundFrom) })
	other.seesNobody(tile(p.name))
	got := passes("get and send sound alone", func(c carried) bool { return min(c.soundTo, c.soundFrom) > 100 })
	h.t.Logf("MUST SHOW: audio only in %s: %v", p.page.Browser().Name(), got)
	if got.picturesTo != 0 || got.picturesFrom != 0 {
		h.t.Errorf("with audio only passed %v", got)
	}
	other.hears(p)
	p.hears(other)
	p.taps("notice.go_video")
	passes("get and send sound and pictures again", both)
}
