package desk

import (
	"strings"
	"time"

	"housecall/platform/words"
	"housecall/visits"
)

// checkView is a device check in words.
type checkView struct {
	State stateView
	More  string // what went wrong, in which browser, when
}

// newCheckView says a device check in words; nil: none was made.
func newCheckView(c *visits.DeviceCheck, zone *time.Location, own *words.Words) *checkView {
	if c == nil {
		return nil
	}
	view := checkView{State: checkState(c, own)}
	var more []string
	for _, name := range c.Faults() {
		more = append(more, own.T("checked."+name))
	}
	if c.Browser != "" {
		more = append(more, c.Browser)
	}
	view.More = strings.Join(append(more, own.Moment(c.At.In(zone))), " · ")
	return &view
}

// checkState says a device check in short; of nil, that was not made, nothing.
func checkState(c *visits.DeviceCheck, own *words.Words) stateView {
	switch {
	case c == nil:
		return stateView{}
	case c.NeedsHelp():
		return stateView{own.T("desk.check.help"), "danger"}
	case c.Passed():
		return stateView{own.T("desk.check.passed"), "good"}
	}
	return stateView{own.T("desk.check.part"), ""}
}

// CheckWords say how somebody's device check went: in short, in which tone, and what did not do well, with when it was. No check, no words.
func CheckWords(c *visits.DeviceCheck, zone *time.Location, own *words.Words) (state, tone, more string) {
	view := newCheckView(c, zone, own)
	if view == nil {
		return "", "", ""
	}
	return view.State.Text, view.State.Tone, view.More
}

// devicesState says in lists how the devices did that were tested before a visit to come: the worst of them, and fine only where all of the family tested theirs who are told of it.
// Where nobody did it says nothing.
func (d *Desk) devicesState(v visits.Visit, t visits.Tested, own *words.Words) stateView {
	switch {
	case d.config.Visits.Over(v) || !v.ToCome():
		return stateView{}
	case t.Part && t.Worst != nil && t.Worst.Passed():
		return stateView{own.T("desk.check.part"), ""}
	}
	return checkState(t.Worst, own)
}
