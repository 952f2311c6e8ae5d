package visits_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestRedeemThroughALife(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Hour) })
	code := visitstest.CodeOf(links[0])
	for _, c := range []struct {
		at   time.Time
		want string // the error's code; empty: let in
	}{
		{visitstest.Noon, fault.CodeTooEarly},
		{v.OpensAt.Add(-time.Millisecond), fault.CodeTooEarly},
		{v.OpensAt, ""},
		{v.EndsAt.Add(time.Hour), ""},
		{v.ClosesAt.Add(-time.Millisecond), ""},
		{v.ClosesAt, fault.CodeOver},
	} {
		h.At(c.at)
		e, err := h.Redeem(t.Context(), visits.Redemption{Code: code})
		if c.want != "" {
			visitstest.WantCode(t, err, c.want, fault.NotAllowed)
			continue
		}
		if err != nil || e.Visit.ID != v.ID || e.You.Name.Reveal() != visitstest.CanaryPatient || e.You.Role != auth.Patient {
			t.Errorf("at %v: %+v, %v", c.at, e, err)
		}
		if _, err := h.Session(t.Context(), v.ID, e.Token); err != nil {
			t.Errorf("at %v the session: %v", c.at, err)
		}
	}
	h.At(visitstest.Noon)
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: code})
	var p *fault.Problem
	if !errors.As(err, &p) || p.Fields["opens_at"] != "2026-11-24T12:30:00Z" || p.Fields["starts_at"] != "2026-11-24T13:00:00Z" {
		t.Errorf("too early tells %v", err)
	}
}

// TestStrangersLearnNothing: everything that is no code of ours is answered alike and leaves no trace.
func TestStrangersLearnNothing(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	real := visitstest.CodeOf(links[0])
	e := h.Follow(links[0], "")
	before := h.Count("audit")
	last := byte('A')
	if real[0] == 'A' {
		last = 'B'
	}
	for _, code := range []string{"", "x", strings.Repeat("A", 22), string(last) + real[1:], strings.ToLower(real) + "A", real + "=", real + " ", strings.Repeat("A", 1<<20), "' OR 1=1 --"} {
		_, err := h.Redeem(t.Context(), visits.Redemption{Code: code, Device: e.Device})
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	}
	other, _ := h.Plan()
	before++ // the other visit's creation
	token := "A" + e.Token[1:]
	if token == e.Token {
		token = "B" + e.Token[1:]
	}
	for _, c := range [][2]string{{v.ID, ""}, {v.ID, "x"}, {v.ID, token}, {other.ID, e.Token}, {"", e.Token}, {"../" + v.ID, e.Token}} {
		_, err := h.Session(t.Context(), c[0], c[1])
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
		_, _, err = h.Pass(t.Context(), c[0], c[1])
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	}
	for _, c := range [][2]string{{v.ID, store.NewID()}, {other.ID, e.Session}, {v.ID, "x"}, {"x", e.Session}} {
		_, err := h.Attendee(t.Context(), c[0], c[1])
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	}
	if got := h.Count("audit"); got != before {
		t.Errorf("%d audit rows of strangers", got-before)
	}
	if len(h.Placed) != 0 {
		t.Error("a room was placed for a stranger")
	}
}

// TestASessionIsABrowsers: the same browser comes back to its session, another one gets its own.
func TestASessionIsABrowsers(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	first := h.Follow(links[0], "")
	again := h.Follow(links[0], first.Device)
	if again.Session != first.Session || again.Token != first.Token || again.Device != first.Device {
		t.Error("the same browser got another session")
	}
	for name, device := range map[string]string{"no cookie": "", "not ours": "forged", "another's shape": strings.Repeat("A", 42) + "B"} {
		e := h.Follow(links[0], device)
		if e.Session == first.Session || e.Token == first.Token || e.Device == device {
			t.Errorf("%s: %+v", name, e)
		}
	}
	clinician := h.Follow(links[1], first.Device)
	if clinician.Session == first.Session || clinician.Token == first.Token || clinician.Device != first.Device {
		t.Error("two links in one browser share a session")
	}
	for _, e := range []visits.Entry{first, clinician} {
		got, err := h.Session(t.Context(), v.ID, e.Token)
		if err != nil || got.Session != e.Session || got.You.ID != e.You.ID {
			t.Errorf("session %+v, %v", got, err)
		}
		who, err := h.Attendee(t.Context(), v.ID, e.Session)
		if err != nil || who.Invitation != e.You.ID || who.Name != e.You.Name || who.Role != e.You.Role {
			t.Errorf("attendee %+v, %v", who, err)
		}
	}
	h.At(v.ClosesAt)
	_, err := h.Attendee(t.Context(), v.ID, first.Session)
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
}

