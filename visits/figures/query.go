package figures

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// Period is what visits are counted by.
type Period string

// The periods.
const (
	Week  Period = "week" // from Monday on (ISO 8601)
	Month Period = "month"
)

// Few is how many visits a number needs at least that tells of more than that there were visits: a wait, a language.
const Few = 5

// Query asks for the figures of visits from From (included) to To (excluded). Both are days.
type Query struct {
	From, To  time.Time
	By        Period
	SiteID    string // empty: any
	ServiceID string // likewise
}

// mostDays bounds a query: ten years.
const mostDays = 3660

// Row is the figures of one week or month, or of all.
type Row struct {
	Start                        time.Time // its first day; zero: all
	TookPlace, NoShow, Cancelled int
	Untold                       int // visits of which no more is told: they are too few
	Failed, Bad                  int // nobody of the family got in; or they did, and somebody's connection was bad
	Interpreter, Joins, Alone    int
	Worked, Answered             Answers       // of families, whether sound and picture worked, and whether they got what they came for
	Waited                       int           // visits of which the wait is known
	Median, P90                  time.Duration // of the wait; meaningless for fewer than Few visits
	waits                        map[int64]int // visits by quarters of a minute
}

// Visits are all of the row.
func (r Row) Visits() int { return r.TookPlace + r.NoShow + r.Cancelled + r.Untold }

// Technical are the visits that failed technically.
func (r Row) Technical() int { return r.Failed + r.Bad }

// Told says whether the row tells more than how many visits there were.
func (r Row) Told() bool { return r.Untold == 0 || r.Untold < r.Visits() }

// withhold leaves of the row how many visits there were.
func (r *Row) withhold() {
	*r = Row{Start: r.Start, Untold: r.Visits()}
}

// Language is how many visits had a language.
type Language struct {
	Tag    string // empty: not known
	Visits int
}

// Figures are the answer to a query.
type Figures struct {
	Rows      []Row // without gaps, the oldest first
	All       Row
	Languages []Language // the most spoken first; those with fewer than Few visits are left to Others
	Others    int        // visits in these
}

// tagged are all languages by their tags (BCP 47): "und" where it is not known, and at last "mul" for those of too few visits together.
func (f Figures) tagged() (all []Language) {
	for _, l := range f.Languages {
		all = append(all, Language{cmp.Or(l.Tag, "und"), l.Visits})
	}
	if f.Others > 0 {
		all = append(all, Language{"mul", f.Others})
	}
	return all
}

// Show gives the figures that q asks for. Errors: fault.NotAllowed, and fault.NotValid of days that are too many or none.
func (s *Service) Show(ctx context.Context, actor auth.Actor, q Query) (f Figures, err error) {
	a := store.Act{At: store.Time(store.Millis(s.config.Now())), Actor: actor, Action: string(Read), Subject: store.About("figures", "")}
	err = s.config.DB.Do(ctx, a, s.config.Policy.Allows(actor, Read), func(tx *store.Tx, _ *store.Act) error { return nil })
	if err != nil {
		return Figures{}, err
	}
	if days := int(q.To.Sub(q.From).Hours() / 24); days < 1 || days > mostDays || q.By != Week && q.By != Month {
		return Figures{}, fault.Invalid("to", "must be after from, by ten years at most")
	}
	if f, err = s.read(ctx, q); err != nil {
		return Figures{}, fmt.Errorf("read figures: %w", err)
	}
	return f, nil
}

// where says in SQL which days are asked for.
func (q Query) where() (where string, args []any) {
	where, args = `day >= ? AND day < ?`, []any{q.From.Format(time.DateOnly), q.To.Format(time.DateOnly)}
	if q.SiteID != "" {
		where, args = where+` AND site_id = ?`, append(args, q.SiteID)
	}
	if q.ServiceID != "" {
		where, args = where+` AND service_id = ?`, append(args, q.ServiceID)
	}
	return where, args
}

