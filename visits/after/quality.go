package after

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"housecall/platform/store"
)

// Sample is how somebody's connection does at a moment. The counts go on from when it was made.
type Sample struct {
	Visit, Session, Invitation string

	Connected bool
	Way       string        // by which packets travel: udp, tcp, relay; empty: not known
	RoundTrip time.Duration // 0: not known

	Received, Lost      uint64  // packets from them, and those of them that did not come, or only when they were asked for again
	Sent                uint64  // packets to them
	SentLost            float64 // share of these that they last reported as lost, 0 to 1
	Sound, Picture      uint64  // packets of microphone and camera
	HasSound, HasCamera bool    // these are on, and somebody is there who would hear and see

	Pictures []Picture // sent to them: of each camera or screen
}

// Quality is how somebody's connection was in a visit. The zero Quality was not measured.
type Quality struct {
	Ways                                     []string // by which packets travelled
	Measured, Poor, Gone, NoSound, NoPicture time.Duration
	Reconnections                            int
	LostFrom, LostTo                         float64 // share of the packets from and to them, 0 to 1
	Trip, WorstTrip                          time.Duration
	Picture                                  PictureQuality // that they were sent

	received, receivedLost, sent, sentLost int64
	trips                                  [len(tripBounds) + 1]int64
}

// tripBounds are the ends of the spans that round trips are counted in, in milliseconds; the median is told as the end of its span.
var tripBounds = [...]int64{20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 1000, 2000}

// When a connection is poor: people notice. ITU-T G.114 has 400 ms for the way there alone as the limit of what can be planned with; a round trip of that is heard as a pause.
const (
	poorLoss = 0.05
	poorTrip = 400 * time.Millisecond
)

const (
	// longestStep bounds what one sample stands for: what was between two that are further apart is not known.
	longestStep = 10 * time.Second
	// keepEvery is how often what is measured is written: so much is missing after a server was killed.
	keepEvery = 30 * time.Second
)

// stay is one browser's time in a visit.
type stay struct {
	id, visit, invitation string
	last                  Sample
	at                    time.Time // of last
	was                   bool      // it was connected at some time
	kept                  time.Time // when it was written; zero: never
	sum                   Quality
}

// Line measures connections. Take is called by one goroutine.
type Line struct {
	service *Service
	mu      sync.Mutex
	stays   map[string]*stay // by session
}

// NewLine measures nothing yet.
func (s *Service) NewLine() *Line { return &Line{service: s, stays: map[string]*stay{}} }

// Take adds how everybody's connection does now, and writes what is due: of who is new, of who is gone, and of all each half minute. What can't be written is
// written the next time; an error says why.
func (l *Line) Take(ctx context.Context, now time.Time, all []Sample) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	here := map[string]bool{}
	for _, sample := range all {
		here[sample.Session] = true
		one := l.stays[sample.Session]
		if one == nil {
			one = &stay{id: store.NewID(), visit: sample.Visit, invitation: sample.Invitation}
			l.stays[sample.Session] = one
		}
		one.take(now, sample)
	}
	var due []*stay
	for session, one := range l.stays {
		if gone := !here[session]; gone || now.Sub(one.kept) >= keepEvery {
			due = append(due, one)
		}
	}
	if err := l.keep(ctx, now, due); err != nil {
		return err
	}
	for session := range l.stays {
		if !here[session] {
			delete(l.stays, session)
		}
	}
	return nil
}

// take adds what was since the last sample.
func (s *stay) take(now time.Time, n Sample) {
	last, step := s.last, min(now.Sub(s.at), longestStep)
	first := s.at.IsZero()
	s.last, s.at = n, now
	q := &s.sum
	if n.Connected && n.Way != "" && !slices.Contains(q.Ways, n.Way) {
		q.Ways = append(q.Ways, n.Way)
	}
	if n.Connected && !last.Connected && s.was {
		q.Reconnections++
	}
	s.was = s.was || n.Connected
	if first || step <= 0 || n.Received < last.Received || n.Sent < last.Sent { // or another peer of the same browser, which counts anew
		return
	}
	q.Measured += step
	if !n.Connected {
		q.Gone += step
		return
	}
	came, lost := int64(n.Received-last.Received), int64(max(n.Lost, last.Lost)-last.Lost) //nolint:gosec // counts of packets
	went := int64(n.Sent - last.Sent)                                                      //nolint:gosec // likewise
	q.received, q.receivedLost = q.received+came, q.receivedLost+lost
	q.sent, q.sentLost = q.sent+went, q.sentLost+int64(float64(went)*n.SentLost+0.5)
	if n.RoundTrip > 0 {
		i, _ := slices.BinarySearch(tripBounds[:], n.RoundTrip.Milliseconds())
		q.trips[i]++
		q.WorstTrip = max(q.WorstTrip, n.RoundTrip)
	}
	if share(lost, came+lost) > poorLoss || went > 0 && n.SentLost > poorLoss || n.RoundTrip > poorTrip {
		q.Poor += step
	}
	q.Picture.take(step, last.Pictures, n.Pictures)
	if n.HasSound && last.HasSound && n.Sound == last.Sound {
		q.NoSound += step
	}
	if n.HasCamera && last.HasCamera && n.Picture == last.Picture {
		q.NoPicture += step
	}
}

