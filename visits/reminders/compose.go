package reminders

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/calendar"
)

// compose makes the text of a message that is about to be sent, unless it is not needed any more.
func (s *Service) compose(ctx context.Context, m notify.Message) (notify.Content, error) {
	if len(m.Parts) > 0 {
		return s.composeSeries(ctx, m)
	}
	l, err := s.letter(ctx, m, m.Key)
	if err != nil {
		return notify.Content{}, err
	}
	return l.content(s.now()), nil
}

// letter is what a message says of the visit of a key. Errors: notify.ErrNotNeeded.
func (s *Service) letter(ctx context.Context, m notify.Message, of string) (letter, error) {
	k, err := parseKey(of)
	if err != nil {
		return letter{}, err
	}
	v, err := s.config.Visits.Visit(ctx, k.visit)
	if errors.Is(err, fault.NotFound) {
		return letter{}, notify.ErrNotNeeded
	}
	if err != nil {
		return letter{}, err
	}
	at := slices.IndexFunc(v.Invitations, func(i visits.Invitation) bool { return i.ID == k.invitation })
	if at < 0 || !s.holds(v, v.Invitations[at], m.Kind, k) {
		return letter{}, notify.ErrNotNeeded
	}
	i := v.Invitations[at]
	if m.Kind == kindLate {
		if err := s.latest(ctx, m.Channel, k); err != nil {
			return letter{}, err
		}
	}
	reach, err := s.config.Visits.ReachOf(ctx, v, i)
	if err != nil {
		return letter{}, err
	}
	if to := map[notify.Channel]phi.Text{notify.Email: reach.Email, notify.SMS: reach.Phone}[m.Channel]; to != m.To {
		return letter{}, notify.ErrNotNeeded // it is somebody else's by now, or must not be written to
	}
	own := s.config.Words.In(m.Language)
	event, err := s.config.Visits.CalendarEvent(ctx, v, i, own)
	if err != nil {
		return letter{}, err
	}
	event.Reader.Email = m.To
	shared := false
	if m.Kind == kindUninvited && m.Channel == notify.Email {
		if shared, err = s.shared(ctx, v, m.To); err != nil {
			return letter{}, err
		}
	}
	if i.Role == auth.Patient {
		event.Reader.Name = "" // others may read a child's mail
	}
	return letter{Words: own, event: event, kind: m.Kind, minutes: minutesOf(k.detail), sms: m.Channel == notify.SMS, shared: shared, link: s.config.Visits.LinkToSend(v, i),
		test:     m.Kind == kindReminder && daysBefore(k.detail) && (i.Check == nil || !i.Check.Passed()),
		reminded: plan{visit: v, steps: s.config.Steps, zone: event.Zone, now: s.now()}.reminded()}, nil
}

// shared says whether an e-mail address is that of somebody who is invited to a visit. A calendar holds the visit once for all who read it there.
func (s *Service) shared(ctx context.Context, v visits.Visit, address phi.Text) (bool, error) {
	for _, i := range v.Invitations {
		if i.Revoked() {
			continue
		}
		reach, err := s.config.Visits.ReachOf(ctx, v, i)
		if err != nil {
			return false, err
		}
		if strings.EqualFold(reach.Email.Reveal(), address.Reveal()) {
			return true, nil
		}
	}
	return false, nil
}

// holds says whether what a message tells is so.
func (s *Service) holds(v visits.Visit, i visits.Invitation, kind string, k key) bool {
	switch kind {
	case kindCancelled:
		return v.State == visits.Cancelled && !i.Revoked() && k.reaches(i)
	case kindUninvited:
		return i.Revoked()
	}
	if v.State.Over() || i.Revoked() || k.sequence != v.Sequence || !s.now().Before(v.EndsAt) {
		return false
	}
	switch kind {
	case kindReminder:
		return s.now().Before(v.StartsAt)
	case kindLate:
		return v.State != visits.InProgress
	}
	return k.reaches(i)
}

// reaches says whether a message is for the link and the address that somebody has.
func (k key) reaches(i visits.Invitation) bool {
	return k.generation == -i.Mended || k.generation > 0 && k.generation == i.Generation
}

// letter is a message on its way to words.
type letter struct {
	*words.Words
	event   calendar.Event
	kind    string
	minutes int // later than planned
	sms     bool
	shared  bool   // the reader's e-mail address is also that of somebody who is still invited
	link    string // empty: none stands in it
	test    bool   // it asks the reader to test their devices

	reminded bool // the reader is reminded of the visit later
}

// say says something of the message's kind, with where and when the visit is.
func (l letter) say(key string, more ...any) string {
	starts := l.event.Starts.In(l.event.Zone)
	return l.T(key, append([]any{"site", l.event.Site, "day", l.Day(starts), "time", l.Clock(starts), "zone", l.Zone(l.event.Zone)}, more...)...)
}

// about is the part of a key of the catalogues that names the message's kind.
func (l letter) about() string { return strings.TrimPrefix(l.kind, "visit.") }

func (l letter) content(now time.Time) notify.Content {
	c := notify.Content{Subject: phi.Text(l.say("reminders.subject." + l.about()))}
	c.Text = l.join(l.paragraphs())
	purpose, attached := map[string]calendar.Purpose{kindConfirmed: calendar.Invite, kindMoved: calendar.Invite, kindLink: calendar.Invite,
		kindCancelled: calendar.CallOff, kindUninvited: calendar.Uninvite}[l.kind]
	if attached && !l.sms && !l.shared {
		c.Attachments = []notify.Attachment{{Name: calendar.FileName, Type: purpose.MediaType(), Body: l.event.File(purpose, now)}}
	}
	return c
}

// join makes one text of paragraphs.
func (l letter) join(paragraphs []string) phi.Text {
	between := "\n\n"
	if l.sms {
		between = "\n"
	}
	return phi.Text(strings.Join(paragraphs, between))
}

// paragraphs are what the message says.
func (l letter) paragraphs() []string {
	var all []string
	switch l.kind {
	case kindLate:
		all = append(all, l.N("reminders.late", l.minutes), l.say("reminders.confirmed"))
	default:
		all = append(all, l.say("reminders."+l.about()))
	}
	phone := "calendar.questions"
	if l.kind != kindCancelled && l.kind != kindUninvited {
		all, phone = append(all, l.way()...), "calendar.phone"
	}
	if l.test {
		all = append(all, l.T("reminders.test"))
	}
	if l.event.Phone != "" {
		all = append(all, l.T(phone, "phone", l.event.Phone))
	}
	return all
}

// way says how to come in.
func (l letter) way() []string {
	if l.link == "" {
		return []string{l.event.OwnWay()}
	}
	return []string{l.T("calendar.open") + "\n" + l.link, l.T("calendar.birth_date") + " " + l.T("calendar.only")}
}
