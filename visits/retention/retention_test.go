package retention_test

import (
	"maps"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/retention"
)

// TestNightWithoutServer: what was to be deleted while the server stood still is deleted when it is back, not a night later, or never where it stands still each night.
func TestNightWithoutServer(t *testing.T) {
	h := newHouse(t)
	h.clock = h.clock.Add(day)
	h.start()
	if first, second := h.jobs.RunDue(t.Context()), h.jobs.RunDue(t.Context()); first != 1 || second != 0 {
		t.Errorf("%d jobs were due, then %d", first, second)
	}
}

// TestVisitsGoWhole: nothing is left of a visit that is old enough but the audit and the sums; nothing is missing of any other.
func TestVisitsGoWhole(t *testing.T) {
	h := newHouse(t)
	old := []visit{h.add(t, visits.Ended, 390*day), h.add(t, visits.Cancelled, 500*day), h.add(t, visits.NoShow, 367*day)}
	kept := []visit{h.add(t, visits.Ended, 300*day), h.add(t, visits.InProgress, 400*day), h.add(t, visits.Scheduled, 400*day), h.add(t, visits.Open, 400*day), h.add(t, visits.Scheduled, -400*day)}
	held, patient := h.add(t, visits.Ended, 400*day), h.add(t, visits.Ended, 400*day)
	if err := h.Hold(t.Context(), admin, store.About("visit", held.id), "Case 7"); err != nil {
		t.Fatal(err)
	}
	if err := h.Hold(t.Context(), admin, store.About("patient", patient.patient), "Case 8"); err != nil {
		t.Fatal(err)
	}
	seen := h.add(t, visits.Ended, 400*day)
	h.seen(t, "visit", seen.id)
	kept = append(kept, held, patient, seen)
	h.nightly(t) // nobody has said that visits go: only messages do
	if found, _ := h.rows(t, old[0].ids()...); found["visits"] != 1 || found["notify_messages"] != 2 || found["visit_chat"] != 1 {
		t.Errorf("before anybody said so: %v", found)
	}
	if found, _ := h.rows(t, old[1].ids()...); found["visits"] != 1 || found["notify_messages"] != 0 {
		t.Errorf("messages of 500 days ago: %v", found)
	}
	whole := map[string]map[string]int{}
	for _, v := range kept {
		whole[v.id], _ = h.rows(t, v.ids()...)
	}
	h.keep(t, map[string]int{retention.KindVisits: 365, retention.KindMessages: 400})
	would, err := h.Preview(t.Context(), h.site, map[string]int{retention.KindVisits: 365})
	if err != nil || would[retention.KindVisits].Number != 3 || !would[retention.KindVisits].Oldest.Equal(now.Add(-500*day)) {
		t.Errorf("preview: %+v, %v", would, err)
	}
	h.nightly(t)
	for _, v := range old {
		found, audit := h.rows(t, v.ids()...)
		if len(found) != 0 || audit == 0 {
			t.Errorf("left of a visit: %v, and %d rows of the audit", found, audit)
		}
		if sums, _ := h.rows(t, "of "+v.note); sums["figures_days"] != 1 {
			t.Error("the sums are gone")
		}
	}
	for _, v := range kept {
		found, _ := h.rows(t, v.ids()...)
		for table, n := range whole[v.id] {
			if found[table] != n {
				t.Errorf("%d of %d rows are left in %s of a visit that stays", found[table], n, table)
			}
		}
	}
	var detail string
	if err := h.db.QueryRowContext(t.Context(), `SELECT detail FROM audit WHERE action = 'retention.purge' AND detail LIKE 'visits%'`).Scan(&detail); err != nil || detail != "visits of 3 visits of before 2025-11-30" {
		t.Errorf("the audit says %q, %v", detail, err)
	}
	if err := h.Release(t.Context(), admin, store.About("visit", held.id)); err != nil {
		t.Fatal(err)
	}
	h.nightly(t)
	if found, _ := h.rows(t, held.ids()...); len(found) != 0 {
		t.Errorf("left of a visit that was let go: %v", found)
	}
}

