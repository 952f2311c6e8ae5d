package e2e

import (
	"time"

	"housecall/e2e/bidi"
)

const (
	drBen = "Dr Ben Quillfeather" // a second clinician
	lee   = "Lee Hazelwood"       // who only watches
)

// scene is a visit of a teenager with a guardian, an interpreter and a second clinician.
type scene struct {
	*tour
	visit                                  Booked
	doctor, patient, guardian, interpreter *Person
}

// withPeople goes through all that a clinician does about people: those who wait, those in the visit, and those who must not hear.
func (tour *tour) withPeople() {
	visit := tour.bookWith(map[string]any{"ask_birth_date": false, "birth_date": time.Now().AddDate(-14, 0, -1).Format(time.DateOnly)}, 0,
		kit, "guardian", noor, "interpreter", drBen, "clinician", lee, "observer")
	s := &scene{tour: tour, visit: visit}
	s.doctor = tour.takes(chromium(tour.t, 0, drAda, bidi.Laptop))
	s.patient = tour.takes(chromium(tour.t, 1, robin, bidi.Phone))
	s.guardian, s.interpreter = s.another(s.patient, kit), s.another(s.patient, noor)
	s.thoseWhoWait()
	s.privateTime()
	s.thoseInside()
	s.whoWatches()
	s.pictures()
	s.invitations()
	s.goodbyes()
}

// another is somebody else in front of a window of the same browser.
func (s *scene) another(p *Person, name string) *Person {
	other := s.takes(p.device(p.screen))
	other.name = name
	return other
}

// thoseWhoWait are told something, and let in.
func (s *scene) thoseWhoWait() {
	doctor, patient := s.doctor, s.patient
	doctor.isAhead(2 * time.Minute) // into the visit, when a clinician is reminded of private time
	doctor.arrives(s.visit.link(s.t, drAda), "visit")
	patient.arrives(s.visit.link(s.t, robin), "waiting")
	s.guardian.arrives(s.visit.link(s.t, kit), "waiting")
	s.interpreter.isAhead(15 * time.Minute)
	s.interpreter.arrives(s.visit.link(s.t, noor), "waiting")
	s.interpreter.shows("#waiting-help")
	s.interpreter.examine("waiting-late")

	doctor.reads(noor)
	doctor.examine("knocking-two")
	doctor.taps("knocking.more", "name", robin)
	doctor.shows("#waiting-list .tag")
	doctor.examine("knocking-more")
	doctor.taps("tell.to", "name", robin)
	doctor.shows("#tell-dialog")
	doctor.examine("tell")
	doctor.taps("tell.late")
	patient.reads(patient.word("tell.late"))
	doctor.isSent(doctor.word("tell.late"))
	doctor.tells("Please have the list of Robin’s medicines at hand.")
	patient.reads("medicines at hand")
	doctor.examine("tell-sent")
	patient.examine("waiting-told")
	doctor.taps("panel.close")
	doctor.taps("tell.all")
	doctor.examine("tell-all")
	doctor.taps("panel.close")
	doctor.taps("knocking.decline", "name", robin)
	doctor.shows("#sure-dialog")
	doctor.examine("sure-decline")
	doctor.taps("sure.no")
	for _, each := range []*Person{patient, s.guardian, s.interpreter} {
		doctor.admits(each)
	}
	s.comes(s.visit, drBen)
	doctor.taps("people.title") // which closes it
}

// privateTime begins when the page has reminded the clinician of it, and ends.
func (s *scene) privateTime() {
	doctor, patient := s.doctor, s.patient
	doctor.sees(patient, tile(robin))
	doctor.isNoticed("private.remind")
	doctor.examine("private-reminder")
	doctor.taps("private.title")
	s.guardian.reaches("waiting")
	s.guardian.reads(s.guardian.word("waiting.private.title"))
	s.guardian.examine("waiting-private")
	doctor.shows("#private-end")
	doctor.examine("private")
	patient.shows("#ask")
	patient.examine("private-question")
	patient.taps("ask.signal")
	patient.shows("#ask-again")
	patient.examine("private-answered")
	doctor.shows("#tiles .note.urgent")
	doctor.examine("private-signal")

	second := s.another(doctor, drAda)
	second.arrives(s.visit.link(s.t, drAda), "waiting")
	second.reads(second.word("waiting.device.title"))
	second.examine("waiting-device")
	doctor.lists()
	doctor.reads(doctor.word("knocking.held_device"))
	doctor.examine("private-held")
	doctor.says("Is there anything you would like to talk about alone?")
	doctor.examine("private-chat")
	second.taps("visit.leave")
	second.reaches("left")
	doctor.taps("private.end")
	s.guardian.reaches("visit")
}

