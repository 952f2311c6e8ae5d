package people

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// May says whether an actor may do one of the actions of patients, for pages that show no more than works.
func (s *Service) May(actor auth.Actor, action auth.Action) bool {
	return s.config.Policy.May(actor.Role, action)
}

// Prepare makes a patient ready to be kept by Insert: tidy, with ids, at a site that may be left out as for Create. What is wrong with p is a fault.NotValid
// that names each field.
func (s *Service) Prepare(ctx context.Context, p Patient) (Patient, error) {
	site, err := s.siteOf(ctx, p.SiteID)
	if err != nil {
		return Patient{}, err
	}
	p = p.tidy(site.Country)
	p.ID, p.SiteID, p.CreatedAt, p.Version = store.NewID(), site.ID, s.now(), 1
	p.ChangedAt = p.CreatedAt
	for i := range p.Contacts {
		p.Contacts[i].ID = store.NewID()
	}
	return p, s.judge(ctx, s.config.DB, p, site)
}

// Insert keeps a patient that Prepare has made, in the transaction of an act that needs one, with an audit row of its own.
func (s *Service) Insert(ctx context.Context, tx *store.Tx, actor auth.Actor, p Patient) error {
	if !s.May(actor, Write) {
		return fault.NotAllowed
	}
	taken, err := numberTaken(ctx, tx, p)
	if err != nil {
		return err
	}
	if taken { // since it was prepared
		return fault.InvalidAll(fault.Field{Field: "number", Key: "taken", Detail: "is another patient's"})
	}
	if err := insertPatient(ctx, tx, p); err != nil {
		return err
	}
	return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: actor, Action: "patient.create", Subject: store.About("patient", p.ID), Detail: contactsDetail(p), Outcome: store.Allowed})
}

// Alike are, for each of these patients, those with their contacts who could be the same: at the site, with the number, or else with the birth date and the same
// words in the name. Who was found is audited as by a search.
func (s *Service) Alike(ctx context.Context, actor auth.Actor, all []Patient) ([][]Patient, error) {
	if !s.May(actor, Read) {
		return nil, s.do(ctx, actor, "patient.compare", Read, "", nil)
	}
	found, shown := make([][]Patient, len(all)), []Patient{}
	for i, p := range all {
		some, err := s.alikeTo(ctx, p)
		if err != nil {
			return nil, err
		}
		found[i], shown = some, append(shown, some...)
	}
	return found, s.auditFound(ctx, actor, "patient.compare", shown)
}

func (s *Service) alikeTo(ctx context.Context, p Patient) (found []Patient, err error) {
	if key := numberKey(p.Number.Reveal()); key != "" {
		found, err = store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Patient, error) { return scanPatient(r.Scan) },
			`SELECT `+patientColumns+` FROM patients WHERE site_id = ? AND number_key = ? AND number_key <> ''`, p.SiteID, key)
		if err != nil {
			return nil, fmt.Errorf("look for a number: %w", err)
		}
	}
	if len(found) == 0 {
		parts, err := parseSearch(p.Name.Reveal() + " " + p.BirthDate.Reveal())
		if err != nil { // a name that no search finds
			return nil, nil
		}
		if found, err = find(ctx, s.config.DB, parts, MaxFound); err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(o Patient) bool { return o.SiteID != p.SiteID || !p.alike(o) })
	}
	for i, o := range found {
		if found[i], err = patientRow(ctx, s.config.DB, o.ID); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Likeness is the same of two patients who could be one: it has the birth date and the words of the name.
func (p Patient) Likeness() string {
	return p.BirthDate.Reveal() + " " + strings.Join(sortedWords(p), " ")
}

// NumberKey is the same of two spellings of the hospital's number; empty: there is none.
func (p Patient) NumberKey() string { return numberKey(p.Number.Reveal()) }
