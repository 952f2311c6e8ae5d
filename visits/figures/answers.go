package figures

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"housecall/platform/store"
	"housecall/visits"
)

// The questions that families are asked after a visit.
const (
	Worked   = "worked"   // sound and picture
	Answered = "answered" // what they came for
)

// Answers are how many people said yes, partly and no to a question.
type Answers struct{ Yes, Partly, No int }

// All is how many people answered.
func (a Answers) All() int { return a.Yes + a.Partly + a.No }

// Share is how many of a hundred said yes; meaningless for fewer than Few.
func (a Answers) Share() int { return a.Yes * 100 / max(a.All(), 1) }

func (a *Answers) add(answer string, people int) {
	switch answer {
	case "yes":
		a.Yes += people
	case "partly":
		a.Partly += people
	default:
		a.No += people
	}
}

func (a Answers) and(o Answers) Answers {
	return Answers{a.Yes + o.Yes, a.Partly + o.Partly, a.No + o.No}
}

// CountAnswers counts what somebody says of their visit, by question, in the transaction that keeps it. before is what they said until then; empty: nothing.
func (s *Service) CountAnswers(ctx context.Context, tx *store.Tx, v visits.Visit, before, now map[string]string) error {
	day := v.StartsAt.In(s.config.Zone).Format(time.DateOnly)
	for _, question := range []string{Worked, Answered} {
		for _, count := range []struct {
			answer string
			people int
		}{{before[question], -1}, {now[question], 1}} {
			if count.answer == "" {
				continue
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO figures_answers (day, site_id, service_id, question, answer, people) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (day, site_id, service_id, question, answer) DO UPDATE SET people = figures_answers.people + excluded.people`,
				day, v.SiteID, v.ServiceID, question, count.answer, count.people)
			if err != nil {
				return fmt.Errorf("count an answer: %w", err)
			}
		}
	}
	return nil
}

// readAnswers adds what people answered to the rows of a query.
func (s *Service) readAnswers(ctx context.Context, q Query, rows rows) error {
	where, args := q.where()
	type sum struct {
		day, question, answer string
		people                int
	}
	sums, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (x sum, err error) { return x, r.Scan(&x.day, &x.question, &x.answer, &x.people) },
		`SELECT day, question, answer, SUM(people) FROM figures_answers WHERE `+where+` GROUP BY day, question, answer`, args...)
	if err != nil {
		return err
	}
	for _, x := range sums {
		if r := rows.of(x.day); x.question == Worked {
			r.Worked.add(x.answer, x.people)
		} else {
			r.Answered.add(x.answer, x.people)
		}
	}
	return nil
}