func (s *Service) read(ctx context.Context, q Query) (f Figures, err error) {
	where, args := q.where()
	type sums struct {
		day, language string
		Row
	}
	days, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (x sums, err error) {
		return x, r.Scan(&x.day, &x.language, &x.TookPlace, &x.NoShow, &x.Cancelled, &x.Failed, &x.Bad, &x.Interpreter, &x.Joins, &x.Alone)
	}, `SELECT day, language, SUM(took_place), SUM(no_show), SUM(cancelled), SUM(failed), SUM(bad), SUM(interpreter), SUM(joins), SUM(alone) FROM figures_days WHERE `+where+
		` GROUP BY day, language`, args...)
	if err != nil {
		return Figures{}, err
	}
	type waited struct {
		day              string
		quarters, visits int64
	}
	waits, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (x waited, err error) { return x, r.Scan(&x.day, &x.quarters, &x.visits) },
		`SELECT day, quarters, SUM(visits) FROM figures_waits WHERE `+where+` GROUP BY day, quarters`, args...)
	if err != nil {
		return Figures{}, err
	}
	rows := q.rows()
	languages := map[string]int{}
	for _, d := range days {
		rows.of(d.day).add(d.Row)
		languages[d.language] += d.Visits()
	}
	for _, w := range waits {
		rows.of(w.day).waits[w.quarters] += int(w.visits)
	}
	if err := s.readAnswers(ctx, q, rows); err != nil {
		return Figures{}, err
	}
	f.All = rows.withholdFew()
	f.All.sumWaits()
	for i := range rows {
		rows[i].sumWaits()
	}
	f.Rows = rows
	f.Languages, f.Others = known(languages)
	return f, nil
}

// known are the languages of enough visits, and how many visits the others had.
func known(visits map[string]int) (all []Language, others int) {
	for tag, n := range visits {
		if n < Few {
			others += n
			continue
		}
		all = append(all, Language{tag, n})
	}
	slices.SortFunc(all, func(a, b Language) int {
		if a.Visits != b.Visits {
			return b.Visits - a.Visits
		}
		if a.Tag < b.Tag {
			return -1
		}
		return 1
	})
	return all, others
}

// rows are the weeks or months of a query, empty and without gaps.
type rows []Row

func (q Query) rows() (all rows) {
	start := q.From
	if q.By == Week {
		start = start.AddDate(0, 0, -(int(start.Weekday())+6)%7)
	} else {
		start = time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	for start.Before(q.To) {
		all = append(all, Row{Start: start, waits: map[int64]int{}})
		if q.By == Week {
			start = start.AddDate(0, 0, 7)
		} else {
			start = start.AddDate(0, 1, 0)
		}
	}
	return all
}

// of is the row of a day, which is one of the query's.
func (all rows) of(day string) *Row {
	after, _ := slices.BinarySearchFunc(all, day, func(r Row, day string) int {
		if r.Start.Format(time.DateOnly) <= day {
			return -1
		}
		return 1
	})
	return &all[after-1]
}

// withholdFew leaves of weeks or months with fewer than Few visits only how many there were, and sums all up. If these are fewer than Few together, the sum tells no more of
// them either: nobody gets them by taking the others from it.
func (all rows) withholdFew() (sum Row) {
	sum.waits = map[int64]int{}
	few := Row{waits: map[int64]int{}}
	for i := range all {
		if all[i].Visits() >= Few {
			sum.add(all[i])
			continue
		}
		few.add(all[i])
		all[i].withhold()
	}
	if few.Visits() < Few {
		few.withhold()
	}
	sum.add(few)
	return sum
}

func (r *Row) add(o Row) {
	r.TookPlace += o.TookPlace
	r.NoShow += o.NoShow
	r.Cancelled += o.Cancelled
	r.Untold += o.Untold
	r.Failed += o.Failed
	r.Bad += o.Bad
	r.Interpreter += o.Interpreter
	r.Joins += o.Joins
	r.Alone += o.Alone
	r.Worked, r.Answered = r.Worked.and(o.Worked), r.Answered.and(o.Answered)
	for quarters, visits := range o.waits {
		r.waits[quarters] += visits
	}
}

// sumWaits makes median and 90th percentile of the waits: the smallest wait that is not exceeded by so many of the visits (nearest rank).
func (r *Row) sumWaits() {
	var quarters []int64
	for q, n := range r.waits {
		quarters, r.Waited = append(quarters, q), r.Waited+n
	}
	slices.Sort(quarters)
	rank := func(percent int) time.Duration {
		need := (r.Waited*percent + 99) / 100
		for _, q := range quarters {
			if need -= r.waits[q]; need <= 0 {
				return time.Duration(q) * 15 * time.Second
			}
		}
		return 0
	}
	r.Median, r.P90 = rank(50), rank(90)
}
