package rooms

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
)

func TestTell(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Waiting)
	must(s, s.doctor.seat.Tell(s.ctx, "actor", Note{ID: "1", Text: "soon"}))
	want := Told{Note: Note{ID: "1", Text: "soon"}, Member: "actor", At: s.clock.Now()}
	if got := all[Told](s.actor); len(got) != 1 || got[0] != want {
		t.Fatalf("told %+v", got)
	}
	if got := latest[Told](s.doctor); got != want {
		t.Errorf("the clinician got %+v", got)
	}
	if got := all[Told](s.waiting); len(got) != 0 {
		t.Error("another heard it")
	}
	must(s, s.doctor.seat.Tell(s.ctx, "actor", Note{ID: "1", Text: "soon"})) // sent again: the answer was lost
	if len(all[Told](s.actor)) != 1 || len(all[Told](s.doctor)) != 2 {
		t.Error("told twice, or not answered twice")
	}
	must(s, s.doctor.seat.Tell(s.ctx, "", Note{ID: "2", Text: "all"}))
	if latest[Told](s.actor).Member != "actor" || latest[Told](s.waiting).Member != "waiting" || latest[Told](s.doctor).Member != "" {
		t.Error("not all were told, or not as themselves")
	}
	if n := len(all[Told](s.in)) + len(all[Told](s.interpreter)); n != 0 {
		t.Error("somebody in the visit heard what others said to those who wait")
	}
	if got := s.db.notices(); len(got) != 3 || got[0].Told != want || got[0].By != "doctor" {
		t.Errorf("kept %+v", got)
	}
	for id, to := range map[string]string{"somebody in the visit": "in", "nobody": "nobody", "oneself": "doctor"} {
		if err := s.doctor.seat.Tell(s.ctx, to, Note{ID: "x", Text: "x"}); !errors.Is(err, fault.NotFound) {
			t.Errorf("telling %s: %v", id, err)
		}
	}
	for i := range 20 {
		must(s, s.doctor.seat.Tell(s.ctx, "actor", Note{ID: fmt.Sprint("more-", i), Text: "x"}))
	}
	s.actor.seat.Lost()
	again := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	got := latest[Joined](again).Told
	if len(got) != maxTold || got[0].ID != "more-10" || got[9].ID != "more-19" {
		t.Errorf("told again %+v", got)
	}
	s.doctor.admit(again)
	must(s, s.doctor.seat.Return(s.ctx, "actor"))
	if got := latest[Moved](again).Told; len(got) != 0 {
		t.Errorf("what was told before the visit is told after it: %+v", got)
	}
	s.doctor.seat.Leave()
	s.waiting.seat.Leave()
	again.seat.Leave()
	colleague := s.join("colleague", how{role: auth.Clinician})
	if err := colleague.seat.Tell(s.ctx, "", Note{ID: "x", Text: "x"}); !errors.Is(err, fault.NotFound) {
		t.Errorf("telling an empty waiting room: %v", err)
	}
}

// TestTellFromOutside: somebody who is not there tells all who wait, once, and it lasts.
func TestTellFromOutside(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Waiting)
	for range 2 { // sent again: the answer was lost
		must(s, s.host.Tell(s.ctx, visitID, "of the queue", Note{ID: "1", Text: "soon", Ready: "soon"}))
	}
	s.settle()
	if len(all[Told](s.actor)) != 1 || len(all[Told](s.waiting)) != 1 || len(all[Told](s.doctor)) != 0 {
		t.Error("not all who wait were told, or not once, or somebody else was")
	}
	if got := s.db.notices(); len(got) != 2 || got[0].By != "of the queue" {
		t.Errorf("kept %+v", got)
	}
	s.actor.seat.Leave()
	s.waiting.seat.Leave()
	for visit, want := range map[string]error{visitID: fault.NotFound, "another": ErrNotHere} {
		if err := s.host.Tell(s.ctx, visit, "of the queue", Note{ID: "2", Text: "x"}); !errors.Is(err, want) {
			t.Errorf("telling nobody in %s: %v", visit, err)
		}
	}
}

