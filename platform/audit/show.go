package audit

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Read is to read the audit.
const Read auth.Action = "audit.read"

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Read, Meaning: "read the audit: who did what to what, and when", Roles: []auth.Role{auth.Admin}},
}

// Query asks for acts, the newest first. The zero Query asks for all.
type Query struct {
	Subject  store.Subject // to which they were done; empty fields: any
	Actor    string        // the id of who did them; empty: anybody
	From, To time.Time     // from From (included) to To (excluded); zero: no bound
	Before   int64         // Page.Next of the page before; 0: the first page
	Limit    int           // acts a page, up to 1,000; 0: 50
}

// Entry is an act as it was written.
type Entry struct {
	Place int64 // in the log; 0: it has none yet
	ID    string
	store.Act
}

// Page is one page of acts.
type Page struct {
	Acts []Entry
	Next int64 // Query.Before of the next page; 0: this is the last
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Reader shows the audit to who may read it.
type Reader struct {
	DB     *store.DB
	Policy auth.Policy
	Now    func() time.Time
	// Of gives what belongs to a patient (visits, and the invitations to them) or to a visit: what is asked of these is answered with what was done to it too. Nil: nothing.
	Of func(ctx context.Context, q store.Queryer, about store.Subject) ([]store.Subject, error)
}

// Show gives a page of acts. That somebody looked, and at what, is an act itself.
func (r Reader) Show(ctx context.Context, actor auth.Actor, q Query) (page Page, err error) {
	if q.Limit < 0 || q.Limit > maxLimit || q.Before < 0 {
		return Page{}, fault.Invalid("limit", fmt.Sprintf("is up to %d", maxLimit))
	}
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	about := store.About(orElse(q.Subject.Kind, "audit"), q.Subject.ID)
	if q.Subject.ID == "" && q.Actor != "" {
		about = store.About("actor", q.Actor)
	}
	a := store.Act{At: r.Now(), Actor: actor, Action: string(Read), Subject: about}
	err = r.DB.Do(ctx, a, r.Policy.Allows(actor, Read), func(tx *store.Tx, a *store.Act) (err error) {
		var also []store.Subject
		if (q.Subject.Kind == patientKind || q.Subject.Kind == visitKind) && store.IsID(q.Subject.ID) && r.Of != nil {
			if also, err = r.Of(ctx, tx, q.Subject); err != nil {
				return err
			}
		}
		page, err = read(ctx, tx, q, also)
		a.Detail = "acts " + strconv.Itoa(len(page.Acts))
		return err
	})
	return page, err
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

const (
	patientKind = "patient"
	visitKind   = "visit"
)

// kinds are what acts are done to, as the page offers them.
var kinds = []string{patientKind, visitKind, "invitation", "staff_account"}

// mostOf bounds how many things that belong to a patient a question is about: the newest. Databases bound the parameters of a query.
const mostOf = 10_000

// read gives the acts that q asks for, and those on also in place of its subject.
func read(ctx context.Context, tx *store.Tx, q Query, also []store.Subject) (page Page, err error) {
	var where []string
	var args []any
	if len(also) > 0 {
		all := map[string][]any{q.Subject.Kind: {q.Subject.ID}}
		for _, s := range also[max(0, len(also)-mostOf):] {
			all[s.Kind] = append(all[s.Kind], s.ID)
		}
		var either []string
		for _, kind := range slices.Sorted(maps.Keys(all)) {
			either = append(either, `subject_kind = ? AND subject_id IN (?`+strings.Repeat(`, ?`, len(all[kind])-1)+`)`)
			args = append(append(args, kind), all[kind]...)
		}
		where, q.Subject = append(where, "("+strings.Join(either, " OR ")+")"), store.Subject{}
	}
	for _, c := range []struct {
		is    bool
		where string
		arg   any
	}{
		{q.Subject.Kind != "", "subject_kind = ?", q.Subject.Kind}, {q.Subject.ID != "", "subject_id = ?", q.Subject.ID}, {q.Actor != "", "actor_id = ?", q.Actor},
		{!q.From.IsZero(), "at >= ?", store.Millis(q.From)}, {!q.To.IsZero(), "at < ?", store.Millis(q.To)}, {q.Before > 0, "seq < ?", q.Before},
	} {
		if c.is {
			where, args = append(where, c.where), append(args, c.arg)
		}
	}
	where = append(where, "seq IS NOT NULL")
	page.Acts, err = store.Collect(ctx, tx, scanEntry, `SELECT seq, `+columns+` FROM audit WHERE `+strings.Join(where, " AND ")+` ORDER BY seq DESC LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return Page{}, fmt.Errorf("read the audit: %w", err)
	}
	if len(page.Acts) > q.Limit {
		page.Acts = page.Acts[:q.Limit]
		page.Next = page.Acts[q.Limit-1].Place
	}
	return page, nil
}

func scanEntry(rows *sql.Rows) (e Entry, err error) {
	var at int64
	err = rows.Scan(&e.Place, &e.ID, &at, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Role, &e.Action, &e.Subject.Kind, &e.Subject.ID, &e.Outcome, &e.Detail)
	e.At = store.Time(at)
	return e, err
}