func share(part, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// keep writes stays as they are now, each in the place of what was written of it before.
func (l *Line) keep(ctx context.Context, now time.Time, due []*stay) error {
	if len(due) == 0 {
		return nil
	}
	err := l.service.config.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, s := range due {
			q := s.sum
			_, err := tx.ExecContext(ctx, `INSERT INTO after_quality (visit_id, invitation_id, stay, ways, measured_ms, poor_ms, gone_ms, no_sound_ms, no_picture_ms, reconnections,
					received, received_lost, sent, sent_lost, trips, worst_trip_ms, pictures, frames) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (visit_id, invitation_id, stay) DO UPDATE SET ways = excluded.ways, measured_ms = excluded.measured_ms, poor_ms = excluded.poor_ms, gone_ms = excluded.gone_ms,
					no_sound_ms = excluded.no_sound_ms, no_picture_ms = excluded.no_picture_ms, reconnections = excluded.reconnections, received = excluded.received,
					received_lost = excluded.received_lost, sent = excluded.sent, sent_lost = excluded.sent_lost, trips = excluded.trips, worst_trip_ms = excluded.worst_trip_ms, pictures = excluded.pictures, frames = excluded.frames`,
				s.visit, s.invitation, s.id, strings.Join(q.Ways, " "), q.Measured.Milliseconds(), q.Poor.Milliseconds(), q.Gone.Milliseconds(), q.NoSound.Milliseconds(),
				q.NoPicture.Milliseconds(), q.Reconnections, q.received, q.receivedLost, q.sent, q.sentLost, numbers(q.trips[:]), q.WorstTrip.Milliseconds(),
				numbers(q.Picture.spans[:]), q.Picture.frames)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep how connections were: %w", err)
	}
	for _, s := range due {
		s.kept = now
	}
	return nil
}

// qualities reads how everybody's connection was in visits, by visit and invitation.
func qualities(ctx context.Context, q store.Queryer, visits ...string) (map[string]map[string]Quality, error) {
	type row struct {
		visit, invitation string
		one               Quality
	}
	all := map[string]map[string]Quality{}
	if len(visits) == 0 {
		return all, nil
	}
	in, args := store.In(visits)
	rows, err := store.Collect(ctx, q, func(r *sql.Rows) (x row, err error) {
		var ways, trips, pictures string
		var measured, poor, gone, noSound, noPicture, worst int64
		o := &x.one
		err = r.Scan(&x.visit, &x.invitation, &ways, &measured, &poor, &gone, &noSound, &noPicture, &o.Reconnections, &o.received, &o.receivedLost, &o.sent, &o.sentLost, &trips, &worst,
			&pictures, &o.Picture.frames)
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		o.Ways, o.Measured, o.Poor, o.Gone, o.NoSound, o.NoPicture, o.WorstTrip = strings.Fields(ways), ms(measured), ms(poor), ms(gone), ms(noSound), ms(noPicture), ms(worst)
		readNumbers(o.trips[:], trips)
		readNumbers(o.Picture.spans[:], pictures)
		return x, err
	}, `SELECT visit_id, invitation_id, ways, measured_ms, poor_ms, gone_ms, no_sound_ms, no_picture_ms, reconnections, received, received_lost, sent, sent_lost, trips, worst_trip_ms,
		pictures, frames FROM after_quality WHERE visit_id IN `+in+` ORDER BY stay`, args...)
	if err != nil {
		return nil, fmt.Errorf("read how connections were: %w", err)
	}
	for _, r := range rows {
		if all[r.visit] == nil {
			all[r.visit] = map[string]Quality{}
		}
		all[r.visit][r.invitation] = all[r.visit][r.invitation].and(r.one)
	}
	return all, nil
}

// numbers are sums as one column holds them.
func numbers(all []int64) string {
	var texts []string
	for _, n := range all {
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	return strings.Join(texts, " ")
}

// readNumbers reads what numbers wrote; what is not there is 0.
func readNumbers(into []int64, column string) {
	for i, n := range strings.Fields(column) {
		if i < len(into) {
			into[i], _ = strconv.ParseInt(n, 10, 64) // what we wrote
		}
	}
}

// and is the quality of two stays.
func (q Quality) and(o Quality) Quality {
	for _, way := range o.Ways {
		if !slices.Contains(q.Ways, way) {
			q.Ways = append(q.Ways, way)
		}
	}
	q.Measured, q.Poor, q.Gone, q.NoSound, q.NoPicture = q.Measured+o.Measured, q.Poor+o.Poor, q.Gone+o.Gone, q.NoSound+o.NoSound, q.NoPicture+o.NoPicture
	q.Reconnections += o.Reconnections
	q.received, q.receivedLost, q.sent, q.sentLost = q.received+o.received, q.receivedLost+o.receivedLost, q.sent+o.sent, q.sentLost+o.sentLost
	q.WorstTrip = max(q.WorstTrip, o.WorstTrip)
	q.Picture = q.Picture.and(o.Picture)
	q.LostFrom, q.LostTo = share(q.receivedLost, q.received+q.receivedLost), share(q.sentLost, q.sent)
	var total, before int64
	for i, n := range o.trips {
		q.trips[i] += n
		total += q.trips[i]
	}
	for i, n := range q.trips {
		if before += n; total > 0 && before*2 >= total {
			q.Trip = q.WorstTrip
			if i < len(tripBounds) {
				q.Trip = min(q.Trip, time.Duration(tripBounds[i])*time.Millisecond)
			}
			break
		}
	}
	return q
}
