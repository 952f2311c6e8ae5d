package loadtest

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"housecall/auth"
)

// TestRelayed: from a network that lets out nothing but TCP, by the relay and the credentials of the pass, sound and picture go both ways. Whoever is
// shown out of the visit is out of the relay too.
func TestRelayed(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, links, err := hospital.plan(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	there := join(ctx, t, hospital.redeem(ctx, t, links[0]))
	defer there.Close()
	visitor := hospital.redeem(ctx, t, links[1])
	pass, err := visitor.Pass(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(pass.Relays) != 1 || time.Until(pass.Relays[0].Expires) > 11*time.Minute {
		t.Fatalf("relays of the pass: %d, good until %v", len(pass.Relays), pass.Relays)
	}
	relayed, err := visitor.Join(ctx, pass, Options{Sends: true, Relayed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer relayed.Close()
	sees := func(client, other *Client) {
		t.Helper()
		if state, err := client.Wait(ctx, func(s State) bool {
			picture, _ := s.Shows(other.State().You, sourceCamera)
			sound, _ := s.Shows(other.State().You, sourceMicrophone)
			return picture.Frames > 30 && sound.Packets > 50
		}); err != nil {
			t.Fatalf("%v: %+v", err, state)
		}
	}
	sees(relayed, there)
	sees(there, relayed)

	v, err := hospital.server.Visits.Show(ctx, auth.Operator(), visitor.Visit)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range v.Invitations {
		if err := hospital.server.Visits.Withdraw(ctx, auth.Operator(), v.ID, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := relayed.Wait(ctx, func(s State) bool { return s.Closed }); err != nil {
		t.Fatal(err)
	}
	again, err := newPeer(time.Now(), Options{Sends: true, Audio: 1, Video: 1}, true, pass.Relays, peerEvents{packet: func(string) {}, checked: func() {}, connected: func() {}, keyFrame: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	candidates := make(chan int, 1)
	count := 0
	again.connection.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			count++
			return
		}
		candidates <- count
	})
	if _, _, err := again.offer(false); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-candidates:
		if n != 0 {
			t.Errorf("with the credentials of somebody who was shown out: %d relayed addresses", n)
		}
	case <-ctx.Done():
		t.Fatal("no end of candidates")
	}
}
