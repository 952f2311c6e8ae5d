package after_test

import (
	"errors"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/after"
)

// TestNoteIsKept: what was saved is there, sealed, and the same write sent again changes nothing.
func TestNoteIsKept(t *testing.T) {
	c := newClinic(t)
	w := invited(c.visit(doctor), 0)
	if n := c.mine(w); n.Revision != 0 || n.Text != "" {
		t.Errorf("a note before it was written: revision %d", n.Revision)
	}
	first := c.save(w, "a", 0, "Canary cough")
	c.pass(time.Second)
	second := c.save(w, "b", 1, "Canary cough, no fever")
	if first.Revision != 1 || second.Revision != 2 || !second.SavedAt.Equal(noon.Add(time.Second)) {
		t.Errorf("saved %d at %v, then %d at %v", first.Revision, first.SavedAt, second.Revision, second.SavedAt)
	}
	c.pass(time.Second)
	for key, want := range map[string]after.Note{"a": first, "b": second} {
		if again := c.save(w, key, 7, "whatever"); again.Revision != want.Revision || !again.SavedAt.Equal(want.SavedAt) {
			t.Errorf("the write %s again: revision %d at %v", key, again.Revision, again.SavedAt)
		}
	}
	if n := c.mine(w); n.Text != "Canary cough, no fever" || n.Revision != 2 {
		t.Errorf("kept %q, revision %d", n.Text.Reveal(), n.Revision)
	}
	if c.onDisk("Canary cough") {
		t.Error("the note stands in the database as it is")
	}
}

// TestTwoDevices: what another device of the author saved is not written over, and is shown.
func TestTwoDevices(t *testing.T) {
	c := newClinic(t)
	w := invited(c.visit(doctor), 0)
	c.save(w, "a", 0, "one")
	_, err := c.Save(t.Context(), w, after.Write{Key: "b", Base: 0, Text: "other"})
	var changed *after.ChangedError
	if !errors.As(err, &changed) || changed.Now.Text != "one" || changed.Now.Revision != 1 {
		t.Fatalf("error %v", err)
	}
	if n := c.save(w, "c", 1, "other\n\none"); n.Revision != 2 {
		t.Errorf("revision %d", n.Revision)
	}
}

