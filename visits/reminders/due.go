package reminders

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/visits"
)

// The kinds of message, as the outbox knows them.
const (
	kindConfirmed = "visit.confirmed" // the visit is planned, or those of a series are; with a calendar file
	kindMoved     = "visit.moved"     // it is at another time; with a calendar file
	kindLink      = "visit.link"      // the person's link is another; with a calendar file
	kindReminder  = "visit.reminder"  // it is soon
	kindLate      = "visit.late"      // it begins later than planned
	kindCancelled = "visit.cancelled" // it was called off; with a calendar file that takes it out
	kindUninvited = "visit.uninvited" // the person is not invited any more; likewise
)

func kinds() []string {
	return []string{kindConfirmed, kindMoved, kindLink, kindReminder, kindLate, kindCancelled, kindUninvited}
}

// key names a message of a kind for ever.
type key struct {
	visit, invitation    string
	sequence, generation int    // of the visit and of the person's link
	detail               string // which reminder
}

func (k key) String() string {
	return strings.Join([]string{k.visit, k.invitation, strconv.Itoa(k.sequence), strconv.Itoa(k.generation), k.detail}, "|")
}

// person is how the keys of all that one person is told of a visit begin.
func (k key) person() string { return k.visit + "|" + k.invitation + "|" }

func parseKey(s string) (k key, err error) {
	parts := strings.Split(s, "|")
	if len(parts) != 5 {
		return key{}, fmt.Errorf("%d parts in a message's key", len(parts))
	}
	k.visit, k.invitation, k.detail = parts[0], parts[1], parts[4]
	if k.sequence, err = strconv.Atoi(parts[2]); err != nil {
		return key{}, err
	}
	k.generation, err = strconv.Atoi(parts[3])
	return k, err
}

// addressee is a person of a visit by one channel.
type addressee struct {
	invitation visits.Invitation
	channel    notify.Channel
	to         phi.Text
	language   string
}

// message is one to this addressee.
func (a addressee) message(kind string, k key, now time.Time) notify.Message {
	return notify.Message{Channel: a.channel, To: a.to, Kind: kind, Key: k.String(), Language: a.language, About: k.visit, At: now}
}

// said is a message that there is already, and that was not stopped.
type said struct {
	key
	kind    string
	channel notify.Channel
	state   notify.State
	at      time.Time // when it was put
	series  bool      // it tells of other visits of the series too
}

// told says whether its reader has it, as far as anybody knows, or is about to.
func (s said) told() bool { return s.state != notify.Failed }

// invites says whether it tells when the visit is.
func (s said) invites() bool {
	return s.kind == kindConfirmed || s.kind == kindMoved || s.kind == kindLink
}

// soonAfter is how long after being told of a visit people need not be reminded of it.
const soonAfter = time.Hour

// plan is all that says what is to be sent about a visit.
type plan struct {
	visit visits.Visit
	said  []said
	steps []Step
	zone  *time.Location // of the visit's site
	now   time.Time
	links func(visits.Invitation) bool // whether the person's link stands in messages
}

// due is what is to be sent to somebody now; ok is false where there is nothing.
func (p plan) due(a addressee) (kind string, k key, ok bool) {
	k = key{p.visit.ID, a.invitation.ID, p.visit.Sequence, p.generation(a.invitation), ""}
	own := p.heard(a)
	kind, k.detail = p.kind(a.invitation, own)
	there := slices.ContainsFunc(own, func(s said) bool {
		// That a visit is cancelled goes to another address only where it has not gone out.
		return s.kind == kind && (s.key == k || kind == kindCancelled && s.state != notify.Waiting && s.state != notify.Failed)
	})
	return kind, k, kind != "" && !there
}

// heard is what somebody was told by a channel. What tells of a series goes out by one channel alone, and counts for all.
func (p plan) heard(a addressee) []said {
	return slices.DeleteFunc(slices.Clone(p.said), func(s said) bool {
		return s.invitation != a.invitation.ID || s.channel != a.channel && (!s.series || !s.told())
	})
}

