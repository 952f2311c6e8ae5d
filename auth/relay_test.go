package auth

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRelayCredentials(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 123_456_789, time.UTC)
	r := Relay{Key: []byte("a key of this test, 32 bytes long"), Now: func() time.Time { return now }}
	issued := r.Issue("visit-1", "invitation-1", "session-1", 7)
	if issued.ExpiresAt.Sub(now) > RelayLifetime || issued.ExpiresAt.Sub(now) < RelayLifetime-time.Millisecond {
		t.Errorf("good until %v", issued.ExpiresAt)
	}
	for _, id := range []string{"visit-1", "invitation-1", "session-1"} {
		if strings.Contains(issued.Username, id) {
			t.Errorf("%s stands in %s", id, issued.Username)
		}
	}
	user, password, err := r.Verify(issued.Username)
	if err != nil || password != issued.Password {
		t.Fatalf("verify: %v, password right: %v", err, password == issued.Password)
	}
	if user.Visit != r.VisitTag("visit-1") || user.Invitation != r.InvitationTag("invitation-1") || user.Checked != 7 || !user.ExpiresAt.Equal(issued.ExpiresAt) {
		t.Errorf("user %+v", user)
	}
	if other, _, err := r.Verify(r.Issue("visit-1", "invitation-1", "session-2", 7).Username); err != nil || other.Person() == user.Person() {
		t.Errorf("two sessions are one person, or %v", err)
	}
	now = issued.ExpiresAt.Add(-time.Millisecond)
	if _, _, err := r.Verify(issued.Username); err != nil {
		t.Errorf("a millisecond before the end: %v", err)
	}
	now = issued.ExpiresAt
	if _, _, err := r.Verify(issued.Username); !errors.Is(err, ErrRelay) {
		t.Errorf("at the end: %v", err)
	}
}

func TestRelayRefusesNames(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	r := Relay{Key: []byte("key"), Now: func() time.Time { return now }}
	good := r.Issue("v", "i", "s", 7).Username
	number, tags, _ := strings.Cut(good, ":")
	for _, name := range []string{
		"", ":", number, number + ":", number + ":7:a.b.c", number + ":" + strings.TrimPrefix(tags, "7:"), number + ":07:" + strings.TrimPrefix(tags, "7:"), number + "::" + strings.TrimPrefix(tags, "7:"),
		number + ":" + tags + ".", "0" + good, "+" + good, " " + good, "-" + good,
		number + "0000:" + tags, "9" + good, "x" + good, good + strings.Repeat("x", 1000), strings.ReplaceAll(good, ".", ":"),
	} {
		if _, _, err := r.Verify(name); !errors.Is(err, ErrRelay) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// Whoever puts another's hashes or a later end into a name doesn't know its password.
	later := "1795532400000:" + tags
	now = time.UnixMilli(1795532400000).Add(-time.Minute)
	if _, password, err := r.Verify(later); err == nil && password == r.Issue("v", "i", "s", 7).Password {
		t.Error("the password of one name opens another")
	}
}