// TestPatientsGoAfterTheirVisits: who has no visits left goes with contacts and all, and why somebody needed emergency access to them; who has one, is held, was
// changed since, or was seen in an emergency that nobody has reviewed, stays.
func TestPatientsGoAfterTheirVisits(t *testing.T) {
	h := newHouse(t)
	gone, without, seen := h.add(t, visits.Ended, 400*day), store.NewID(), store.NewID()
	kept, held, changed := h.add(t, visits.Ended, 300*day), h.add(t, visits.Ended, 400*day), h.add(t, visits.Ended, 400*day)
	for patient, age := range map[string]time.Duration{gone.patient: 500 * day, without: 500 * day, seen: 500 * day, kept.patient: 500 * day, held.patient: 500 * day, changed.patient: 100 * day} {
		h.patient(t, patient, now.Add(-age))
	}
	h.seen(t, "patient", seen)
	if _, err := h.db.ExecContext(t.Context(), `INSERT INTO notify_messages (id, channel, kind, key, language, about, recipient, put_at, state, changed_at, reason, version, attempt)
		SELECT 'letter ' || id, 'email', 'k', 'letter ' || id, 'en', id, '', 0, 'sent', 0, '', 1, 1 FROM emergency_grants WHERE subject_id = ?`, gone.patient); err != nil {
		t.Fatal(err)
	}
	if err := h.Hold(t.Context(), admin, store.About("patient", held.patient), "Case 9"); err != nil {
		t.Fatal(err)
	}
	h.nightly(t) // nobody has said that patients go
	if found, _ := h.rows(t, without); found["patients"] != 1 {
		t.Errorf("before anybody said so: %v", found)
	}
	h.keep(t, map[string]int{retention.KindVisits: 365, retention.KindPatients: 365})
	would, err := h.Preview(t.Context(), h.site, map[string]int{retention.KindPatients: 365})
	if err != nil || would[retention.KindPatients].Number != 1 || !would[retention.KindPatients].Oldest.Equal(now.Add(-500*day)) {
		t.Errorf("preview: %+v, %v", would, err)
	}
	h.nightly(t)
	if found, _ := h.rows(t, append(gone.ids(), gone.patient, "letter ")...); len(found) != 0 {
		t.Errorf("left of a patient: %v", found)
	}
	if found, _ := h.rows(t, without); len(found) != 0 {
		t.Errorf("left of a patient who never had a visit: %v", found)
	}
	for name, patient := range map[string]string{"seen in an emergency": seen, "with a visit": kept.patient, "held": held.patient, "changed": changed.patient} {
		if found, _ := h.rows(t, patient); found["patients"] != 1 || found["patient_contacts"] != 1 || found["patient_terms"] != 1 || found["emergency_grants"] != 1 {
			t.Errorf("%s: %v", name, found)
		}
	}
	var detail string
	if err := h.db.QueryRowContext(t.Context(), `SELECT detail FROM audit WHERE action = 'retention.purge' AND detail LIKE '%patients%'`).Scan(&detail); err != nil || detail != "2 patients of before 2025-11-30" {
		t.Errorf("the audit says %q, %v", detail, err)
	}
}

// TestChatGoesAlone: a visit stays without what was written in it.
func TestChatGoesAlone(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, 40*day)
	h.keep(t, map[string]int{retention.KindChat: 30, retention.KindChecks: 30})
	h.nightly(t)
	found, _ := h.rows(t, v.ids()...)
	if found["visit_chat"]+found["visit_told"]+found["device_checks"] != 0 || found["after_notes"] != 1 || found["consents"] != 1 || found["notify_messages"] != 2 {
		t.Errorf("left: %v", found)
	}
}

