package people_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// whole is a patient with all that a patient can have.
func whole() people.Patient {
	return people.Patient{Name: "Canary Patientname", BirthDate: "2010-05-31", Language: "es", Number: "MRN-0012345", Contacts: []people.Contact{
		{Kind: people.Guardian, Name: "Canary Guardianname", Relation: "mother", Email: "canary.guardian@example.org", Phone: "+12025550100", Language: "ar"},
		{Kind: people.Self, Email: "canary.patient@example.org", Phone: "+12025550101", Confidential: true},
	}}
}

func reveal(p people.Patient) string {
	s := fmt.Sprintf("%s|%s|%s|%s|%s|%d", p.Name.Reveal(), p.BirthDate.Reveal(), p.Language, p.Number.Reveal(), p.SiteID, p.Version)
	for _, c := range p.Contacts {
		s += fmt.Sprintf("\n%s|%s|%s|%s|%s|%s|%s|%v", c.ID, c.Kind, c.Name.Reveal(), c.Relation.Reveal(), c.Email.Reveal(), c.Phone.Reveal(), c.Language, c.Confidential)
	}
	return s
}

func TestPatientIsKeptAsGiven(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	given := whole()
	given.Name, given.Contacts[0].Phone, given.Contacts[1].Email = "  Canary   Patientname\u202e ", "(202) 555-0100", "canary.patient@BÜCHER.Example"
	made := d.add(t, given)
	got, err := d.Show(t.Context(), coordinator, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := whole()
	want.SiteID, want.Version = made.SiteID, 1
	want.Contacts[1].Email = "canary.patient@xn--bcher-kva.example"
	for i := range want.Contacts {
		want.Contacts[i].ID = made.Contacts[i].ID
	}
	if reveal(got) != reveal(want) || !got.CreatedAt.Equal(noon) || !got.ChangedAt.Equal(noon) {
		t.Errorf("kept is\n%s\nwant\n%s", reveal(got), reveal(want))
	}
	if got := people.PhoneWords(got.Contacts[0].Phone).Reveal(); got != "+1 202-555-0100" {
		t.Errorf("the number is shown as %s", got)
	}

	// The guardian is renamed, the patient's own contact is forgotten, another guardian comes first.
	got.Name, got.Number = "Canary Newname", ""
	got.Contacts = []people.Contact{{Kind: people.Guardian, Name: "Canary Father", Phone: "202 555 0102"}, got.Contacts[0]}
	got.Contacts[1].Name = "Canary Mother"
	if _, err := d.Update(t.Context(), scheduler, got); err != nil {
		t.Fatal(err)
	}
	changed, err := d.Show(t.Context(), scheduler, made.ID)
	if err != nil || changed.Version != 2 || changed.Name != "Canary Newname" || len(changed.Contacts) != 2 || changed.Contacts[1].ID != made.Contacts[0].ID ||
		changed.Contacts[1].Name != "Canary Mother" || changed.Contacts[0].Phone != "+12025550102" || changed.Contacts[0].ID == "" {
		t.Errorf("changed it is\n%s, %v", reveal(changed), err)
	}
	if _, err := d.Update(t.Context(), scheduler, got); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("a change of what was read before the last change: %v", err)
	}
	for query, want := range map[string]int{"patientname": 0, "0012345": 0, "newname": 1} {
		if f, err := d.Search(t.Context(), scheduler, query); err != nil || len(f.Patients) != want {
			t.Errorf("%d found for %s, %v", len(f.Patients), query, err)
		}
	}
	for _, id := range []string{made.Contacts[1].ID, changed.Contacts[1].ID, "x"} {
		foreign := changed
		foreign.Contacts = append(slices.Clone(changed.Contacts), people.Contact{ID: id, Kind: people.Guardian, Name: "Canary", Phone: "+12025550103"})
		if _, err := d.Update(t.Context(), scheduler, foreign); wrongFields(err) != "contacts[2].id " {
			t.Errorf("a contact with the id of none that is left: %v", err)
		}
	}
}

