package loadtest

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"
)

// TestClient plays a visit against a whole server: a clinician is there, another comes and sees and hears them, a patient waits and gets
// nothing.
func TestClient(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	patientLink, links, err := hospital.plan(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	there := hospital.enter(ctx, t, hospital.redeem(ctx, t, links[0]))

	patient := join(ctx, t, hospital.redeem(ctx, t, patientLink))
	waiting, err := patient.Wait(ctx, func(s State) bool { return s.Steps.Connected > 0 })
	if err != nil {
		t.Fatal(err)
	}
	if waiting.Place != "waiting" {
		t.Fatalf("the patient is in place %q", waiting.Place)
	}

	clinician := join(ctx, t, hospital.redeem(ctx, t, links[1]))
	state, err := clinician.Wait(ctx, func(s State) bool {
		picture, _ := s.Shows(there.You, sourceCamera)
		sound, _ := s.Shows(there.You, sourceMicrophone)
		return picture.Frames > 30 && sound.Packets > 50 && s.Sent > 0 && s.Messages["speaking"] > 0
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, state)
	}
	picture, _ := state.Shows(there.You, sourceCamera)
	s := state.Steps
	if !(0 < s.Dialed && s.Dialed < s.Offered && s.Offered < s.Joined && s.Joined < s.Connected && s.Checked <= s.Connected &&
		s.Dialed < picture.FirstPacket && picture.FirstPacket <= picture.FirstKeyFrame) {
		t.Errorf("steps out of order: %+v, then %+v", s, picture)
	}
	if state.Offers != 1 || len(state.Slots) != 2 {
		t.Errorf("%d offers, slots %v", state.Offers, state.Slots)
	}

	waiting = patient.State()
	if waiting.Place != "waiting" || waiting.Sent != 0 || len(waiting.Received) != 0 || len(waiting.Slots) != 0 {
		t.Errorf("while waiting: %+v", waiting)
	}
	for _, client := range []*Client{clinician, patient} {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if state := client.State(); !state.Closed || state.CloseCode != 1000 {
			t.Errorf("after bye: closed %v with code %d", state.Closed, state.CloseCode)
		}
	}
}

// TestClientRefused: what the server refuses comes back as what it said.
func TestClientRefused(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var refused *Refused
	if _, err := Redeem(ctx, hospital.http, hospital.url+"/v#AAAAAAAAAAAAAAAAAAAAAA", ""); !errors.As(err, &refused) || refused.Status != 404 || refused.Code != "not_found" {
		t.Errorf("a code that is none: %v", err)
	}
	_, links, err := hospital.plan(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	visitor := hospital.redeem(ctx, t, links[0])
	client, err := visitor.Join(ctx, Pass{Token: "none"}, Options{Sends: true, Audio: 1, Video: 1})
	if err != nil {
		t.Fatal(err)
	}
	state, err := client.Wait(ctx, func(State) bool { return false })
	if err == nil || state.CloseCode != 4401 {
		t.Errorf("a pass that is none: close code %d, %v", state.CloseCode, err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

func join(ctx context.Context, t testing.TB, visitor *Visitor) *Client {
	t.Helper()
	pass, err := visitor.Pass(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client, err := visitor.Join(ctx, pass, Options{Sends: true})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
