package visits

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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

// mostNamed is how many visits a search looks through by the names in them, since no index has these.
const mostNamed = 1000

// Searched is what a search has found.
type Searched struct {
	ToCome []Visit // those of today too, the next first
	Past   []Visit // the latest first
	More   bool    // there are more, or more patients

	// Until is when the last began of the visits that were looked through by a name in them, where there are later ones that were not; zero: all were.
	Until time.Time
}

// Search finds visits, of which those to come count first. It needs people.Read for a text that is no visit's id. A visit whose patient the hospital does not know
// is found by the name in it when it is to come, or together with its day. The audit has a row for the search, one for each visit it shows, and one for each patient it found.
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
	var all []Visit
	if text == "" {
		all, err = s.around(ctx, query)
	} else {
		found, all, err = s.ofPatients(ctx, actor, query, text)
	}
	if err != nil {
		return Searched{}, fmt.Errorf("search visits: %w", err)
	}
	slices.SortFunc(all, func(a, b Visit) int { return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.ID, b.ID)) })
	now, _ := slices.BinarySearchFunc(all, s.now().Add(-justNow), func(v Visit, t time.Time) int { return v.StartsAt.Compare(t) })
	found.More = found.More || len(all) > MaxSearched
	found.ToCome, found.Past = all[now:], all[:now]
	slices.Reverse(found.Past)
	found.ToCome = found.ToCome[:min(len(found.ToCome), MaxSearched)]
	found.Past = found.Past[:min(len(found.Past), MaxSearched-len(found.ToCome))]
	return found, errors.Join(fillInvitations(ctx, s.config.DB, found.ToCome), fillInvitations(ctx, s.config.DB, found.Past))
}

// ofPatients reads the visits of a query whose patients a text finds: those whom the hospital knows, and others by the names in the visits.
func (s *Service) ofPatients(ctx context.Context, actor auth.Actor, query Query, text string) (found Searched, all []Visit, err error) {
	if s.config.Patients != nil {
		patients, err := s.config.Patients.Search(ctx, actor, text)
		if err != nil {
			return found, nil, err
		}
		found.More = patients.More
		if all, err = s.visitsOf(ctx, patients.Patients); err != nil {
			return found, nil, err
		}
	}
	all = slices.DeleteFunc(all, func(v Visit) bool {
		return v.StartsAt.Before(query.From) || !query.To.IsZero() && !v.StartsAt.Before(query.To) || query.ClinicianID != "" && v.ClinicianID != query.ClinicianID
	})
	others, until, err := s.unkept(ctx, query, text)
	if err != nil {
		return found, nil, err
	}
	found.Until = until
	return found, append(all, others...), nil
}

// unkept finds visits whose patient the hospital does not know by the name in them: those of the query's time, or else those to come. It looks through the first
// mostNamed; until is when the last of these begins, where there may be more. It reads of them what it looks at alone.
func (s *Service) unkept(ctx context.Context, query Query, text string) (all []Visit, until time.Time, err error) {
	if query.From.IsZero() {
		query.From = s.now().Add(-justNow)
	}
	where, args := query.where()
	type named struct {
		id     string
		starts int64
		name   phi.Text
	}
	rows, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (n named, err error) { return n, r.Scan(&n.id, &n.starts, &n.name) },
		`SELECT v.id, v.starts_at, i.name FROM (SELECT id, starts_at FROM visits WHERE patient_id = '' AND `+where+` ORDER BY starts_at, id LIMIT ?) v
		JOIN invitations i ON i.visit_id = v.id WHERE i.role = ? ORDER BY v.starts_at, v.id`, append(args, mostNamed, string(auth.Patient))...)
	if err != nil {
		return nil, until, fmt.Errorf("read names in visits: %w", err)
	}
	looked, last, ids := 0, "", []string(nil)
	for _, n := range rows {
		if n.id != last {
			looked, last = looked+1, n.id
		}
		twice := len(ids) > 0 && ids[len(ids)-1] == n.id // siblings
		if len(ids) <= MaxSearched && !twice && people.Named(n.name, text) {
			ids = append(ids, n.id)
		}
	}
	if looked == mostNamed {
		until = store.Time(rows[len(rows)-1].starts)
	}
	found, err := s.VisitsOf(ctx, s.config.DB, ids)
	return slices.Collect(maps.Values(found)), until, err
}

// visitsOf are all visits of patients. Sorting them is left to the caller: a database that is to do it looks through all visits there are.
func (s *Service) visitsOf(ctx context.Context, patients []people.Patient) ([]Visit, error) {
	if len(patients) == 0 {
		return nil, nil
	}
	args := make([]any, len(patients))
	for i, p := range patients {
		args[i] = p.ID
	}
	return store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
		`SELECT `+visitColumns+` FROM visits WHERE patient_id <> '' AND patient_id IN (?`+strings.Repeat(`, ?`, len(patients)-1)+`)`, args...)
}

// justNow is how long ago a visit may have begun that still counts among those to come.
const justNow = 12 * time.Hour

// around reads the visits of a query that are nearest to now, after and before it.
func (s *Service) around(ctx context.Context, query Query) ([]Visit, error) {
	where, args := query.where()
	now := store.Millis(s.now().Add(-justNow))
	read := func(since, until int64, order string) ([]Visit, error) {
		return store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
			`SELECT `+visitColumns+` FROM visits WHERE `+where+` AND starts_at >= ? AND starts_at < ? ORDER BY starts_at `+order+`, id `+order+` LIMIT ?`,
			append(slices.Clone(args), since, until, MaxSearched+1)...)
	}
	toCome, err := read(now, math.MaxInt64, `ASC`)
	if err != nil {
		return nil, err
	}
	past, err := read(0, now, `DESC`)
	return append(past, toCome...), err
}
