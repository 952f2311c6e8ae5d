package e2e

import (
	"testing"
	"time"

	"housecall/e2e/bidi"
)

// A link that is too early opens by itself when its time has come.
func TestTooEarlyOpensByItself(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	p := chromium(t, 1, robin, bidi.Phone)
	p.allows("status of 425", "425 to POST")
	// On a slow machine the page may come only after the visit has opened: then once more, with more time.
	for early := 8 * time.Second; ; early *= 2 {
		p.goTo(h.book(30*time.Minute+early).link(t, robin))
		if p.reachesOneOf("too-early", "check") == "too-early" {
			break
		}
	}
	p.reaches("check")
}

// Somebody whose link is withdrawn while they are in the visit is shown out.
func TestRevokedInTheVisit(t *testing.T) {
	h, visit, doctor, patient := inVisit(t)
	h.command(nil, "visit", "revoke", visit.ID, visit.invited(t, robin))
	patient.reaches("revoked")
	doctor.misses(robin)
}

// Where camera and microphone are refused or missing, the page says what to do, and lets people come in without them.
func TestWithoutDevices(t *testing.T) {
	for _, c := range []struct {
		name    string
		browser string
		devices bidi.Devices
		without string
	}{
		{"refused in Chromium", "Chromium", bidi.Denied, "Join without camera and microphone"},
		{"missing in Chromium", "Chromium", bidi.Missing, "Join without camera and microphone"},
		{"refused in Firefox", "Firefox", bidi.Denied, "Join without camera and microphone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := openHouse(t)
			p := seat(t, 1, robin, bidi.Phone, c.browser, c.devices)
			p.goTo(h.book(0).link(t, robin))
			p.reaches("check")
			p.press("button", "Join visit")
			p.press("button", c.without)
			p.reaches("waiting")
		})
	}
}

// A visit that asks for the patient's date of birth opens to nobody who doesn't know it.
func TestDateOfBirth(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	p := chromium(t, 1, robin, bidi.Phone)
	p.allows("status of 403", "403 to POST", "status of 423", "423 to POST")
	visit := h.bookAsking("2012-05-31", 0)
	enter := func(day, month, year string) {
		t.Helper()
		p.retype("Day", day)
		p.retype("Month", month)
		p.retype("Year", year)
		p.press("button", "Continue")
	}
	p.goTo(visit.link(t, robin))
	p.reaches("asked-birth-date")
	enter("30", "5", "2012")
	p.reads("That is not the date we have. You can try 4 more times.")
	enter("31", "5", "2012")
	p.reaches("check")

	locked := h.bookAsking("2012-05-31", 0)
	p.goTo(locked.link(t, robin))
	p.reaches("asked-birth-date")
	for _, left := range []string{"4 more times", "3 more times", "2 more times", "one more time"} {
		enter("1", "1", "2011")
		p.reads(left)
	}
	enter("1", "1", "2011")
	p.reaches("locked")
}
