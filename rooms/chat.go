package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
)

// Transcript keeps what is said in visits where it lasts. Its methods may take as long as their context lets them.
type Transcript interface {
	// Open gives what lasts of a visit to the host that opens its room; from then on whatever a host with a lower epoch wants kept is refused. So
	// is opening the room with an epoch that is not higher than all before, by an EpochUsedError.
	Open(ctx context.Context, visit string, epoch int64, latest int) (Record, error)
	// Keep returns when a line is kept for good, and gives it as it is kept: when its sender has used the id before, that is the earlier one.
	// ErrLost: a room of a higher epoch was opened.
	Keep(ctx context.Context, visit string, epoch int64, line Line) (Line, error)
	// KeepTold returns when what people who wait are told is kept for good, all of it or nothing. ErrLost: a room of a higher epoch was opened.
	KeepTold(ctx context.Context, visit string, epoch int64, notices []Notice) error
}

// EpochUsedError says that a room was opened with this epoch, or a higher one, before.
type EpochUsedError struct {
	Highest int64 // epoch the room was opened with
}

func (e *EpochUsedError) Error() string {
	return fmt.Sprintf("the room was opened with epoch %d before", e.Highest)
}

func (e *EpochUsedError) Unwrap() error { return fault.TryAgain }

// Record is what lasts of a visit's room, whoever hosted it.
type Record struct {
	Said    []Line    // the last lines, oldest first
	Private time.Time // since when private time is on; zero: it is off
	Told    []Notice  // the last that people who wait were told, oldest first
}

// Line is what was said, and to whom.
type Line struct {
	Said
	Audience []string // ids of the sessions that were admitted when it was said, also those away for a moment: nobody else is ever told
}

const (
	// keepWithin is how long a line may take to be kept before its sender is told that it was not.
	keepWithin = 3 * time.Second
	// mostUnkept is how many lines may wait to be kept.
	mostUnkept = 32
)

// say takes a line of chat. It is told to those in the visit, the sender too, once it is kept; in the order in which lines came. A line with an id
// the sender has used before was sent twice, and is told once. A line that was confided, in private time, is refused when that is over: it may have
// been on its way for long.
func (r *Room) say(m *member, id string, text phi.Text, confided bool) error {
	if !m.may(auth.VisitChat) {
		return fmt.Errorf("saying something: %w", fault.NotAllowed)
	}
	same := func(l Line) bool { return l.ID == id && l.From.ID == m.id }
	if slices.ContainsFunc(r.said, same) || slices.ContainsFunc(r.unkept, same) {
		return nil
	}
	if confided && r.private.IsZero() {
		return fmt.Errorf("saying something: %w", ErrPrivateOver)
	}
	if len(r.unkept) >= mostUnkept {
		return fmt.Errorf("saying something: %w", ErrNotKept)
	}
	r.unkept = append(r.unkept, Line{Said{ID: id, From: m.person(), Text: text, At: r.now()}, r.audience()})
	if len(r.unkept) == 1 {
		r.keepNext()
	}
	return nil
}

// audience is whom what is said now is for.
func (r *Room) audience() []string {
	var ids []string
	for _, a := range r.admitted {
		if (a.away.IsZero() || !a.left) && r.hears(a) {
			ids = append(ids, a.session)
		}
	}
	return ids
}

// keepNext has the first of the unkept lines kept, outside this goroutine: one at a time, so that they are kept in their order.
func (r *Room) keepNext() {
	line := r.unkept[0]
	r.host.outside(keepWithin, func(ctx context.Context) {
		kept, err := r.host.config.Transcript.Keep(ctx, r.visit, r.epoch, line)
		r.host.heed(r, err)
		r.tell(func() { r.wasKept(kept, err) })
	})
}

// wasKept tells the first of the unkept lines, or refuses it and, while nothing can be kept, those behind it: they would only wait as long and be
// refused as well.
func (r *Room) wasKept(kept Line, err error) {
	if err != nil {
		r.log.Warn("what was said cannot be kept", "lines", len(r.unkept), "cause", err)
		refused := r.unkept[:1]
		if errors.Is(err, fault.TryAgain) || errors.Is(err, context.DeadlineExceeded) {
			refused = r.unkept
		}
		r.unkept = r.unkept[len(refused):]
		for _, line := range refused {
			r.refuse(line.From.ID, Refused{Action: auth.VisitChat, About: line.ID, Err: ErrNotKept})
		}
		if len(r.unkept) > 0 {
			r.keepNext()
		}
		return
	}
	r.unkept = slices.Delete(r.unkept, 0, 1)
	r.said = append(r.said, kept)
	if len(r.said) > r.limits.Chat {
		r.said = slices.Delete(r.said, 0, len(r.said)-r.limits.Chat)
	}
	for _, m := range r.members {
		if m.place == Visit && slices.Contains(kept.Audience, m.id) {
			r.send(m, kept.Said)
		}
	}
	if len(r.unkept) > 0 {
		r.keepNext()
	}
}

// refuse tells a member, if it is still here, that something it asked for did not happen after all.
func (r *Room) refuse(id string, why Refused) {
	if m := r.member(id); m != nil {
		r.send(m, why)
	}
}

// saidTo returns what was said to a session, as far as it is remembered.
func (r *Room) saidTo(session string) []Said {
	var list []Said
	for _, line := range r.said {
		if slices.Contains(line.Audience, session) {
			list = append(list, line.Said)
		}
	}
	return list
}
