package visits

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// Search asks for visits by what somebody knows of them. All that it says must hold of a visit, and it says something.
type Search struct {
	Text        phi.Text  // the patient's name, birth date or number, as people.Service.Search takes them; or the visit's id
	From, To    time.Time // when it starts; zero: whenever. To is excluded
	ClinicianID string    // who leads it
}

// MaxSearched is how many visits a search shows.
const MaxSearched = 50

// Searched is what a search has found.
type Searched struct {
	ToCome []Visit // those of today too, the next first
	Past   []Visit // the latest first
	More   bool    // there are more, or more patients
}

// Search finds visits, of which those to come count first. It needs people.Read for a text that is no visit's id. A visit whose patient the hospital does not know
// is found by its name together with its day alone. The audit has a row for the search, one for each visit it shows, and one for each patient it found.
func (s *Service) Search(ctx context.Context, actor auth.Actor, q Search) (found Searched, err error) {
	if !actor.May(auth.VisitRead) {
		return found, s.act(ctx, actor, "visit.search", auth.VisitRead, store.About("visit", ""), nil)
	}
	text := strings.TrimSpace(q.Text.Reveal())
	if text == "" && q.From.IsZero() && q.ClinicianID == "" {
		return found, fault.InvalidAll(fault.Field{Field: "query", Key: "empty", Detail: "or a day or a clinician must be said"})
	}
	query := Query{From: q.From, To: q.To, ClinicianID: q.ClinicianID}
	if store.IsID(text) {
		query.ID, text = text, ""
	}
	// Beside the act's transaction, which would keep others from writing meanwhile. Nobody sees what was found before the rows are kept.
	if found, err = s.search(ctx, actor, query, text); err != nil {
		return Searched{}, err
	}
	err = s.act(ctx, actor, "visit.search", auth.VisitRead, store.About("visit", ""), func(tx *store.Tx, a *store.Act) error {
		all := slices.Concat(found.ToCome, found.Past)
		a.Detail = "visits " + strconv.Itoa(len(all))
		for _, v := range all {
			if err := store.Audit(ctx, tx, store.Act{At: a.At, Actor: actor, Action: "visit.found", Subject: store.About("visit", v.ID), Outcome: store.Allowed}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Searched{}, err
	}
	return found, nil
}

// search reads what a query and the patients of a text have in common.
func (s *Service) search(ctx context.Context, actor auth.Actor, query Query, text string) (found Searched, err error) {
	where, args := query.where()
	if text != "" {
		var patients people.Found
		if s.config.Patients != nil {
			if patients, err = s.config.Patients.Search(ctx, actor, text); err != nil {
				return found, err
			}
		}
		found.More = patients.More
		var known, named []string
		for _, p := range patients.Patients {
			known = append(known, p.ID)
		}
		if !query.From.IsZero() && !query.To.IsZero() {
			if named, err = s.named(ctx, query, text); err != nil {
				return found, err
			}
		}
		where += ` AND (patient_id <> '' AND ` + among("patient_id", known, &args) + ` OR ` + among("id", named, &args) + `)`
	}
	if err := s.searchRows(ctx, &found, where, args); err != nil {
		return Searched{}, fmt.Errorf("search visits: %w", err)
	}
	return found, nil
}

// among says in SQL that a column has one of some values, which are added to args.
func among(column string, values []string, args *[]any) string {
	if len(values) == 0 {
		return `1 = 0`
	}
	for _, v := range values {
		*args = append(*args, v)
	}
	return column + ` IN (?` + strings.Repeat(`, ?`, len(values)-1) + `)`
}

// named are the visits of a day whose patient the hospital does not know and is called so.
func (s *Service) named(ctx context.Context, query Query, text string) (ids []string, err error) {
	where, args := query.where()
	visits, err := s.rowsWhere(ctx, s.config.DB, where+` AND patient_id = ''`, args, position{}, mostShown)
	if err == nil {
		err = fillInvitations(ctx, s.config.DB, visits)
	}
	for _, v := range visits {
		if slices.ContainsFunc(v.Invitations, func(i Invitation) bool { return i.Role == auth.Patient && people.Named(i.Name, text) }) {
			ids = append(ids, v.ID)
		}
	}
	return ids[:min(len(ids), MaxSearched+1)], err
}

// justNow is how long ago a visit may have begun that still counts among those to come.
const justNow = 12 * time.Hour

// searchRows reads the visits of a condition, from now on and back.
func (s *Service) searchRows(ctx context.Context, found *Searched, where string, args []any) error {
	now := store.Millis(s.now().Add(-justNow))
	read := func(since, until int64, order string, limit int) ([]Visit, error) {
		return store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
			`SELECT `+visitColumns+` FROM visits WHERE `+where+` AND starts_at >= ? AND starts_at < ? ORDER BY starts_at `+order+`, id `+order+` LIMIT ?`,
			append(slices.Clone(args), since, until, limit)...)
	}
	toCome, err := read(now, math.MaxInt64, `ASC`, MaxSearched+1)
	if err != nil {
		return err
	}
	past, err := read(0, now, `DESC`, MaxSearched+1)
	if err != nil {
		return err
	}
	found.More = found.More || len(toCome)+len(past) > MaxSearched
	found.ToCome = toCome[:min(len(toCome), MaxSearched)]
	found.Past = past[:min(len(past), MaxSearched-len(found.ToCome))]
	for _, visits := range [][]Visit{found.ToCome, found.Past} {
		if err := fillInvitations(ctx, s.config.DB, visits); err != nil {
			return err
		}
	}
	return nil
}