func TestBirthDate(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(visitstest.AskBirthDate)
	try := func(l visits.Link, date, device string) (visits.Entry, error) {
		return h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(l), BirthDate: text(date), Device: device})
	}
	_, err := try(links[0], "", "")
	visitstest.WantCode(t, err, fault.CodeBirthDateNeeded, fault.NotAllowed)
	_, err = try(links[0], "31.05.2012", "")
	visitstest.WantCode(t, err, fault.CodeNotValid, fault.NotValid)
	inside, err := try(links[0], visitstest.CanaryBirthDate, "")
	if err != nil {
		t.Fatal(err)
	}
	for left := 4; left > 0; left-- {
		_, err := try(links[0], "2012-06-01", "")
		visitstest.WantCode(t, err, fault.CodeBirthDateWrong, fault.NotAllowed)
		var p *fault.Problem
		if errors.As(err, &p) && p.Fields["tries_left"] != left {
			t.Errorf("tries left %v, want %d", p.Fields["tries_left"], left)
		}
	}
	for _, date := range []string{"2012-06-01", visitstest.CanaryBirthDate, ""} { // from here the right one does not help
		_, err = try(links[0], date, "")
		visitstest.WantCode(t, err, fault.CodeLocked, fault.NotAllowed)
	}
	if !h.Shown(v.ID).Invitations[0].Locked {
		t.Error("the desk is not told of the lock")
	}
	if n := h.Audited("link.redeem", store.Refused); n != 8 {
		t.Errorf("%d refusals audited, want 8", n)
	}
	// Whoever is inside stays, and the other links are not locked.
	if again, err := try(links[0], "", inside.Device); err != nil || again.Session != inside.Session {
		t.Errorf("the browser that was in: %v", err)
	}
	if _, err := try(links[2], visitstest.CanaryBirthDate, ""); err != nil {
		t.Errorf("the guardian: %v", err)
	}
	if _, err := try(links[1], "", ""); err != nil {
		t.Errorf("the clinician was asked: %v", err)
	}
	// The same link sent again stays locked, a new one is not.
	if l, err := h.Resend(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID, false); err != nil {
		t.Fatal(err)
	} else if _, err := try(l, visitstest.CanaryBirthDate, ""); fault.CodeOf(err) != fault.CodeLocked {
		t.Errorf("the same link: %v", err)
	}
	l, err := h.Resend(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(l, visitstest.CanaryBirthDate, ""); err != nil {
		t.Errorf("a new link: %v", err)
	}
}

// TestGuessersShareTheirTries: twenty devices guess at once, through two processes; five guesses count.
func TestGuessersShareTheirTries(t *testing.T) {
	h := visitstest.NewHospital(t)
	_, links := h.Plan(visitstest.AskBirthDate)
	other := h.ServiceOn(h.Open())
	var mu sync.Mutex
	var codes []string
	var wg sync.WaitGroup
	for i := range 20 {
		s := h.Service
		if i%2 == 1 {
			s = other
		}
		wg.Go(func() {
			_, err := s.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), BirthDate: text(fmt.Sprintf("2011-01-%02d", i+1))})
			mu.Lock()
			defer mu.Unlock()
			codes = append(codes, fault.CodeOf(err))
		})
	}
	wg.Wait()
	slices.Sort(codes)
	want := slices.Concat(slices.Repeat([]string{fault.CodeBirthDateWrong}, 4), slices.Repeat([]string{fault.CodeLocked}, 16))
	if !slices.Equal(codes, want) {
		t.Errorf("answers %v", codes)
	}
	if n := h.Count(`invitations WHERE tries = 5`); n != 1 {
		t.Errorf("%d invitations with five tries", n)
	}
}

