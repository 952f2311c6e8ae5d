package people

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/typed"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Sites knows the sites of the hospital.
type Sites interface {
	Site(ctx context.Context, id string) (sites.Site, error)
	Default(ctx context.Context) (sites.Site, error)
}

// Config is what patients need from outside.
type Config struct {
	DB        *store.DB
	Policy    auth.Policy
	Sites     Sites
	Languages []string         // tags of the languages that somebody may be said to read
	Now       func() time.Time // nil: time.Now

	// Changed are told of every change of a patient, in the transaction of the act, which fails with them: who holds a copy of the name or the birth date.
	Changed []func(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now Patient) error
}

// Service is the patients. Safe for use by many goroutines.
type Service struct {
	config Config
}

// New brings the tables up to date.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.DB.Migrate(ctx, "people", Migrations()); err != nil {
		return nil, err
	}
	return &Service{c}, nil
}

// Create adds a patient; without a SiteID to the hospital's first site. What is wrong with p is a fault.NotValid that names each field.
func (s *Service) Create(ctx context.Context, actor auth.Actor, p Patient) (Patient, error) {
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
	err = s.do(ctx, actor, "patient.create", Write, p.ID, func(tx *store.Tx, a *store.Act) error {
		if err := s.judge(ctx, tx, p, site); err != nil {
			return err
		}
		a.Detail = contactsDetail(p)
		return insertPatient(ctx, tx, p)
	})
	if err != nil {
		return Patient{}, err
	}
	return p, nil
}