func TestWrongPatients(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	d.add(t, whole())
	for _, c := range []struct {
		want   string
		change func(*people.Patient)
	}{
		{"name empty", func(p *people.Patient) { p.Name = " \u200b " }},
		{"name signs", func(p *people.Patient) { p.Name = "?!" }},
		{"name plain", func(p *people.Patient) { p.Name = "a\nb" }},
		{"name long", func(p *people.Patient) { p.Name = phi.Text(strings.Repeat("漢", people.MaxName+1)) }},
		{"birth_date odd", func(p *people.Patient) { p.BirthDate = "31.5.2010" }},
		{"birth_date odd", func(p *people.Patient) { p.BirthDate = "2011-02-29" }},
		{"birth_date range", func(p *people.Patient) { p.BirthDate = "2026-11-25" }},
		{"birth_date range", func(p *people.Patient) { p.BirthDate = "1899-12-31" }},
		{"language odd", func(p *people.Patient) { p.Language = "tlh" }},
		{"number long", func(p *people.Patient) { p.Number = phi.Text(strings.Repeat("1", people.MaxNumber+1)) }},
		{"number signs", func(p *people.Patient) { p.Number = "---" }},
		{"number taken", func(p *people.Patient) { p.Number = "mrn 0012345" }},
		{"site_id ", func(p *people.Patient) { p.SiteID = store.NewID() }},
		{"contacts many", func(p *people.Patient) {
			p.Contacts = slices.Repeat(p.Contacts[:1], people.MaxContacts+1)
		}},
		{"contacts[0].kind odd", func(p *people.Patient) { p.Contacts[0].Kind = "uncle" }},
		{"contacts[0].name empty", func(p *people.Patient) { p.Contacts[0].Name = "" }},
		{"contacts[0].relation long", func(p *people.Patient) { p.Contacts[0].Relation = phi.Text(strings.Repeat("a", people.MaxRelation+1)) }},
		{"contacts[0].email empty", func(p *people.Patient) { p.Contacts[0].Email, p.Contacts[0].Phone = "", " " }},
		{"contacts[0].language odd", func(p *people.Patient) { p.Contacts[0].Language = "xx" }},
		{"contacts[0].confidential guardian", func(p *people.Patient) {
			p.Contacts[0].Confidential, p.Contacts[1].Confidential = true, false
		}},
		{"contacts[1].confidential twice", func(p *people.Patient) { p.Contacts[0] = p.Contacts[1] }},
		{"contacts[1].email shared", func(p *people.Patient) { p.Contacts[1].Email = "Canary.Guardian@example.org" }},
		{"contacts[1].phone shared", func(p *people.Patient) { p.Contacts[1].Phone = "202-555-0100" }},
	} {
		p := whole()
		p.Number = ""
		c.change(&p)
		if _, err := d.Create(t.Context(), scheduler, p); wrongFields(err) != c.want {
			t.Errorf("wrong is %q, want %q", wrongFields(err), c.want)
		}
	}
	elsewhere := whole()
	elsewhere.SiteID = d.abroad.ID
	if _, err := d.Create(t.Context(), scheduler, elsewhere); err != nil {
		t.Errorf("a number of another site: %v", err)
	}
	if n := d.rows(t, `action = 'patient.create'`); n != 2 {
		t.Errorf("%d rows of two patients", n)
	}
}