func TestPass(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	e := h.Follow(links[0], "")
	verifier := auth.Verifier{Keys: func(kid string) (ed25519.PublicKey, bool) { return h.Ring.PassKey(kid) }, Issuer: "https://visits.example", Now: h.Now}
	seen := map[string]bool{}
	for range 2 {
		pass, slots, err := h.Pass(t.Context(), v.ID, e.Token)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := verifier.Verify(pass)
		if err != nil {
			t.Fatal(err)
		}
		want := auth.PassClaims{ID: claims.ID, Visit: v.ID, Session: e.Session, Invitation: e.You.ID, Role: auth.Patient, ExpiresAt: claims.ExpiresAt}
		if claims != want || seen[claims.ID] || slots != 5 { // of a small visit, however many are invited
			t.Errorf("claims %+v, %d slots", claims, slots)
		}
		seen[claims.ID] = true
	}
	if !slices.Equal(h.Placed, []string{v.ID, v.ID}) || h.Audited("pass.issue", store.Allowed) != 2 {
		t.Errorf("placed %v, %d audited", h.Placed, h.Audited("pass.issue", store.Allowed))
	}

	h.PlaceErr = errors.New("no node")
	_, _, err := h.Pass(t.Context(), v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeTryLater, fault.TryAgain)
	ended := &fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed}
	h.PlaceErr = ended // by somebody in the room, a moment before SQL hears of it
	_, _, err = h.Pass(t.Context(), v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
	h.PlaceErr = nil

	for range visits.MaxPeople - len(links) {
		if _, err := h.Invite(t.Context(), h.Scheduler, v.ID, visits.Person{Name: "Sample Guest", Role: auth.Guest}); err != nil {
			t.Fatal(err)
		}
	}
	if _, slots, err := h.Pass(t.Context(), v.ID, e.Token); err != nil || slots != 11 { // 24 m-lines with the two sent ones
		t.Errorf("%d slots for ten people, %v", slots, err)
	}

	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, e.You.ID); err != nil {
		t.Fatal(err)
	}
	placed := len(h.Placed)
	_, _, err = h.Pass(t.Context(), v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	if len(h.Placed) != placed || h.Audited("pass.issue", store.Refused) != 1 {
		t.Error("a room was placed for a withdrawn link, or its refusal not audited")
	}
}

// TestNoSecretIsKept: neither codes nor cookies are in the database's files.
func TestNoSecretIsKept(t *testing.T) {
	h := visitstest.NewHospital(t)
	_, links := h.Plan()
	e := h.Follow(links[0], "")
	disk := string(storetest.OnDisk(t, h.URL))
	for what, secret := range map[string]string{"code": visitstest.CodeOf(links[0]), "session": e.Token, "device": e.Device} {
		if strings.Contains(disk, secret) {
			t.Errorf("the disk holds the %s", what)
		}
	}
	if !strings.Contains(disk, e.Session) {
		t.Error("the disk holds nothing of it")
	}
}

// What the holder of one cookie asks for is a row of the audit log each time, so there is a limit; who holds none costs no row and no count.
func TestASessionIsLimited(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	e := h.Follow(links[0], "")
	h.Limited = time.Minute
	rows := h.Count("audit")
	_, err := h.Session(t.Context(), v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeTryLater, fault.TryAgain)
	_, _, err = h.Pass(t.Context(), v.ID, e.Token)
	visitstest.WantCode(t, err, fault.CodeTryLater, fault.TryAgain)
	_, err = h.Session(t.Context(), v.ID, strings.Repeat("A", len(e.Token)))
	visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	if n := h.Count("audit"); n != rows {
		t.Errorf("%d rows of audit for it", n-rows)
	}
}
