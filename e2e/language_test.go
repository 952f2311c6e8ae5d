package e2e

import (
	"net/http"
	"testing"
	"time"

	"housecall/e2e/bidi"
)

// A page begins in the language of the invitation, speaks another one as soon as it is chosen, also in the middle of a visit, and begins in that
// one from then on.
func TestChoosingALanguage(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	var booked Booked
	h.api(http.MethodPost, "/api/v1/visits", map[string]any{
		"service": "Cardiology", "starts_at": time.Now().UTC().Truncate(time.Second), "minutes": 30,
		"people": []map[string]string{{"name": drAda, "role": "clinician"}, {"name": robin, "role": "patient", "language": "es"}},
	}, &booked)
	p := chromium(t, 1, robin, bidi.Phone)
	p.goTo(booked.link(t, robin))
	p.reaches("check")
	spanish, arabic := catalogue(t, "es"), catalogue(t, "ar")
	says := `(tag, direction, heading) => document.documentElement.lang === tag && document.documentElement.dir === direction
		&& [...document.querySelectorAll('button, h1')].some((each) => each.checkVisibility() && each.textContent.trim() === heading)`
	p.await("read Spanish, as invited", says, "es", "ltr", spanish["check.join"])

	choose := `(tag) => {
		const select = [...document.querySelectorAll('select')].find((each) => each.checkVisibility() && each.querySelector('option[value="' + tag + '"][lang]'));
		if (!select) return false;
		if (select.value === tag) return true;
		select.focus();
		select.value = tag;
		select.dispatchEvent(new Event('change', { bubbles: true }));
		return true;
	}`
	p.await("choose Arabic", choose, "ar")
	p.await("read Arabic", says, "ar", "rtl", arabic["check.join"])
	p.await("find the chooser still in hand, and the choice kept", `() => document.activeElement?.value === 'ar' && document.cookie.includes('housecall_language=ar')
		&& document.title.includes(document.querySelector('[data-screen="check"] h1').textContent)`)
	p.press("button", arabic["check.join"])
	p.reaches("waiting")
	p.await("wait in Arabic", says, "ar", "rtl", arabic["waiting.usual.title"])
	p.await("choose Spanish", choose, "es")
	p.await("wait in Spanish", says, "es", "ltr", spanish["waiting.usual.title"])

	p.goTo(booked.link(t, robin))
	p.await("begin in the chosen language", says, "es", "ltr", spanish["waiting.usual.title"])
}