// TestOnlyCliniciansOfTheVisit: nobody else reads or writes, and they learn of nothing.
func TestOnlyCliniciansOfTheVisit(t *testing.T) {
	c := newClinic(t)
	account := store.NewID()
	v := c.visit(doctor, visits.Person{Name: "Sample", Role: auth.Guardian}, visits.Person{Name: "Sample", Role: auth.Observer})
	other := c.visit(nurse)
	c.save(invited(v, 0), "a", 0, "Sample")
	strangers := map[string]struct {
		w    after.Writer
		code string
		kind error
	}{
		"a guardian":                   {invited(v, 1), fault.CodeNotAllowed, fault.NotAllowed},
		"an observer":                  {invited(v, 2), fault.CodeNotAllowed, fault.NotAllowed},
		"the patient":                  {invited(v, 3), fault.CodeNotAllowed, fault.NotAllowed},
		"a scheduler":                  {after.Signed(auth.Actor{Kind: auth.KindStaff, ID: account, Role: auth.Scheduler}, v.ID), fault.CodeNotAllowed, fault.NotAllowed},
		"an administrator":             {after.Signed(auth.Actor{Kind: auth.KindStaff, ID: account, Role: auth.Admin}, v.ID), fault.CodeNotAllowed, fault.NotAllowed},
		"a clinician of another visit": {after.Writer{Visit: v.ID, Actor: auth.Actor{Kind: auth.KindInvitation, ID: other.Invitations[0].ID, Role: auth.Clinician}, Invitation: other.Invitations[0].ID}, fault.CodeNotFound, fault.NotFound},
		"a clinician of none":          {after.Signed(auth.Actor{Kind: auth.KindStaff, ID: account, Role: auth.Clinician}, v.ID), fault.CodeNotFound, fault.NotFound},
		"a clinician without an id":    {after.Signed(auth.Actor{Kind: auth.KindStaff, Role: auth.Clinician}, v.ID), fault.CodeNotFound, fault.NotFound},
	}
	for who, s := range strangers {
		t.Run(who, func(t *testing.T) {
			in := after.Write{Key: "x", Base: 0, Text: "Sample"}
			_, err := c.Save(t.Context(), s.w, in)
			wantCode(t, err, s.code, s.kind)
			_, err = c.Sign(t.Context(), s.w, in)
			wantCode(t, err, s.code, s.kind)
			wantCode(t, c.Append(t.Context(), s.w, "x", "Sample"), s.code, s.kind)
			_, err = c.Mine(t.Context(), s.w)
			wantCode(t, err, s.code, s.kind)
			_, _, err = c.Notes(t.Context(), s.w)
			wantCode(t, err, s.code, s.kind)
		})
	}
	if refused := slices.DeleteFunc(c.audited("note.read"), func(row string) bool { return !strings.HasPrefix(row, "refused") }); len(refused) != 2*len(strangers) {
		t.Errorf("%d refusals of reading in the audit, want %d", len(refused), 2*len(strangers))
	}
	if err := c.visits.Withdraw(t.Context(), auth.Operator(), v.ID, v.Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	_, err := c.Mine(t.Context(), invited(v, 0))
	wantCode(t, err, fault.CodeNotFound, fault.NotFound)
}

// TestNoteOfWhoGaveTheVisitAway: it stays its author's, who can finish and sign it, and who gets nothing else of the visit.
func TestNoteOfWhoGaveTheVisitAway(t *testing.T) {
	c := newClinic(t)
	sql := func(query string, args ...any) {
		t.Helper()
		if _, err := c.db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	clara, dan := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}, auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	v := c.visit(doctor, nurse)
	sql(`UPDATE visits SET clinician_id = ?, starts_at = ?, state = 'scheduled' WHERE id = ?`, clara.ID, store.Millis(noon.AddDate(0, 0, 1)), v.ID)
	sql(`UPDATE invitations SET staff_id = ? WHERE id = ?`, clara.ID, v.Invitations[0].ID)
	w := after.Signed(clara, v.ID)
	c.save(w, "a", 0, "Canary cough")

	sql(`UPDATE visits SET clinician_id = ? WHERE id = ?`, dan.ID, v.ID)
	if err := c.visits.Withdraw(t.Context(), auth.Operator(), v.ID, v.Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	c.save(after.Signed(dan, v.ID), "a", 0, "Canary fever")
	path := "/desk/visits/" + v.ID + "/after"
	c.staff = clara
	desk := c.browser()
	show := func(path string) string {
		_, page := desk.get(path)
		return page
	}
	listed := func() bool { return strings.Contains(show("/desk/notes"), path) }
	page := show(path)
	if !strings.Contains(page, "Canary cough") || !strings.Contains(page, c.words("after.note.former")) || !listed() {
		t.Errorf("the author does not find their note: %s", page)
	}
	for _, other := range []string{"Canary fever", "Canary Patientname", "Canary Nursename", `name="file"`, path + "/summary", "/record"} {
		if strings.Contains(page, other) {
			t.Errorf("the page has %s", other)
		}
	}
	if strings.Contains(show("/desk/notes"), html.EscapeString(c.book.In("en").T("after.list.summary", "state", c.book.In("en").T("after.list.none")))) {
		t.Error("the list says whether there is a summary")
	}
	_, _, err := c.Summaries(t.Context(), w)
	wantCode(t, err, fault.CodeNotFound, fault.NotFound)
	_, err = c.Publish(t.Context(), w, 0, "Sample", "en")
	wantCode(t, err, fault.CodeNotFound, fault.NotFound)

	c.save(w, "b", 1, "Canary cough, no fever")
	n, err := c.Sign(t.Context(), w, after.Write{Key: "c", Base: 2, Text: "Canary cough, no fever"})
	if err != nil || !n.Signed() || c.mine(w).Text != "Canary cough, no fever" || listed() {
		t.Errorf("signed %t, still listed %t, %v", n.Signed(), listed(), err)
	}
	if err := c.Append(t.Context(), w, "d", "Canary more"); err != nil || !strings.Contains(show(path), "Canary more") {
		t.Errorf("more is added: %v", err)
	}
	if _, all, err := c.Notes(t.Context(), w); err != nil || len(all) != 1 {
		t.Errorf("reads %d notes, %v", len(all), err)
	}
	if _, all, err := c.Notes(t.Context(), after.Signed(dan, v.ID)); err != nil || len(all) != 2 {
		t.Errorf("the colleague reads %d notes, %v", len(all), err)
	}
}

// TestTypingIsOneActOfTheAudit: not a row a keystroke, but one of each five minutes and each way in; reading has its row each time.
func TestTypingIsOneActOfTheAudit(t *testing.T) {
	c := newClinic(t)
	w := invited(c.visit(doctor), 0)
	for i := range 10 {
		c.save(w, store.NewID(), i, phi.Text(strings.Repeat("a ", i+1)))
		c.pass(45 * time.Second)
	}
	if got, want := c.audited("note.write"), []string{"allowed revision 1", "allowed revision 8"}; !slices.Equal(got, want) {
		t.Errorf("audited %q, want %q", got, want)
	}
	_, err := c.Save(t.Context(), w, after.Write{Key: "late", Base: 3, Text: "b"})
	if err == nil {
		t.Fatal("a write from before was taken")
	}
	c.mine(w)
	if got := c.audited("note.write"); got[len(got)-1] != "allowed changed at revision 10" {
		t.Errorf("audited %q", got)
	}
	if got := c.audited("note.read"); len(got) != 1 {
		t.Errorf("audited %q", got)
	}
}

// TestSignedNotes never change; more is added beside them, once for each key.
func TestSignedNotes(t *testing.T) {
	c := newClinic(t)
	v := c.visit(doctor, nurse)
	w, colleague := invited(v, 0), invited(v, 1)
	wantCode(t, c.Append(t.Context(), w, "x", "Sample"), fault.CodeConflict, fault.NotValid)
	_, err := c.Sign(t.Context(), w, after.Write{Key: "x", Text: " \n"})
	wantCode(t, err, fault.CodeNotValid, fault.NotValid)
	c.save(w, "a", 0, "Sample")
	_, err = c.Sign(t.Context(), w, after.Write{Key: "b", Base: 0, Text: "Sample, from elsewhere"})
	if changed := (*after.ChangedError)(nil); !errors.As(err, &changed) {
		t.Errorf("signed what was changed elsewhere: %v", err)
	}
	signed, err := c.Sign(t.Context(), w, after.Write{Key: "b", Base: 1, Text: "Sample, whole"})
	if err != nil || !signed.SignedAt.Equal(noon) || signed.Revision != 2 {
		t.Fatalf("signed %v at %v, revision %d", err, signed.SignedAt, signed.Revision)
	}
	if again, err := c.Sign(t.Context(), w, after.Write{Key: "c", Base: 2, Text: "Sample, otherwise"}); err != nil || again.Text != "Sample, whole" {
		t.Errorf("signed again: %v, %q", err, again.Text.Reveal())
	}
	_, err = c.Save(t.Context(), w, after.Write{Key: "d", Base: 2, Text: "otherwise"})
	wantCode(t, err, fault.CodeConflict, fault.NotValid)
	for range 2 {
		if err := c.Append(t.Context(), w, "e", "Canary more"); err != nil {
			t.Fatal(err)
		}
	}
	read, all, err := c.Notes(t.Context(), colleague)
	if err != nil || read.ID != v.ID || len(all) != 2 || all[0].Revision != 0 {
		t.Fatalf("a colleague reads %d notes of %s: %v", len(all), read.ID, err)
	}
	if n := all[1]; n.Text != "Sample, whole" || n.Author != doctor.Name || len(n.Addenda) != 1 || n.Addenda[0].Text != "Canary more" {
		t.Errorf("a colleague reads %d addenda to %q by %q", len(n.Addenda), n.Text.Reveal(), n.Author.Reveal())
	}
	if got, want := c.audited("note.read"), []string{"allowed notes 1"}; !slices.Equal(got, want) {
		t.Errorf("audited %q, want %q", got, want)
	}
	if c.onDisk("Canary more") {
		t.Error("what was added stands in the database as it is")
	}
}

// TestOddWrites are refused, and leave nothing.
func TestOddWrites(t *testing.T) {
	c := newClinic(t)
	w := invited(c.visit(doctor), 0)
	for what, in := range map[string]after.Write{
		"no key":        {Text: "a"},
		"a long key":    {Key: strings.Repeat("k", 65), Text: "a"},
		"an odd key":    {Key: "a b", Text: "a"},
		"a base before": {Key: "k", Base: -1, Text: "a"},
		"too long":      {Key: "k", Text: phi.Text(strings.Repeat("é", after.MaxNote+1))},
		"a NUL":         {Key: "k", Text: "a\x00"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := c.Save(t.Context(), w, in)
			wantCode(t, err, fault.CodeNotValid, fault.NotValid)
		})
	}
	if n := c.mine(w); n.Revision != 0 {
		t.Errorf("revision %d", n.Revision)
	}
	c.save(w, "k", 0, phi.Text(strings.Repeat("é", after.MaxNote)))
}