// hears says whether somebody is told by a channel that the visit has become what it is: they have the message, or it is about to go out. Where the change is yet
// to be made, what would be stopped by it has told nobody.
func (p plan) hears(a addressee) bool {
	p.said = slices.DeleteFunc(slices.Clone(p.said), func(s said) bool {
		return (s.state == notify.Waiting || s.state == notify.Failed) && !p.current(s)
	})
	if slices.ContainsFunc(p.heard(a), func(s said) bool { return p.current(s) && s.told() }) {
		return true
	}
	kind, _, due := p.due(a)
	return due && kind != kindReminder
}

// current says whether a message tells what has become of the visit last.
func (p plan) current(s said) bool {
	if p.visit.State == visits.Cancelled {
		return s.kind == kindCancelled
	}
	return s.invites() && s.sequence == p.visit.Sequence
}

// generation is that of the link which stands in somebody's messages. Where none does it counts how often their address was mended, below zero: 0 at first.
func (p plan) generation(i visits.Invitation) int {
	if !p.links(i) {
		return -i.Mended
	}
	return i.Generation
}

// kind is what an invited person should have been told last, who has been told own; empty: nothing.
func (p plan) kind(i visits.Invitation, own []said) (kind, detail string) {
	v := p.visit
	own = slices.DeleteFunc(slices.Clone(own), func(s said) bool { // it waits, and will not go out
		return s.state == notify.Waiting && s.invites() && (s.sequence != v.Sequence || s.generation != p.generation(i))
	})
	invited := slices.ContainsFunc(own, func(s said) bool { return s.invites() && s.told() })
	switch {
	case v.State == visits.Ended || v.State == visits.NoShow || !p.now.Before(v.EndsAt):
		return "", ""
	case i.Revoked() && invited && !slices.ContainsFunc(own, func(s said) bool { return s.kind == kindUninvited }):
		return kindUninvited, ""
	case i.Revoked():
		return "", ""
	case v.State == visits.Cancelled && invited:
		return kindCancelled, ""
	case v.State == visits.Cancelled:
		return "", ""
	}
	current := slices.IndexFunc(own, func(s said) bool { return s.invites() && s.sequence == v.Sequence && s.generation == p.generation(i) })
	switch {
	case current >= 0:
		return p.reminder(i, own[current].at)
	case !invited:
		return kindConfirmed, ""
	case slices.ContainsFunc(own, func(s said) bool { return s.invites() && s.sequence == v.Sequence }),
		v.State == visits.InProgress && !slices.ContainsFunc(own, func(s said) bool { return s.invites() && s.generation == p.generation(i) }):
		if !p.links(i) { // it went to an address that was wrong
			return kindConfirmed, ""
		}
		return kindLink, ""
	case v.State == visits.InProgress: // only its end has moved
		return "", ""
	}
	return kindMoved, ""
}

// reminder is the last one whose time has come since somebody was told of the visit. The hospital's own people are not reminded.
func (p plan) reminder(i visits.Invitation, told time.Time) (kind, detail string) {
	if i.Role == auth.Clinician || i.Role == auth.Observer || p.visit.State == visits.InProgress || !p.now.Before(p.visit.StartsAt) {
		return "", ""
	}
	var last time.Time
	for _, s := range p.steps {
		at := s.at(p.visit.StartsAt, p.zone)
		if at.After(p.now) || at.Before(told.Add(soonAfter)) || !at.After(last) {
			continue
		}
		last, kind, detail = at, kindReminder, s.String()
	}
	return kind, detail
}

// reminded says whether a family that is told of the visit now is reminded of it later.
func (p plan) reminded() bool {
	return slices.ContainsFunc(p.times(), func(at time.Time) bool { return !at.Before(p.now.Add(soonAfter)) })
}

// times are when people will be reminded, in their order.
func (p plan) times() (all []time.Time) {
	if p.visit.State.Over() {
		return nil
	}
	for _, s := range p.steps {
		if t := s.at(p.visit.StartsAt, p.zone); t.After(p.now) && t.Before(p.visit.StartsAt) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