// TestLettersOfSeriesGo: what is known of a letter about a series goes with each of its visits, where it is all that is known of one.
func TestLettersOfSeriesGo(t *testing.T) {
	h := newHouse(t)
	old, young := h.add(t, visits.Ended, 500*day), h.add(t, visits.Ended, 300*day)
	if _, err := h.db.ExecContext(t.Context(), `DELETE FROM notify_messages WHERE about <> 'series'`); err != nil {
		t.Fatal(err)
	}
	h.nightly(t)
	for v, want := range map[visit]int{old: 0, young: 1} {
		if found, _ := h.rows(t, v.ids()...); found["notify_parts"] != want {
			t.Errorf("left: %v, want %d parts", found, want)
		}
	}
}

// TestManyGoInBatches: more than fit one transaction, each of which has its row.
func TestManyGoInBatches(t *testing.T) {
	h := newHouse(t)
	for range 51 {
		_, err := h.db.ExecContext(t.Context(), `INSERT INTO visits (id, service, starts_at, ends_at, state, birth_date, created_at, created_by_kind, created_by_id, state_at)
			VALUES (?, 'x', 0, 1, 'ended', '', 0, 'staff', '', 0)`, store.NewID()) // of no site, so of the first; all at the same moment
		if err != nil {
			t.Fatal(err)
		}
	}
	h.keep(t, map[string]int{retention.KindVisits: 365})
	h.nightly(t)
	var left, said int
	err := h.db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM visits), (SELECT COUNT(*) FROM audit WHERE action = 'retention.purge')`).Scan(&left, &said)
	if err != nil || left != 0 || said != 2 {
		t.Errorf("%d visits are left after %d batches, %v", left, said, err)
	}
}

func TestWhoMayAndWhatMayBe(t *testing.T) {
	h := newHouse(t)
	v := h.add(t, visits.Ended, day)
	scheduler := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	for name, err := range map[string]error{
		"set":     h.Set(t.Context(), scheduler, h.site, "", nil),
		"hold":    h.Hold(t.Context(), scheduler, store.About("visit", v.id), "x"),
		"release": h.Release(t.Context(), scheduler, store.About("visit", v.id)),
	} {
		if fault.CodeOf(err) != fault.CodeNotAllowed {
			t.Errorf("a scheduler: %s: %v", name, err)
		}
	}
	seen := retention.Version(map[string]int{"checks": 400, "messages": 400}) // as it is at first
	good := map[string]int{"visits": 0, "patients": 0, "chat": 0, "checks": 0, "messages": 0}
	for name, wrong := range map[string]func(days map[string]int){
		"soon":    func(days map[string]int) { days["visits"] = 364 },
		"below":   func(days map[string]int) { days["chat"] = -1 },
		"late":    func(days map[string]int) { days["messages"] = retention.MostDays + 1 },
		"nothing": func(days map[string]int) { delete(days, "checks") },
	} {
		days := maps.Clone(good)
		wrong(days)
		if fields, ok := fault.FieldsOf(h.Set(t.Context(), admin, h.site, seen, days)); !ok || len(fields) != 1 {
			t.Errorf("%s: %v", name, fields)
		}
	}
	if err := h.Set(t.Context(), admin, store.NewID(), seen, good); fault.CodeOf(err) != fault.CodeNotFound {
		t.Errorf("a site that is none: %v", err)
	}
	if err := h.Set(t.Context(), admin, h.site, retention.Version(good), good); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("days that are others by now: %v", err)
	}
	for _, about := range []store.Subject{{Kind: "visit"}, store.About("visit", store.NewID()), store.About("account", v.id)} {
		if fields, ok := fault.FieldsOf(h.Hold(t.Context(), admin, about, "x")); !ok || fields[0].Field != "address" {
			t.Errorf("hold %v: %v", about, fields)
		}
	}
	if fields, ok := fault.FieldsOf(h.Hold(t.Context(), admin, store.About("visit", v.id), " ")); !ok || fields[0].Field != "reason" {
		t.Errorf("hold for no reason: %v", fields)
	}
}