// thoseInside are moved back and shown out, or lead the visit.
func (s *scene) thoseInside() {
	doctor := s.doctor
	doctor.lists()
	doctor.taps("people.more", "name", robin)
	doctor.shows(".choices button")
	doctor.examine("people-menu")
	doctor.taps("people.more", "name", robin)
	doctor.chooses(kit, "return")
	s.guardian.reaches("waiting")
	s.guardian.reads(s.guardian.word("waiting.returned.title"))
	s.guardian.examine("waiting-returned")
	doctor.admits(s.guardian)
	doctor.chooses(kit, "remove")
	doctor.shows("#sure-dialog")
	doctor.examine("sure-remove")
	doctor.taps("sure.no")

	s.interpreter.lists()
	s.interpreter.taps("people.i_sign")
	s.interpreter.seesListed(noor, "people.signs")
	doctor.seesListed(noor, "people.signs")
	s.interpreter.examine("people-interpreter")
	s.patient.sees(s.interpreter, tile(noor))
	s.patient.examine("signing")
	s.interpreter.taps("people.i_sign")
	s.interpreter.taps("people.title") // which closes it
}

// whoWatches comes in, looks on and goes.
func (s *scene) whoWatches() {
	observer := s.another(s.patient, lee)
	observer.goTo(s.visit.link(s.t, lee))
	observer.reaches("check")
	observer.examine("check-observer")
	observer.joins("waiting")
	s.doctor.lists()
	s.doctor.admits(observer)
	observer.sees(s.patient, tile(robin))
	observer.examine("visit-observer")
	observer.taps("visit.leave")
	observer.reaches("left")
}

// pictures are those of a screen, none at all, and words in their place.
func (s *scene) pictures() {
	doctor, patient := s.doctor, s.patient
	doctor.taps("share.start")
	doctor.isNoticed("notice.sharing")
	doctor.examine("sharing")
	patient.shows("#tiles .tile[data-source=screen]:not(.bare)")
	patient.examine("screen")
	doctor.taps("share.stop")

	patient.taps("view.open")
	patient.shows("#view-dialog")
	patient.examine("view")
	patient.press("checkbox", patient.word("view.captions"))
	patient.taps("panel.close")
	doctor.says("Take the drops twice a day, in the morning and in the evening.")
	patient.shows("#captions strong")
	patient.examine("captions")
	patient.taps("view.audio_only")
	patient.isNoticed("notice.audio")
	patient.examine("audio-only")
	doctor.seesNobody(tile(robin))
	doctor.examine("audio-only-other")
	patient.taps("view.audio_only")
}

// invitations are made by a clinician, who may invite anybody, and by a family.
func (s *scene) invitations() {
	doctor, guardian := s.doctor, s.guardian
	doctor.lists()
	doctor.taps("invite.open")
	doctor.shows("#invite-dialog")
	doctor.examine("invite")
	doctor.taps("invite.send")
	doctor.shows("#invite-error:not(:empty)")
	doctor.examine("invite-wrong")
	doctor.invites("Sam Hazelwood")
	doctor.examine("invite-done")
	doctor.taps("panel.close")
	guardian.lists()
	guardian.taps("invite.open")
	guardian.invites("Nana Larkspur")
	guardian.examine("invite-family")
	guardian.taps("panel.close")
}

// goodbyes are to the visit, to those who lead it, and to those who must go.
func (s *scene) goodbyes() {
	doctor, interpreter := s.doctor, s.interpreter
	doctor.taps("visit.leave")
	doctor.shows("#leave-dialog")
	doctor.examine("leave-dialog")
	doctor.taps("end.stay")
	doctor.chooses(drBen, "lead")
	doctor.shows("#sure-dialog")
	doctor.examine("sure-lead")
	doctor.taps("sure.lead.yes", "name", drBen)
	doctor.seesListed(drBen, "people.leads")
	doctor.chooses(kit, "remove")
	doctor.taps("sure.remove.yes", "name", kit)
	s.guardian.reaches("revoked")
	s.guardian.examine("removed")
	interpreter.taps("visit.leave")
	interpreter.reaches("left")
	interpreter.examine("left-helper")
	interpreter.taps("action.back")
	interpreter.comesBack()
	doctor.taps("visit.end")
	doctor.taps("end.sure")
	interpreter.reaches("ended")
	interpreter.examine("ended-helper")
}
