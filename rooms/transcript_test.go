package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"housecall/platform/fault"
)

// records are where things last in tests: in memory, of one database for all hosts.
type records struct {
	mu    sync.Mutex
	away  bool          // nothing can be kept
	held  chan struct{} // while not nil, and not closed, keeping waits
	waits int           // so many do
	lines []Line
	told  []Notice
	since time.Time // of private time
	epoch int64
	ends  []Event
}

var errAway = fault.Away(errors.New("gone"))

func (d *records) Open(_ context.Context, _ string, epoch int64, latest int) (Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return Record{}, errAway
	}
	if epoch <= d.epoch {
		return Record{}, &EpochUsedError{d.epoch}
	}
	d.epoch = epoch
	return Record{Said: slices.Clone(d.lines[max(0, len(d.lines)-latest):]), Private: d.since, Told: slices.Clone(d.told)}, nil
}

func (d *records) Keep(ctx context.Context, _ string, epoch int64, line Line) (Line, error) {
	d.wait(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if epoch < d.epoch {
		return Line{}, fmt.Errorf("%w: %w", ErrLost, errAway)
	}
	if d.away {
		return Line{}, errAway
	}
	if i := slices.IndexFunc(d.lines, func(l Line) bool { return l.ID == line.ID && l.From.ID == line.From.ID }); i >= 0 {
		return d.lines[i], nil
	}
	d.lines = append(d.lines, line)
	return line, nil
}

func (d *records) KeepTold(ctx context.Context, _ string, epoch int64, notices []Notice) error {
	d.wait(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case epoch < d.epoch:
		return fmt.Errorf("%w: %w", ErrLost, errAway)
	case d.away:
		return errAway
	}
	for _, n := range notices {
		if !slices.ContainsFunc(d.told, func(o Notice) bool { return o.Member == n.Member && o.By == n.By && o.ID == n.ID }) {
			d.told = append(d.told, n)
		}
	}
	return nil
}

func (d *records) write(ctx context.Context, e Event) error {
	d.wait(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errAway
	}
	if e.Epoch < d.epoch {
		return ErrLost
	}
	switch e.Kind {
	case EventEnded:
		d.ends = append(d.ends, e)
	case EventPrivateStarted:
		d.since = e.At
	case EventPrivateEnded:
		d.since = time.Time{}
	}
	return nil
}

// wait is how slow a database may be.
func (d *records) wait(ctx context.Context) {
	d.mu.Lock()
	held := d.held
	d.waits++
	d.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
	d.mu.Lock()
	d.waits--
	d.mu.Unlock()
}

// waiting is how many wait until they may keep something.
func (d *records) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waits
}

// goAway lets everything fail, or work again.
func (d *records) goAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

// hold makes keeping wait until release.
func (d *records) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := make(chan struct{})
	d.held = held
	return func() { close(held) }
}

// notices returns all that was told.
func (d *records) notices() []Notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told)
}

// kept returns all lines.
func (d *records) kept() []Line {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}
