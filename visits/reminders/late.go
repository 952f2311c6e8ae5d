package reminders

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/visits"
)

// Limits of how late a visit can be said to begin.
const (
	MinLate = 5 // minutes
	MaxLate = 180

	// lateWithin is how long before the start people are told: sooner than that the visit is better moved.
	lateWithin = 12 * time.Hour

	// lateAgain is for how long after a notice the same minutes are that notice once more: a form or a request that was sent twice.
	lateAgain = 5 * time.Minute
)

// latest is notify.ErrNotNeeded where somebody has been said to be told anew by the same channel how late a visit is, since the message of a key was put: it waited
// for a way, and what is sent after the later one would seem to be what holds.
func (s *Service) latest(ctx context.Context, channel notify.Channel, of key) error {
	all, err := s.config.Outbox.About(ctx, of.visit)
	if err != nil {
		return err
	}
	for _, m := range all {
		k, err := parseKey(m.Key)
		if err == nil && m.Kind == kindLate && m.Channel == channel && k.invitation == of.invitation && k.sequence == of.sequence && noticeOf(k.detail) > noticeOf(of.detail) {
			return notify.ErrNotNeeded
		}
	}
	return nil
}

// noticeOf reads which notice the detail of a key is of: an id, in the order in which they were given.
func noticeOf(detail string) string {
	_, notice, _ := strings.Cut(detail, "-")
	return notice
}

// notice is which notice it is that a visit begins so many minutes later: that which was given last, where it said the same a moment ago, or else a new one.
func (s *Service) notice(ctx context.Context, v visits.Visit, minutes int) (id string, again bool, err error) {
	all, err := s.config.Outbox.About(ctx, v.ID)
	if err != nil {
		return "", false, err
	}
	var last key
	var at time.Time
	for _, m := range all {
		k, err := parseKey(m.Key)
		if err == nil && m.Kind == kindLate && k.sequence == v.Sequence && noticeOf(k.detail) > noticeOf(last.detail) {
			last, at = k, m.At
		}
	}
	if minutesOf(last.detail) == minutes && s.now().Before(at.Add(lateAgain)) {
		return noticeOf(last.detail), true, nil
	}
	return store.NewID(), false, nil
}

// minutesOf reads the detail of a notice's key; 0: it is none.
func minutesOf(detail string) int {
	minutes, _, _ := strings.Cut(detail, "-")
	n, err := strconv.Atoi(minutes)
	if err != nil {
		return 0
	}
	return n
}

// soon is a conflict unless a visit is about to begin.
func (s *Service) soon(v visits.Visit) error {
	if now := s.now(); v.State == visits.Scheduled && !now.Before(v.StartsAt.Add(-lateWithin)) && now.Before(v.EndsAt) || v.State == visits.Open {
		return nil
	}
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "not_soon", Detail: "The visit has begun, is over, or is not today."}
}

// Late tells the people of a visit who are not the hospital's that it begins so many minutes later, also on the screens of those who wait, and says how many messages go out. The visit stays where it
// is. The same minutes said again within lateAgain are the same notice: who was told of it is not told anew, and counts. What is wrong with minutes is fault.NotValid; of a visit that has begun, is over or is not soon, it is a conflict.
func (s *Service) Late(ctx context.Context, actor auth.Actor, visit string, minutes int) (messages int, err error) {
	return s.LateIf(ctx, actor, visit, minutes, func(visits.Visit) error { return nil })
}

// LateIf is Late for a visit that is right as it is, which judge says within the act.
func (s *Service) LateIf(ctx context.Context, actor auth.Actor, visit string, minutes int, judge func(visits.Visit) error) (messages int, err error) {
	act := store.Act{At: s.now(), Actor: actor, Action: string(Late), Subject: store.About("visit", visit)}
	err = s.config.DB.Do(ctx, act, s.config.Policy.Allows(actor, Late), func(tx *store.Tx, a *store.Act) error {
		v, err := s.config.Visits.VisitIn(ctx, tx, visit)
		if err != nil {
			return err
		}
		if actor.Role == auth.Clinician && !v.Leads(actor) {
			return fault.NotFound
		}
		if err := judge(v); err != nil {
			return err
		}
		all, err := s.addressees(ctx, v)
		if err != nil {
			return err
		}
		if minutes < MinLate || minutes > MaxLate {
			return fault.Invalid("minutes", fmt.Sprintf("must be from %d to %d", MinLate, MaxLate))
		}
		if err := s.soon(v); err != nil {
			return err
		}
		notice, again, err := s.notice(ctx, v, minutes)
		if err != nil {
			return err
		}
		for _, addressed := range all {
			i := addressed.invitation
			if i.Revoked() || i.Role == auth.Clinician || i.Role == auth.Observer {
				continue
			}
			k := key{v.ID, i.ID, v.Sequence, 0, strconv.Itoa(minutes) + "-" + notice}
			if err := s.config.Outbox.Put(ctx, tx, addressed.message(kindLate, k, s.now())); err != nil {
				return err
			}
			messages++
		}
		if err := s.config.Visits.KeepLate(ctx, tx, v, minutes); err != nil {
			return err
		}
		a.Detail = fmt.Sprintf("minutes %d, messages %d", minutes, messages)
		if again {
			a.Detail += ", as before"
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return messages, nil
}