func TestAddresses(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	for email, right := range map[string]bool{
		"name@example.org": true, "first.last+tag@sub.example.org": true, "o'brien@example.org": true, " name@example.org ": true, "name@exämple.org": true,
		"name@example": false, "name@": false, "@example.org": false, "a@b@example.org": false, "name@exam ple.org": false, "Name <name@example.org>": false,
		"name@example.org, other@example.org": false, `"a b"@example.org`: false, "name@[192.0.2.1]": false, "näme@example.org": false, "name@.org": false,
		"name@example.org\nBcc: other@example.org": false, strings.Repeat("a", 65) + "@example.org": false, "a@" + strings.Repeat("a.", 130) + "org": false,
	} {
		p := people.Patient{Name: "Canary", Contacts: []people.Contact{{Kind: people.Self, Email: phi.Text(email)}}}
		if _, err := d.Create(t.Context(), scheduler, p); right != (err == nil) || !right && wrongFields(err) != "contacts[0].email odd" {
			t.Errorf("%q: %v", email, err)
		}
	}
	for _, c := range []struct {
		site, typed, want string // want "": refused
	}{
		{"", "(202) 555-0100", "+12025550100"},
		{"", "202.555.0100", "+12025550100"},
		{"", "1 202 555 0100", "+12025550100"},
		{"", "+44 7700 900123", "+447700900123"},
		{"", "011 44 7700 900123", "+447700900123"},
		{"", "٢٠٢ ٥٥٥ ٠١٠٠", "+12025550100"},
		{"", "555 0100", ""},
		{"", "202 555 0100 ext. 12", ""},
		{"", "+1 202 555 01000", ""},
		{"", "call me", ""},
		{"", "+999 12345678", ""},
		{d.abroad.ID, "612 34 56 78", "+34612345678"},
		{d.abroad.ID, "0034 612345678", "+34612345678"},
		{d.abroad.ID, "202 555", ""},
	} {
		p := people.Patient{SiteID: c.site, Name: "Canary", Contacts: []people.Contact{{Kind: people.Self, Phone: phi.Text(c.typed)}}}
		made, err := d.Create(t.Context(), scheduler, p)
		switch {
		case c.want == "" && wrongFields(err) != "contacts[0].phone odd":
			t.Errorf("%q: %v", c.typed, err)
		case c.want != "" && (err != nil || made.Contacts[0].Phone.Reveal() != c.want):
			t.Errorf("%q: %v, want %s", c.typed, err, c.want)
		}
	}
	for phone, want := range map[string]string{"+1 202 555 0100": "US", "+34 612 34 56 78": "ES", "202 555 0100": "", "": "", "+800 1234 5678": "", "+44 20 7946 0000 ext. 5": "GB"} {
		if got := people.CountryOf(phone); got != want {
			t.Errorf("%q is of %q, want %q", phone, got, want)
		}
	}
}

// TestRecipients: of a confidential visit nobody hears but the one confidential contact of the patient's own, whoever else there is.
func TestRecipients(t *testing.T) {
	self, guardian := people.Contact{ID: "self", Kind: people.Self}, people.Contact{ID: "guardian", Kind: people.Guardian}
	secret, wrong := people.Contact{ID: "secret", Kind: people.Self, Confidential: true}, people.Contact{ID: "wrong", Kind: people.Guardian, Confidential: true}
	for _, c := range []struct {
		contacts    []people.Contact
		open, quiet []people.Contact
	}{
		{nil, nil, nil},
		{[]people.Contact{guardian, self}, []people.Contact{guardian, self}, nil},
		{[]people.Contact{guardian, secret, self}, []people.Contact{guardian, secret, self}, []people.Contact{secret}},
		{[]people.Contact{wrong}, []people.Contact{wrong}, nil},
	} {
		p := people.Patient{Contacts: c.contacts}
		if got := p.Recipients(false); !slices.Equal(got, c.open) {
			t.Errorf("of a visit hear %v, want %v", got, c.open)
		}
		if got := p.Recipients(true); !slices.Equal(got, c.quiet) {
			t.Errorf("of a confidential visit hear %v, want %v", got, c.quiet)
		}
		if !slices.Equal(p.Contacts, c.contacts) {
			t.Error("the patient's contacts were changed")
		}
	}
}

