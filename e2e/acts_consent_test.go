package e2e

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
)

// asksConsent has a house ask families for consent to version 2, in English and Spanish.
func asksConsent(t *testing.T) func(*server.Config) {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"1/en.md": "# An older text\n\nNobody reads it any more.\n",
		"2/en.md": "# Care by video\n\nThe clinician sees and hears you.\n",
		"2/es.md": "# Atención por video\n\nEl profesional le ve y le oye.\n\n- No se graba nada.\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *server.Config) { c.Consent = dir }
}

// consent is one that is recorded, by whose session.
type consent struct{ Invitation, Session, Version, Language, For string }

func (h *House) consents() (list []consent) {
	h.t.Helper()
	h.reads(func(rows *sql.Rows) error {
		var c consent
		err := rows.Scan(&c.Invitation, &c.Session, &c.Version, &c.Language, &c.For)
		list = append(list, c)
		return err
	}, `SELECT invitation_id, session_id, version, language, given_for FROM consents ORDER BY given_at, id`)
	return list
}

// Where the site asks for consent nobody of the family comes in without. What is recorded is the text that was read, in its language, and who agreed
// for whom.
func TestConsentIsRecorded(t *testing.T) {
	h := openHouse(t, asksConsent(t))
	visit := h.book(0, kit, "guardian", noor, "interpreter")
	doctor := chromium(t, 0, drAda, bidi.Laptop)
	family := chromium(t, 1, robin, bidi.Phone)
	family.words = catalogue(t, "es")
	family.within("read Spanish", func(ctx context.Context) error {
		return family.page.SetCookie(ctx, "localhost", "housecall_language", "es")
	})
	doctor.arrives(visit.link(t, drAda), "visit") // who is not asked

	family.goTo(visit.link(t, robin))
	family.reaches("consent")
	family.reads("Atención por video")
	family.reads("No se graba nada.")
	family.await("find no word of another text", `() => document.querySelector("#consent-text").lang === "es" && !document.querySelector("#consent-other").checkVisibility()`)
	family.taps("consent.decline")
	family.reaches("not-agreed")
	// Nor by a way around the page.
	family.allows("403")
	if status, code := family.asks("POST", "/v/"+visit.ID+"/pass", struct{}{}); status != 403 || code != "consent_needed" {
		t.Errorf("whoever has not agreed asks for a pass and is answered %d %s", status, code)
	}
	if got := h.consents(); len(got) != 0 || len(h.audited("consent.give")) != 0 {
		t.Errorf("recorded without a word: %+v", got)
	}
	family.taps("action.read")
	family.reaches("consent")
	family.press("radio", family.word("consent.patient"))
	family.taps("consent.agree")
	family.joins("waiting")

	// A guardian agrees for the patient, without a choice, in the one language that she reads.
	guardian := family.device(bidi.Phone)
	guardian.name = kit
	guardian.goTo(visit.link(t, kit))
	guardian.reaches("consent")
	guardian.reads("Care by video")
	guardian.reads(guardian.word("consent.for_patient"))
	guardian.taps("consent.agree")
	guardian.joins("waiting")
	pion(t, visit.link(t, noor), "") // an interpreter is not asked

	recorded, deeds := h.consents(), h.audited("consent.give")
	if len(recorded) != 2 || len(deeds) != 2 {
		t.Fatalf("recorded %+v, and the audit has %+v", recorded, deeds)
	}
	for i, want := range []struct {
		by     *Person
		role   string
		record consent
	}{
		{family, "patient", consent{Version: "2", Language: "es", For: "patient"}},
		{guardian, "guardian", consent{Version: "2", Language: "en", For: "patient"}},
	} {
		want.record.Invitation, want.record.Session = visit.invited(t, want.by.name), recorded[i].Session
		if recorded[i] != want.record {
			t.Errorf("recorded %+v, want %+v", recorded[i], want.record)
		}
		detail := "version 2 in " + want.record.Language + " for patient"
		if want := (deed{want.record.Invitation, want.role, recorded[i].Session, "allowed", detail}); deeds[i] != want {
			t.Errorf("the audit has %+v, want %+v", deeds[i], want)
		}
		t.Logf("MUST SHOW: consent of a %s: %s", want.role, deeds[i].Detail)
	}

	// It is asked once.
	family.goTo(visit.link(t, robin))
	family.reachesOneOf("check", "waiting")
	second := family.device(bidi.Laptop)
	second.arrives(visit.link(t, robin), "waiting")
	if got := h.consents(); len(got) != 2 {
		t.Errorf("recorded anew: %+v", got)
	}
	doctor.taps("people.title")
	doctor.taps("knocking.admit", "name", kit)
	guardian.reaches("visit")
}