// Update replaces what is known of a patient; the site stays. Contacts with an ID that the patient has are changed, those without are added, and those that are not
// there are forgotten. Config.Changed are told. p.Version is that of the patient as it was read: when somebody else changed it meanwhile, nothing is changed.
func (s *Service) Update(ctx context.Context, actor auth.Actor, p Patient) (Patient, error) {
	site, err := s.siteOfPatient(ctx, p.ID)
	if err != nil {
		return Patient{}, err
	}
	err = s.do(ctx, actor, "patient.update", Write, p.ID, func(tx *store.Tx, a *store.Act) error {
		old, err := patientRow(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if old.Version != p.Version {
			return fault.Changed()
		}
		p = p.tidy(site.Country)
		p.SiteID, p.CreatedAt, p.ChangedAt = old.SiteID, old.CreatedAt, s.now()
		p.Version++
		if err := nameContacts(p.Contacts, old.Contacts); err != nil {
			return err
		}
		if err := s.judge(ctx, tx, p, site); err != nil {
			return err
		}
		a.Detail = contactsDetail(p)
		if err := updatePatient(ctx, tx, p); err != nil {
			return err
		}
		for _, f := range s.config.Changed {
			if err := f(ctx, tx, actor, old, p); err != nil {
				return fmt.Errorf("tell that a patient was changed: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return Patient{}, err
	}
	return p, nil
}

// nameContacts gives an ID to those who have none. The IDs of others must be of old contacts, once each.
func nameContacts(all, old []Contact) error {
	var left []string
	for _, c := range old {
		left = append(left, c.ID)
	}
	for i, c := range all {
		at := slices.Index(left, c.ID)
		switch {
		case c.ID == "":
			all[i].ID = store.NewID()
		case at < 0:
			return fault.Invalid(fmt.Sprintf("contacts[%d].id", i), "must be that of a contact of this patient, once")
		default:
			left = slices.Delete(left, at, at+1)
		}
	}
	return nil
}

// Show returns one patient with the contacts.
func (s *Service) Show(ctx context.Context, actor auth.Actor, id string) (Patient, error) {
	var p Patient
	err := s.do(ctx, actor, "patient.read", Read, id, func(tx *store.Tx, _ *store.Act) (err error) {
		p, err = patientRow(ctx, tx, id)
		return err
	})
	return p, err
}

// Patient reads one patient for the program itself; people go by Show.
func (s *Service) Patient(ctx context.Context, id string) (Patient, error) {
	return patientRow(ctx, s.config.DB, id)
}

// ListOf shows patients without their contacts by their ids, as far as there are any. Who was shown is in the audit log as for a search.
func (s *Service) ListOf(ctx context.Context, actor auth.Actor, ids []string) ([]Patient, error) {
	if !s.config.Policy.Allows(actor, Read) {
		return nil, s.do(ctx, actor, "patient.list", Read, "", nil)
	}
	list, args := store.In(ids)
	found, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Patient, error) { return scanPatient(r.Scan) },
		`SELECT `+patientColumns+` FROM patients WHERE id IN `+list, args...)
	if err != nil {
		return nil, fmt.Errorf("read patients: %w", err)
	}
	if err := s.auditFound(ctx, actor, "patient.list", found); err != nil {
		return nil, err
	}
	return found, nil
}

// Found is what a search found.
type Found struct {
	Patients []Patient // without their contacts
	More     bool      // there are more than MaxFound
}

// Search finds patients by parts of the name in any order, by the hospital's number and by the birth date, each as far as it is known. Who is shown to whom is
// in the audit log: a row for the search, and one for each patient.
func (s *Service) Search(ctx context.Context, actor auth.Actor, query string) (Found, error) {
	if !s.config.Policy.Allows(actor, Read) {
		return Found{}, s.do(ctx, actor, "patient.search", Read, "", nil)
	}
	parts, err := parseSearch(query)
	if err != nil {
		return Found{}, err
	}
	// Beside the act's transaction, which would keep others from writing meanwhile. Nobody sees what was found before the rows are kept.
	found, err := find(ctx, s.config.DB, parts, MaxFound+1)
	if err != nil {
		return Found{}, err
	}
	if number := parseNumber(query); len(found) == 0 && number != nil {
		if found, err = find(ctx, s.config.DB, number, MaxFound+1); err != nil {
			return Found{}, err
		}
	}
	f := Found{Patients: found[:min(len(found), MaxFound)], More: len(found) > MaxFound}
	if err := s.auditFound(ctx, actor, "patient.search", f.Patients); err != nil {
		return Found{}, err
	}
	return f, nil
}

// WithNumber finds the patients with a number of the hospital's, whatever does not tell two apart: one at most of each site. It is a search as Search is, for a whole
// number, however short.
func (s *Service) WithNumber(ctx context.Context, actor auth.Actor, number phi.Text) (Found, error) {
	if !s.config.Policy.Allows(actor, Read) {
		return Found{}, s.do(ctx, actor, "patient.search", Read, "", nil)
	}
	number = tidyText(number)
	if key, detail := typed.Check(number.Reveal(), MaxQuery); key != "" {
		return Found{}, fault.InvalidAll(fault.Field{Field: "number", Key: key, Detail: detail})
	}
	found, err := withNumber(ctx, s.config.DB, number, MaxFound+1)
	if err != nil {
		return Found{}, err
	}
	f := Found{Patients: found[:min(len(found), MaxFound)], More: len(found) > MaxFound}
	if err := s.auditFound(ctx, actor, "patient.search", f.Patients); err != nil {
		return Found{}, err
	}
	return f, nil
}

// Doubts are what is worth a second look before p is kept. They keep nobody from keeping it. p need not be right in all else.
func (s *Service) Doubts(ctx context.Context, actor auth.Actor, p Patient) ([]Doubt, error) {
	if !s.config.Policy.Allows(actor, Write) {
		return nil, s.do(ctx, actor, "patient.compare", Write, p.ID, nil)
	}
	site, err := s.siteOf(ctx, p.SiteID)
	if err != nil {
		return nil, err
	}
	p = p.tidy(site.Country)
	all := p.doubts(s.now(), site.Zone)
	parts, err := parseSearch(p.Name.Reveal() + " " + p.BirthDate.Reveal())
	if err != nil { // a name that no search finds
		return all, nil
	}
	found, err := find(ctx, s.config.DB, parts, MaxFound)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(o Patient) bool { return !p.alike(o) })
	if len(found) == 0 {
		return all, nil
	}
	if err := s.auditFound(ctx, actor, "patient.compare", found); err != nil {
		return nil, err
	}
	return append(all, Doubt{Field: "name", Key: "twice", Alike: found}), nil
}

// auditFound writes down who was shown.
func (s *Service) auditFound(ctx context.Context, actor auth.Actor, action string, found []Patient) error {
	return s.do(ctx, actor, action, Read, "", func(tx *store.Tx, a *store.Act) error {
		a.Detail = "patients " + strconv.Itoa(len(found))
		for _, p := range found {
			err := store.Audit(ctx, tx, store.Act{At: a.At, Actor: actor, Action: "patient.found", Subject: store.About("patient", p.ID), Outcome: store.Allowed})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// judge says what is wrong with a patient of a site.
func (s *Service) judge(ctx context.Context, q store.Queryer, p Patient, site sites.Site) error {
	if err := p.check(s.config.Languages, s.now().In(site.Zone)); err != nil {
		return err
	}
	taken, err := numberTaken(ctx, q, p)
	if err != nil {
		return err
	}
	if taken {
		return fault.InvalidAll(fault.Field{Field: "number", Key: "taken", Detail: "is another patient's"})
	}
	return nil
}

// Country is where (ISO 3166) the telephone numbers of a site's patients are that have no country code; without an id, of the hospital's first site.
func (s *Service) Country(ctx context.Context, site string) (string, error) {
	where, err := s.siteOf(ctx, site)
	return where.Country, err
}

// siteOf is a site that somebody named, or else the hospital's first.
func (s *Service) siteOf(ctx context.Context, id string) (sites.Site, error) {
	if id == "" {
		return s.config.Sites.Default(ctx)
	}
	site, err := s.config.Sites.Site(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return sites.Site{}, fault.Invalid("site_id", "must be the id of a site")
	}
	return site, err
}

// siteOfPatient is where a patient is treated, which never changes; of nobody, the hospital's first site.
func (s *Service) siteOfPatient(ctx context.Context, id string) (sites.Site, error) {
	p, err := patientRow(ctx, s.config.DB, id)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return sites.Site{}, err
	}
	return s.siteOf(ctx, p.SiteID)
}

func contactsDetail(p Patient) string { return "contacts " + strconv.Itoa(len(p.Contacts)) }

// do does an act on a patient.
func (s *Service) do(ctx context.Context, actor auth.Actor, action string, right auth.Action, patient string, f func(*store.Tx, *store.Act) error) error {
	a := store.Act{At: s.now(), Actor: actor, Action: action, Subject: store.About("patient", patient)}
	return s.config.DB.Do(ctx, a, s.config.Policy.Allows(actor, right), f)
}

// now is the time as the database keeps it.
func (s *Service) now() time.Time { return store.Time(store.Millis(s.config.Now())) }