func TestDoubts(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	made := d.add(t, people.Patient{Name: "José Canary-Beispiel", BirthDate: "2010-05-31"})
	for name, c := range map[string]struct {
		patient people.Patient
		want    string
	}{
		"nothing":                {people.Patient{Name: "Canary Other", BirthDate: "2010-05-31", Contacts: []people.Contact{{Kind: people.Self, Phone: "202 555 0100"}}}, ""},
		"old":                    {people.Patient{Name: "Canary Other", BirthDate: "2000-11-24"}, "birth_date old 26"},
		"not quite":              {people.Patient{Name: "Canary Other", BirthDate: "2000-11-25"}, ""},
		"alike":                  {people.Patient{Name: "canary beispiel jose", BirthDate: "2010-05-31"}, "name twice 0"},
		"another day":            {people.Patient{Name: "canary beispiel jose", BirthDate: "2010-06-01"}, ""},
		"another name more":      {people.Patient{Name: "canary beispiel jose maria", BirthDate: "2010-05-31"}, ""},
		"itself":                 {people.Patient{ID: made.ID, Name: made.Name, BirthDate: made.BirthDate}, ""},
		"a number of no country": {people.Patient{Name: "Canary Other", Contacts: []people.Contact{{Kind: people.Self, Phone: "+1 055 555 0100"}}}, "contacts[0].phone unknown 0"},
		"no name yet":            {people.Patient{BirthDate: "1990-01-01"}, "birth_date old 36"},
	} {
		doubts, err := d.Doubts(t.Context(), scheduler, c.patient)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, doubt := range doubts {
			got = append(got, fmt.Sprintf("%s %s %d", doubt.Field, doubt.Key, doubt.Years))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if n := d.rows(t, `action = 'patient.found' AND subject_id = ?`, made.ID); n != 1 {
		t.Errorf("%d rows say that the patient was shown as another's like", n)
	}
}

// TestWhoSawWhom: every act is in the audit log with the patient's id, and so is every refusal; what was typed is not.
func TestWhoSawWhom(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	made := d.add(t, whole())
	other := d.add(t, people.Patient{Name: "Nobody Else", Number: "77"})
	ctx := t.Context()
	if f, err := d.Search(ctx, coordinator, "canary pat"); err != nil || len(f.Patients) != 1 {
		t.Fatalf("%d found, %v", len(f.Patients), err)
	}
	if _, err := d.Search(ctx, scheduler, "nobody's canary"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Show(ctx, scheduler, made.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		where string
		args  []any
		want  int
	}{
		{`action = 'patient.search' AND detail = 'patients 1' AND subject_id = '' AND actor_id = ?`, []any{coordinator.ID}, 1},
		{`action = 'patient.search' AND detail = 'patients 0' AND subject_id = '' AND actor_id = ?`, []any{scheduler.ID}, 1},
		{`action = 'patient.found' AND subject_kind = 'patient' AND subject_id = ? AND actor_id = ?`, []any{made.ID, coordinator.ID}, 1},
		{`action = 'patient.found' AND subject_id = ?`, []any{other.ID}, 0},
		{`action = 'patient.read' AND subject_id = ? AND actor_id = ?`, []any{made.ID, scheduler.ID}, 1},
		{`action = 'patient.create' AND subject_id = ? AND detail = 'contacts 2'`, []any{made.ID}, 1},
	} {
		if n := d.rows(t, c.where+` AND outcome = 'allowed'`, c.args...); n != c.want {
			t.Errorf("%d rows where %s, want %d", n, c.where, c.want)
		}
	}
	acts := map[string]func(auth.Actor) error{
		"patient.create":  func(a auth.Actor) error { _, err := d.Create(ctx, a, whole()); return err },
		"patient.update":  func(a auth.Actor) error { _, err := d.Update(ctx, a, made); return err },
		"patient.compare": func(a auth.Actor) error { _, err := d.Doubts(ctx, a, made); return err },
		"patient.list":    func(a auth.Actor) error { _, err := d.ListOf(ctx, a, []string{made.ID}); return err },
		"patient.read":    func(a auth.Actor) error { _, err := d.Show(ctx, a, made.ID); return err },
		"patient.search":  func(a auth.Actor) error { _, err := d.Search(ctx, a, "canary"); return err },
	}
	for action, act := range acts {
		if err := act(clinician); !errors.Is(err, fault.NotAllowed) {
			t.Errorf("%s by a clinician: %v", action, err)
		}
		reads := slices.Contains([]string{"patient.list", "patient.read", "patient.search"}, action)
		if err := act(coordinator); reads != (err == nil) {
			t.Errorf("%s by a coordinator: %v", action, err)
		}
		if n, want := d.rows(t, `action = ? AND outcome = 'refused'`, action), map[bool]int{true: 1, false: 2}[reads]; n != want {
			t.Errorf("%d refusals of %s, want %d", n, action, want)
		}
	}
	if n := d.rows(t, `action = 'patient.list' AND detail = 'patients 1' AND outcome = 'allowed' AND actor_id = ?`, coordinator.ID); n != 1 {
		t.Errorf("%d rows of a list", n)
	}
	for _, id := range []string{"", "Canary Patientname", store.NewID()} {
		if _, err := d.Show(ctx, scheduler, id); !errors.Is(err, fault.NotFound) {
			t.Errorf("of nobody: %v", err)
		}
		if _, err := d.Update(ctx, scheduler, people.Patient{ID: id, Name: "Canary"}); !errors.Is(err, fault.NotFound) {
			t.Errorf("a change of nobody: %v", err)
		}
	}
	for _, canary := range []string{"Canary", "canary", "name", "2010", "MRN", "5550100"} {
		like := "%" + canary + "%"
		if n := d.rows(t, `detail LIKE ? OR subject_id LIKE ? OR actor_id LIKE ?`, like, like, like); n != 0 {
			t.Errorf("%q is in the audit log", canary)
		}
	}
}

func TestAge(t *testing.T) {
	p := people.Patient{BirthDate: "2012-02-29"}
	auckland := time.FixedZone("", 13*3600)
	for at, want := range map[string]int{"2026-02-28T12:00:00Z": 14, "2026-02-27T12:00:00Z": 13, "2028-02-28T12:00:00Z": 16, "2011-01-01T00:00:00Z": 0} {
		day, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got, known := p.Age(day, auckland); got != want || !known {
			t.Errorf("at %s %d years, want %d", at, got, want)
		}
	}
	if _, known := (people.Patient{}).Age(noon, time.UTC); known {
		t.Error("an age without a birth date")
	}
}

// TestNothingIsKeptWithoutItsRow: where the audit log cannot be written, nothing is told and nothing is kept.
func TestNothingIsKeptWithoutItsRow(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	made := d.add(t, whole())
	if _, err := d.db.ExecContext(t.Context(), `ALTER TABLE audit RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if p, err := d.Show(ctx, scheduler, made.ID); err == nil {
		t.Errorf("shown: %s", reveal(p))
	}
	if f, err := d.Search(ctx, scheduler, "canary"); err == nil || len(f.Patients) > 0 {
		t.Errorf("found: %d, %v", len(f.Patients), err)
	}
	if _, err := d.Create(ctx, scheduler, people.Patient{Name: "Canary Second"}); err == nil {
		t.Error("a patient was made")
	}
	var n int
	if err := d.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM patients`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d patients, %v", n, err)
	}
}

// TestFollowedOrNotChanged: where one who is told of a change fails or refuses, the patient is not changed.
func TestFollowedOrNotChanged(t *testing.T) {
	d := newDesk(t, storetest.URL(t))
	made := d.add(t, people.Patient{Name: "Canary Patientname", Contacts: []people.Contact{{Kind: people.Self, Phone: "202 555 0100"}}})
	for _, d.follower = range []error{errors.New("broken"), fault.NotFound, fault.NotAllowed, fault.Changed()} {
		changed := made
		changed.Name = "Canary Newname"
		if _, err := d.Update(t.Context(), scheduler, changed); !errors.Is(err, d.follower) {
			t.Errorf("%v: %v", d.follower, err)
		}
		if kept, err := d.Patient(t.Context(), made.ID); err != nil || kept.Name != made.Name || kept.Version != made.Version {
			t.Errorf("%v: %s, %v", d.follower, reveal(kept), err)
		}
	}
	if done, refused := d.rows(t, `action = 'patient.update' AND outcome = 'allowed'`), d.rows(t, `action = 'patient.update' AND outcome = 'refused'`); done != 0 || refused != 2 {
		t.Errorf("%d rows of what was undone, and %d of refusals", done, refused)
	}
}
