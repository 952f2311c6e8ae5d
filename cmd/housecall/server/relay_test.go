package server

import (
	"errors"
	"testing"
	"time"

	"housecall/auth"
)

// Credentials from before a removal open nothing and those from after it do, however the clocks of whoever removed and whoever issued differ.
func TestGatekeeperJudgesByNumbers(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	credentials := func(ahead time.Duration) auth.Relay {
		return auth.Relay{Key: []byte("a key of this test, 32 bytes long"), Now: func() time.Time { return now.Add(ahead) }}
	}
	g := newGatekeeper(credentials(0))
	const removed = 7
	g.note(g.credentials.InvitationTag("invitation"), removed)
	g.note(g.credentials.VisitTag("over"), removed+1)
	for _, c := range []struct {
		name, visit, invitation string
		checked                 int64
		refused                 bool
	}{
		{"before the link was withdrawn", "visit", "invitation", removed - 1, true},
		{"with the new link", "visit", "invitation", removed, false},
		{"another of the visit", "visit", "another", removed - 1, false},
		{"before the visit was over", "over", "another", removed, true},
	} {
		for _, ahead := range []time.Duration{0, 4 * time.Second, -4 * time.Second} {
			_, err := g.verify(credentials(ahead).Issue(c.visit, c.invitation, "session", c.checked).Username)
			if errors.Is(err, auth.ErrRelay) != c.refused {
				t.Errorf("%s, from a node %v ahead: %v", c.name, ahead, err)
			}
		}
	}
	now = now.Add(auth.RelayLifetime + auth.PassLeeway + time.Millisecond)
	g.note(g.credentials.VisitTag("later"), removed+2) // the first two are forgotten
	for checked, refused := range map[int64]bool{removed - 1: true, removed: true, removed + 1: false} {
		if _, err := g.verify(credentials(0).Issue("visit", "another", "session", checked).Username); errors.Is(err, auth.ErrRelay) != refused {
			t.Errorf("checked at %d, with removals up to %d forgotten: %v", checked, removed+1, err)
		}
	}
	if len(g.removed) != 1 || len(g.known) != 1 {
		t.Errorf("%d and %d are remembered", len(g.removed), len(g.known))
	}
}
