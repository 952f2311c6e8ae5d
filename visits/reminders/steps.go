package reminders

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/platform/sites"
)

// Step is a time before the start of a visit at which people are reminded: so many days before, or so long.
type Step struct {
	Days   int
	Before time.Duration // where Days is 0
}

// DefaultSteps are three days, one day and one hour before.
func DefaultSteps() []Step { return []Step{{Days: 3}, {Days: 1}, {Before: time.Hour}} }

// Reminders of days before are sent while people are awake.
const (
	firstClock = 9 * time.Hour // since midnight
	lastClock  = 19 * time.Hour
)

const (
	maxSteps = 6
	maxDays  = 60
)

var stepForm = regexp.MustCompile(`^([1-9][0-9]{0,2})([dhm])$`)

// ParseSteps reads steps as in "3d,1d,1h": days, hours or minutes before the start. "none" is none.
func ParseSteps(s string) ([]Step, error) {
	if s == "none" {
		return []Step{}, nil
	}
	var steps []Step
	for part := range strings.SplitSeq(s, ",") {
		found := stepForm.FindStringSubmatch(strings.TrimSpace(part))
		if found == nil {
			return nil, fmt.Errorf("%q is no time before a visit: write 3d, 1h or 30m", part)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return nil, err
		}
		step := Step{Before: time.Duration(n) * time.Hour}
		switch found[2] {
		case "d":
			step = Step{Days: n}
		case "m":
			step.Before = time.Duration(n) * time.Minute
		}
		if step.Days > maxDays || slices.Contains(steps, step) {
			return nil, fmt.Errorf("%q is too far ahead, or there twice", part)
		}
		steps = append(steps, step)
	}
	if len(steps) > maxSteps {
		return nil, fmt.Errorf("%d reminders are too many: at most %d", len(steps), maxSteps)
	}
	return steps, nil
}

// String is the step as ParseSteps reads it.
func (s Step) String() string {
	switch {
	case s.Days > 0:
		return strconv.Itoa(s.Days) + "d"
	case s.Before%time.Hour == 0:
		return strconv.Itoa(int(s.Before/time.Hour)) + "h"
	}
	return strconv.Itoa(int(s.Before/time.Minute)) + "m"
}

// daysBefore says whether a step, as String writes it, is days before the visit: time enough to help somebody whose devices do not do.
func daysBefore(step string) bool { return strings.HasSuffix(step, "d") }

// at is when people are reminded of a visit. Days before it is at the visit's own time of day, as clocks in zone show it, but neither at night nor early.
func (s Step) at(starts time.Time, zone *time.Location) time.Time {
	if s.Days == 0 {
		return starts.Add(-s.Before)
	}
	local := starts.In(zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	return (sites.DayOf(starts, zone) - sites.Day(s.Days)).At(min(max(clock, firstClock), lastClock), zone)
}