// Who waits is told when that lasts, and not before; while the database is away they are not told, and whoever asked is.
func TestTellLasts(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Waiting)
	s.db.goAway(true)
	if err := s.doctor.seat.Tell(s.ctx, "actor", Note{ID: "1", Text: "soon"}); !errors.Is(err, ErrNotKept) {
		t.Errorf("with the database away: %v", err)
	}
	s.db.goAway(false)
	release := s.db.hold()
	done := make(chan error, 1)
	go func() { done <- s.doctor.seat.Tell(s.ctx, "", Note{ID: "1", Text: "soon"}) }()
	s.until("it is being kept", func() bool { return s.db.waiting() == 1 })
	if n := len(all[Told](s.actor)) + len(all[Told](s.waiting)) + len(all[Told](s.doctor)); n != 0 {
		t.Errorf("%d were told before it lasts", n)
	}
	s.doctor.admit(s.waiting) // meanwhile
	s.actor.seat.Lost()
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(all[Told](s.waiting)); n != 0 {
		t.Error("told in the visit")
	}
	again := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	if got := latest[Joined](again).Told; len(got) != 1 || got[0].ID != "1" {
		t.Errorf("who came back is told %+v", got)
	}
}

// The next host of a room knows what those who wait were told, and that they were moved back; of who is in the visit it remembers nothing of the kind.
func TestToldMovesAlong(t *testing.T) {
	s := newScene(newHouse(t, Limits{}), auth.Patient, Visit)
	must(s, s.doctor.seat.Return(s.ctx, "actor"))
	for i := range maxTold + 1 {
		s.clock.Pass(time.Second)
		must(s, s.doctor.seat.Tell(s.ctx, "", Note{ID: fmt.Sprint(i), Text: phi.Text(fmt.Sprint("note ", i)), Ready: "soon"}))
	}
	before := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	s.doctor.admit(s.waiting)
	drained := make(chan error, 1)
	go func() { drained <- s.host.Drain(s.ctx) }()
	before.relocated()
	old := s.host
	s.host = s.newHost("node-2", Limits{})

	doctor := s.join("doctor", how{role: auth.Clinician})
	after := s.join("actor", how{role: auth.Patient, invitation: "actor"})
	want, got := latest[Joined](before), latest[Joined](after)
	if len(want.Told) != maxTold || !slices.Equal(got.Told, want.Told) {
		t.Errorf("on the next node it is told again %+v, want %+v", got.Told, want.Told)
	}
	if want.Why != WhyReturned || got.Why != WhyReturned {
		t.Errorf("waits because %q, before because %q", got.Why, want.Why)
	}
	last := Note{ID: fmt.Sprint(maxTold), Text: phi.Text(fmt.Sprint("note ", maxTold)), Ready: "soon"}
	must(s, doctor.seat.Tell(s.ctx, "", last)) // the answer was lost with the node
	if n := len(all[Told](after)); n != 0 {
		t.Errorf("told %d times more", n)
	}
	if got := latest[Told](doctor).Note; got != last {
		t.Errorf("the clinician is answered %+v", got)
	}
	in := s.join("waiting", how{role: auth.Guest})
	must(s, doctor.seat.Return(s.ctx, "waiting"))
	if got := latest[Moved](in); len(got.Told) != 0 {
		t.Errorf("what was told before the visit is told after it: %+v", got.Told)
	}
	for _, g := range []*guest{s.doctor, s.in, s.interpreter, s.waiting, before} {
		g.seat.Lost()
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	s.closeHost(old)
}

// A link in other hands cannot make the room remember without end, nor forget those who are here.
func TestWaitersAreFew(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	must2(t, doctor.seat.Tell(h.ctx, "patient", Note{ID: "1", Text: "soon"}))
	for i := range 2 * maxWaiters {
		stranger := h.join(fmt.Sprint("stranger-", i), how{role: auth.Guest, invitation: "strangers"})
		must2(t, stranger.seat.SetCheck(h.ctx, Check{}))
		stranger.seat.Lost()
	}
	h.settle()
	if n := len(h.room().waiters); n != maxWaiters {
		t.Errorf("remembers %d", n)
	}
	patient.seat.Lost()
	if got := latest[Joined](h.join("patient", how{role: auth.Patient})).Told; len(got) != 1 || got[0].Text != phi.Text("soon") {
		t.Errorf("the patient is told again %+v", got)
	}
}

func TestCheck(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor, patient := h.join("doctor", how{role: auth.Clinician}), h.join("patient", how{role: auth.Patient})
	other := h.join("other", how{role: auth.Guest})
	doctor.admit(other)
	check := Check{Camera: FindingFault, Microphone: FindingOK, Speaker: FindingUnknown, RTTMS: 40, LossPct: 2, Network: NetworkPoor, Browser: "Firefox"}
	told := count(other)
	must2(t, patient.seat.SetCheck(h.ctx, check), patient.seat.SetLine(h.ctx, QualityWeak))
	got := latest[Changed](doctor).Member
	if got.Check == nil || *got.Check != check || got.Line != QualityWeak {
		t.Errorf("the clinician sees %+v", got)
	}
	h.join("patient", how{role: auth.Patient})
	if got := latest[Changed](doctor).Member; got.Check == nil || *got.Check != check || got.Line != "" {
		t.Errorf("after a reload the clinician sees %+v", got)
	}
	if news := after(other, told); len(news) > 0 {
		t.Errorf("somebody else in the visit was told %s", kinds(news))
	}
	doctor.admit(patient)
	if got := latest[Changed](doctor).Member; got.Check != nil {
		t.Errorf("of somebody in the visit the clinician sees %+v", got)
	}
}

// TestLastCheck: who comes as another session has the devices that they had before, and whoever keeps the appointment hears of a check when its session waits no more.
func TestLastCheck(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	seen := func() Check {
		t.Helper()
		c := latest[Changed](doctor).Member.Check
		if c == nil {
			t.Fatal("the clinician sees no check")
		}
		return *c
	}
	unknown := Check{Camera: FindingUnknown, Microphone: FindingUnknown, Speaker: FindingUnknown, RTTMS: -1, LossPct: -1, Network: NetworkUnknown, Browser: "Firefox"}
	failed := unknown
	failed.Camera, failed.Network, failed.RTTMS, failed.LossPct = FindingFault, NetworkPoor, 300, 4
	first := h.join("first", how{role: auth.Patient, invitation: "teen"})
	must2(t, first.seat.SetCheck(h.ctx, failed), nil)
	must2(t, first.seat.SetCheck(h.ctx, unknown), nil) // the page was loaded again
	if got := seen(); got != failed {
		t.Errorf("after a reload %+v", got)
	}
	if got := h.seenEvents(EventChecked); len(got) != 0 {
		t.Errorf("told of %+v while the session waits", got)
	}
	first.seat.Leave()
	h.settle()
	events := h.seenEvents(EventChecked)
	if len(events) != 1 || *events[0].Check != failed || events[0].Invitation != "teen" || events[0].Role != auth.Patient || events[0].At.IsZero() {
		t.Fatalf("told of %+v", events)
	}
	second := h.join("second", how{role: auth.Patient, invitation: "teen"})
	heard := unknown
	heard.Microphone = FindingOK
	must2(t, second.seat.SetCheck(h.ctx, heard), nil)
	want := failed
	want.Microphone = FindingOK
	if got := seen(); got != want {
		t.Errorf("as another session %+v", got)
	}
	stranger := h.join("stranger", how{role: auth.Guest})
	must2(t, stranger.seat.SetCheck(h.ctx, unknown), nil)
	if got := seen(); got != unknown {
		t.Errorf("somebody else's %+v", got)
	}
	elsewhere := unknown
	elsewhere.Browser = "Safari"
	third := h.join("third", how{role: auth.Patient, invitation: "teen"})
	must2(t, third.seat.SetCheck(h.ctx, elsewhere), nil)
	if got := seen(); got != elsewhere {
		t.Errorf("on another browser %+v", got)
	}
	doctor.admit(second)
	if got := h.seenEvents(EventChecked); len(got) != 2 || *got[1].Check != want {
		t.Errorf("told of %+v", got)
	}
}

// leads says whom a viewer believes to lead.
func leads(g *guest) string {
	lead := ""
	updates, _, _ := g.box.look()
	for _, u := range updates {
		switch u := u.(type) {
		case Joined:
			for _, m := range u.Members {
				if m.Lead {
					lead = m.ID
				}
			}
		case Changed:
			if u.Member.Lead {
				lead = u.Member.ID
			} else if lead == u.Member.ID {
				lead = ""
			}
		case Left:
			if lead == u.Member {
				lead = ""
			}
		}
	}
	return lead
}

func TestLead(t *testing.T) {
	h := newHouse(t, Limits{})
	first := h.join("first", how{role: auth.Clinician})
	patient := h.join("patient", how{role: auth.Patient})
	first.admit(patient)
	second, third := h.join("second", how{role: auth.Clinician}), h.join("third", how{role: auth.Clinician})
	want := func(when, id string) {
		t.Helper()
		h.tick()
		if got := leads(patient); got != id {
			t.Errorf("%s: %q leads, want %q", when, got, id)
		}
	}
	patient = h.join("patient", how{role: auth.Patient})
	want("at first", "first")
	must2(t, first.seat.HandOver(h.ctx, "third"), first.seat.HandOver(h.ctx, "third"))
	want("handed over", "third")
	for id, err := range map[string]error{"patient": fault.NotAllowed, "nobody": fault.NotFound} {
		if got := first.seat.HandOver(h.ctx, id); !errors.Is(got, err) {
			t.Errorf("handing over to %s: %v", id, got)
		}
	}
	tablet := h.join("tablet", how{role: auth.Clinician, invitation: "invitation-of-third"})
	first.admit(tablet)
	want("on another device", "tablet")
	tablet.seat.Lost()
	want("with the lead gone for a moment", "")
	tablet = h.join("tablet", how{role: auth.Clinician, invitation: "invitation-of-third"})
	want("back again", "tablet")
	tablet.seat.Lost()
	h.settle()
	h.clock.Pass(deviceGrace)
	want("away for long", "first")
	first.seat.Leave()
	want("left on purpose", "second")
	second.seat.Leave()
	want("with no clinician", "")
	h.join("tablet", how{role: auth.Clinician, invitation: "invitation-of-third"})
	want("with the next who comes", "tablet")
	_ = third
	if got := h.seenEvents(EventHandedOver); len(got) != 1 || got[0].Session != "third" || got[0].By != "invitation-of-first" {
		t.Errorf("events %+v", got)
	}
}

func TestStarted(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	if got := latest[Joined](doctor).Started; !got.IsZero() {
		t.Errorf("started %v with nobody but a clinician", got)
	}
	h.clock.Pass(time.Minute)
	patient := h.join("patient", how{role: auth.Patient})
	doctor.admit(patient)
	began := h.clock.Now()
	h.clock.Pass(time.Minute)
	if got := latest[Moved](patient).Started; !got.Equal(began) {
		t.Errorf("started %v", got)
	}
	patient.seat.Leave()
	if got := latest[Joined](h.join("doctor", how{role: auth.Clinician})).Started; !got.Equal(began) {
		t.Errorf("after the patient left, started %v", got)
	}
}

func TestDevice(t *testing.T) {
	h := newHouse(t, Limits{})
	doctor := h.join("doctor", how{role: auth.Clinician})
	phone := h.join("phone", how{role: auth.Patient, invitation: "family"})
	laptop := h.join("laptop", how{role: auth.Patient, invitation: "family"})
	device := func() (known map[string]bool) {
		known = map[string]bool{}
		for _, u := range all[Changed](doctor) {
			known[u.Member.ID] = u.Member.Device
		}
		return known
	}
	if got := device(); got["phone"] || got["laptop"] {
		t.Errorf("with nobody in the visit: %v", got)
	}
	doctor.admit(phone)
	if got := device(); got["phone"] || !got["laptop"] {
		t.Errorf("with the phone in the visit: %v", got)
	}
	phone.seat.Leave()
	h.settle()
	if got := device(); got["laptop"] {
		t.Errorf("with the phone gone: %v", got)
	}
	doctor.admit(laptop)
}
