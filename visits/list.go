package visits

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Query asks for visits that start from From (included) to To (excluded), in order of their start. The zero Query asks for all.
type Query struct {
	From, To time.Time // zero: no bound
	Except   []Span    // when they do not start
	States   []State   // none: any
	Limit    int       // visits a page, up to 100; 0: 50
	Cursor   string    // Page.Next of the page before; empty: the first page

	ID, SiteID, ClinicianID, ServiceID, PatientID string     // empty: any
	Identifier                                    Identifier // with a value alone: of any system
}

// Span is a stretch of time, with From and without To.
type Span struct{ From, To time.Time }

// Page is one page of a list.
type Page struct {
	Visits []Visit
	Next   string // Query.Cursor of the next page; empty: this is the last
}

const (
	defaultLimit = 50
	MaxLimit     = 100 // visits on a page
)

// List returns a page of visits with their invitations.
func (s *Service) List(ctx context.Context, actor auth.Actor, q Query) (Page, error) {
	var page Page
	err := s.act(ctx, actor, "visit.list", auth.VisitRead, store.About("visit", ""), func(tx *store.Tx, a *store.Act) error {
		limit, after, err := q.check()
		if err != nil {
			return err
		}
		page.Visits, err = s.listRows(ctx, tx, q, after, limit+1)
		if err != nil {
			return err
		}
		if len(page.Visits) > limit {
			page.Visits = page.Visits[:limit]
			last := page.Visits[limit-1]
			page.Next = position{store.Millis(last.StartsAt), last.ID}.cursor()
		}
		a.Detail = "visits " + strconv.Itoa(len(page.Visits))
		return fillInvitations(ctx, tx, page.Visits)
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// ListOf shows visits by their ids, as far as there are any: some of the ids may be of other things. The audit has one row for all of them, as for List.
func (s *Service) ListOf(ctx context.Context, actor auth.Actor, ids []string) (found map[string]Visit, err error) {
	err = s.act(ctx, actor, "visit.list", auth.VisitRead, store.About("visit", ""), func(tx *store.Tx, a *store.Act) error {
		rows, err := s.VisitsOf(ctx, tx, ids)
		if err != nil {
			return err
		}
		all := slices.Collect(maps.Values(rows))
		if err := fillInvitations(ctx, tx, all); err != nil {
			return err
		}
		found = make(map[string]Visit, len(all))
		for _, v := range all {
			found[v.ID] = v
		}
		a.Detail = "visits " + strconv.Itoa(len(found))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Upcoming are visits that have not begun, without their invitations, in the order of their ids after the id after, up to limit.
func (s *Service) Upcoming(ctx context.Context, after string, limit int) ([]Visit, error) {
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) }, `SELECT `+visitColumns+` FROM visits WHERE state IN (?, ?) AND starts_at > ? AND id > ? ORDER BY id LIMIT ?`,
		string(Scheduled), string(Open), store.Millis(s.now()), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list visits to come: %w", err)
	}
	return all, nil
}

func (q Query) check() (limit int, after position, err error) {
	var wrong []fault.Field
	limit = q.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < 1 || limit > MaxLimit {
		wrong = append(wrong, fault.Field{Field: "limit", Detail: fmt.Sprintf("must be from 1 to %d", MaxLimit)})
	}
	if slices.ContainsFunc(q.States, func(s State) bool { return !s.known() }) {
		wrong = append(wrong, fault.Field{Field: "state", Detail: "is none of the states of a visit"})
	}
	if q.Identifier.System != "" && q.Identifier.Value == "" {
		wrong = append(wrong, fault.Field{Field: "identifier_value", Detail: "is needed with identifier_system"})
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		wrong = append(wrong, fault.Field{Field: "to", Detail: "must be after from"})
	}
	if q.Cursor != "" && !after.read(q.Cursor) {
		wrong = append(wrong, fault.Field{Field: "cursor", Detail: "must be the next of a page before"})
	}
	return limit, after, fault.InvalidAll(wrong...)
}

func (s State) known() bool { return slices.Contains(States(), s) }

// cursor is a position as programs carry it.
func (p position) cursor() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a number and a string
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// IsCursor says whether a text can be the Next of a page.
func IsCursor(text string) bool { return new(position).read(text) }

func (p *position) read(cursor string) bool {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	return err == nil && len(b) < 200 && json.Unmarshal(b, p) == nil && store.IsID(p.ID)
}
