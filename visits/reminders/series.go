package reminders

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/visits"
	"housecall/visits/calendar"
)

// confirmation is somebody who is to be told that a visit of a series is planned.
type confirmation struct {
	addressee
	key    key
	due    bool // or it waits in a message that has not gone out
	linked bool // a link stands in their messages
	comes  bool // and a reminder brings it
}

// reader is somebody as the visits of a series invite them: who is called and written to in the same way in several visits is one person.
type reader struct {
	channel              notify.Channel
	to                   phi.Text
	language             string
	role                 auth.Role
	name                 phi.Text
	contact, staff, site string
	linked               bool
	nth                  int // of several in one visit who are the same in all that
}

// confirmations are the messages that tell people of the visits of a series which they know nothing of: each person gets one for all of them. What waits to go
// out joins what is new.
func (s *Service) confirmations(ctx context.Context, series string) ([]notify.Message, error) {
	all, err := s.config.Visits.InSeries(ctx, series)
	if err != nil {
		return nil, err
	}
	found := map[reader][]confirmation{}
	var readers []reader
	for _, v := range all {
		own, err := s.toConfirm(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, c := range own {
			r := reader{channel: c.channel, to: c.to, language: c.language, role: c.invitation.Role, name: c.invitation.Name, contact: c.invitation.ContactID,
				staff: c.invitation.StaffID, site: v.SiteID, linked: c.linked}
			for len(found[r]) > 0 && found[r][len(found[r])-1].key.visit == v.ID {
				r.nth++
			}
			if found[r] == nil {
				readers = append(readers, r)
			}
			found[r] = append(found[r], c)
		}
	}
	return s.inOne(series, readers, found), nil
}

// toConfirm are those who are to be told that a visit is planned.
func (s *Service) toConfirm(ctx context.Context, v visits.Visit) (all []confirmation, err error) {
	if v.State.Over() {
		return nil, nil
	}
	addressees, err := s.addressees(ctx, v)
	if err != nil {
		return nil, err
	}
	p, err := s.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	for _, a := range addressees {
		kind, k, due := p.due(a)
		due = due && kind == kindConfirmed
		k.detail = ""
		waits := slices.ContainsFunc(p.said, func(m said) bool {
			return m.series && m.kind == kindConfirmed && m.key == k && m.channel == a.channel && m.state == notify.Waiting
		})
		if due || waits {
			all = append(all, confirmation{a, k, due, p.links(a.invitation), p.reminded()})
		}
	}
	return all, nil
}

// inOne makes one message for each reader. Who gets an e-mail gets no SMS with it. An SMS has the link of its first visit alone, so those that no reminder will
// come for are told by themselves.
func (s *Service) inOne(series string, readers []reader, found map[reader][]confirmation) (messages []notify.Message) {
	written := map[string]bool{}                                                                       // an e-mail for several visits, by invitation
	slices.SortStableFunc(readers, func(a, b reader) int { return cmp.Compare(a.channel, b.channel) }) // e-mail first
	for _, r := range readers {
		var alone, together []confirmation
		for _, c := range found[r] {
			switch {
			case r.channel == notify.SMS && written[c.invitation.ID]:
			case r.channel == notify.SMS && c.linked && !c.comes && len(together) > 0:
				alone = append(alone, c)
			default:
				together = append(together, c)
			}
		}
		if len(together) < 2 {
			alone, together = append(alone, together...), nil
		}
		for _, c := range alone {
			if c.due {
				messages = append(messages, c.message(kindConfirmed, c.key, s.now()))
			}
		}
		for _, c := range together {
			written[c.invitation.ID] = true
		}
		if slices.ContainsFunc(together, func(c confirmation) bool { return c.due }) {
			messages = append(messages, s.together(series, together))
		}
	}
	return messages
}

// together is the message that tells somebody of several visits.
func (s *Service) together(series string, all []confirmation) notify.Message {
	m := notify.Message{Channel: all[0].channel, To: all[0].to, Kind: kindConfirmed, Language: all[0].language, About: series, At: s.now()}
	hash := sha256.New()
	for _, c := range all {
		m.Parts = append(m.Parts, notify.Part{About: c.key.visit, Key: c.key.String()})
		hash.Write([]byte(c.key.String() + "\n"))
	}
	m.Key = series + "|" + hex.EncodeToString(hash.Sum(nil))
	return m
}

// composeSeries makes the text of a message about several visits of a series, of those that it still holds of.
func (s *Service) composeSeries(ctx context.Context, m notify.Message) (notify.Content, error) {
	var all letters
	var tells []string
	for _, part := range m.Parts {
		l, err := s.letter(ctx, m, part.Key)
		if errors.Is(err, notify.ErrNotNeeded) {
			continue
		}
		if err != nil {
			return notify.Content{}, err
		}
		all, tells = append(all, l), append(tells, part.Key)
	}
	var c notify.Content
	switch len(all) {
	case 0:
		return notify.Content{}, notify.ErrNotNeeded
	case 1:
		c = all[0].content(s.now())
	default:
		slices.SortStableFunc(all, func(a, b letter) int { return a.event.Starts.Compare(b.event.Starts) })
		c = all.content(s.now())
	}
	c.Tells = tells
	return c, nil
}

// letters are those of several visits to one reader, two at least, the earliest first.
type letters []letter

func (all letters) content(now time.Time) notify.Content {
	first := all[0]
	c := notify.Content{Subject: phi.Text(first.say("reminders.subject.series")), Text: first.join(all.paragraphs())}
	if !first.sms {
		var events []calendar.Event
		for _, l := range all {
			events = append(events, l.event)
		}
		c.Attachments = []notify.Attachment{{Name: calendar.SeriesName, Type: calendar.Save.MediaType(), Body: calendar.File(events, calendar.Save, now)}}
	}
	return c
}

// paragraphs are what the message says: all dates, each with its link in an e-mail, and the link of the first in an SMS, which is not to be long.
func (all letters) paragraphs() []string {
	first := all[0]
	said := []string{first.say("reminders.series") + "\n" + strings.Join(all.dates(), "\n")}
	reminded := !slices.ContainsFunc(all[1:], func(l letter) bool { return !l.reminded })
	switch {
	case first.link == "":
		said = append(said, first.event.OwnWay())
	case first.sms:
		said = append(said, first.T("reminders.series_first")+"\n"+first.link)
	default:
		said = append(said, first.T("reminders.series_open"))
	}
	if first.link != "" {
		said = append(said, first.T("calendar.birth_date")+" "+first.T("reminders.series_only"))
		if reminded {
			said = append(said, first.T("reminders.series_later"))
		}
	}
	if first.event.Phone != "" {
		said = append(said, first.T("calendar.phone", "phone", first.event.Phone))
	}
	return said
}

// dates are a line for each visit. An SMS says the year where it is another than before.
func (all letters) dates() (lines []string) {
	year := 0
	for _, l := range all {
		starts := l.event.Starts.In(l.event.Zone)
		line := l.T("date.moment", "date", l.Day(starts), "time", l.Clock(starts))
		switch {
		case l.sms && starts.Year() == year:
			line = l.DayMonth(starts) + " " + l.Clock(starts)
		case l.sms:
			line = l.Date(starts) + " " + l.Clock(starts)
		case l.link != "":
			line += " <" + l.link + ">"
		}
		year = starts.Year()
		lines = append(lines, line)
	}
	return lines
}
