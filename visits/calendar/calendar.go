// Package calendar makes the calendar file of a visit for one person: what is attached to an e-mail so that their calendar adds the visit, moves it or
// takes it out (RFC 5545, 5546, 7986), and what somebody downloads. It does nothing but compute: the time is passed in.
// It must never say why somebody comes, name anybody but its reader, or hold a link that opens without the date of birth: calendars are shared.
package calendar

import (
	"slices"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/words"
)

// Purpose is why somebody gets a file.
type Purpose int

// The purposes.
const (
	Invite   Purpose = iota // the person is invited, or what holds has changed
	CallOff                 // the visit was called off
	Uninvite                // the visit stands, but this person is not invited any more
	Save                    // the person keeps it in a calendar by themself
)

// Method is the purpose in the words of RFC 5546.
func (p Purpose) Method() string {
	switch p {
	case CallOff, Uninvite:
		return "CANCEL"
	case Save:
		return "PUBLISH"
	}
	return "REQUEST"
}

// MediaType is the MIME type of a file, with the method, which mail programs look for there.
func (p Purpose) MediaType() string {
	return "text/calendar; method=" + p.Method() + "; charset=utf-8"
}

// FileName is what a file is called when it is kept, and SeriesName what one of several visits is.
const (
	FileName   = "visit.ics"
	SeriesName = "visits.ics"
)

// alarmBefore is how long before the start a calendar reminds its owner.
const alarmBefore = 15 * time.Minute

// Event is a visit as one person's calendar shows it.
type Event struct {
	UID      string // the visit's id: the same for everybody, for ever
	Sequence int    // of this entry, from 0; of two files with the same one the later counts (RFC 5546, section 2.1.5)
	Starts   time.Time
	Ends     time.Time
	Zone     *time.Location // in which the calendar keeps the times; nil, or one without a name of its own: UTC
	Created  time.Time      // when the visit was made
	Changed  time.Time      // when anything of it changed last; zero: not known

	Site      string // the hospital's name
	Service   string // named in the title; empty, unless the hospital says that its name tells nothing about a patient
	Phone     string // the hospital's number for when nothing else works; empty: none
	Organizer string // the hospital's e-mail address, or its https:// address where it has none

	Reader Person       // whose calendar it is
	Words  *words.Words // the reader's
	// Link is the reader's own. It stands in the file only when it AsksBirthDate: whoever sees the calendar could open it otherwise.
	Link          string
	AsksBirthDate bool
	Queue         string // address of the page from which the reader comes in, signed in; empty: they come by a link
}

// Person is whose calendar it is.
type Person struct {
	Name  phi.Text // empty: it does not stand in the file
	Email phi.Text // needed for every purpose but Save
	Role  auth.Role
}

// File is the file, made now, with a line break after every line.
func (e Event) File(p Purpose, now time.Time) []byte { return File([]Event{e}, p, now) }

// File is a file of several visits, each an event by itself. Of more than one its purpose must be Save: RFC 5546 has but one in an invitation (section 3.2.2).
func File(all []Event, p Purpose, now time.Time) []byte {
	var f writer
	f.line("BEGIN", "VCALENDAR")
	f.line("VERSION", "2.0")
	f.text("PRODID", "-//Housecall//Visits//EN")
	f.line("CALSCALE", "GREGORIAN")
	f.line("METHOD", p.Method())
	writeZones(&f, all)
	for _, e := range all {
		e.write(&f, p, now)
	}
	f.line("END", "VCALENDAR")
	return f.Bytes()
}

// writeZones writes each zone of the visits once, with what its clocks do around all of them.
func writeZones(f *writer, all []Event) {
	type span struct{ from, to time.Time }
	spans := map[string]span{}
	var zones []*time.Location
	for _, e := range all {
		zone := e.zone()
		if zone == nil {
			continue
		}
		s, known := spans[zone.String()]
		if !known {
			zones, s = append(zones, zone), span{e.Starts, e.Ends}
		}
		if e.Starts.Before(s.from) {
			s.from = e.Starts
		}
		if e.Ends.After(s.to) {
			s.to = e.Ends
		}
		spans[zone.String()] = s
	}
	for _, zone := range zones {
		writeZone(f, zone, spans[zone.String()].from, spans[zone.String()].to)
	}
}

// write writes the event.
func (e Event) write(f *writer, p Purpose, now time.Time) {
	zone := e.zone()
	f.line("BEGIN", "VEVENT")
	f.text("UID", e.UID)
	f.line("SEQUENCE", strconv.Itoa(e.Sequence))
	f.utc("DTSTAMP", now)
	f.utc("CREATED", e.Created)
	if !e.Changed.IsZero() {
		f.utc("LAST-MODIFIED", e.Changed)
	}
	f.moment("DTSTART", e.Starts, zone)
	f.moment("DTEND", e.Ends, zone)
	e.writePeople(f, p)
	e.writeTexts(f, p)
	switch p {
	case CallOff:
		f.line("STATUS", "CANCELLED")
	case Invite, Save:
		f.line("STATUS", "CONFIRMED")
	case Uninvite: // the visit itself stands, so RFC 5546 allows no status
	}
	f.line("CLASS", "PRIVATE")
	f.line("TRANSP", "OPAQUE")
	if p == Invite || p == Save {
		f.line("BEGIN", "VALARM")
		f.line("ACTION", "DISPLAY")
		f.line("TRIGGER", "-PT"+strconv.Itoa(int(alarmBefore.Minutes()))+"M")
		f.text("DESCRIPTION", e.Words.T("calendar.alarm", "minutes", int(alarmBefore.Minutes())), e.language())
		f.line("END", "VALARM")
	}
	f.line("END", "VEVENT")
}

// zone is the zone in which the times are written, or nil for UTC. An hour that comes twice in autumn would be taken for the first of the two.
func (e Event) zone() *time.Location {
	if e.Zone == nil || slices.Contains([]string{"", "UTC", "Local"}, e.Zone.String()) || comesTwice(e.Starts, e.Zone) || comesTwice(e.Ends, e.Zone) {
		return nil
	}
	return e.Zone
}

// writePeople names the hospital, and the reader where the method asks for it.
func (e Event) writePeople(f *writer, p Purpose) {
	f.line("ORGANIZER", address(e.Organizer), with("CN", e.Site))
	if p == Save {
		return
	}
	role := "REQ-PARTICIPANT"
	switch e.Reader.Role {
	case auth.Clinician:
		role = "CHAIR"
	case auth.Guest, auth.Observer:
		role = "OPT-PARTICIPANT"
	}
	params := []param{with("CUTYPE", "INDIVIDUAL"), with("ROLE", role), with("PARTSTAT", "NEEDS-ACTION")}
	if p == Invite {
		params = append(params, with("RSVP", "FALSE")) // nobody reads an answer: who can't come calls
	}
	if e.Reader.Name != "" {
		params = append(params, with("CN", e.Reader.Name.Reveal()))
	}
	f.line("ATTENDEE", address(e.Reader.Email.Reveal()), params...)
}

// writeTexts says what it is and what to do, in the reader's language, and where.
func (e Event) writeTexts(f *writer, p Purpose) {
	summary := e.Words.T("calendar.summary", "site", e.Site)
	if e.Service != "" {
		summary = e.Words.T("calendar.summary_service", "service", e.Service, "site", e.Site)
	}
	f.text("SUMMARY", summary, e.language())
	f.text("DESCRIPTION", e.description(p), e.language())
	if !e.showsLink(p) {
		return
	}
	f.line("URL", e.Link)
	f.text("LOCATION", e.Link)
	f.line("CONFERENCE", e.Link, with("VALUE", "URI"), with("FEATURE", "AUDIO", "VIDEO"),
		with("LABEL", e.Words.T("calendar.join")), e.language())
}

func (e Event) showsLink(p Purpose) bool {
	return e.Link != "" && e.AsksBirthDate && (p == Invite || p == Save)
}

// OwnWay says how the reader comes in where no link is told.
func (e Event) OwnWay() string {
	if e.Queue != "" {
		return e.Words.T("calendar.own_queue") + "\n" + e.Queue
	}
	return e.Words.T("calendar.own_link")
}

func (e Event) description(p Purpose) string {
	text, phone := e.OwnWay(), "calendar.phone"
	switch {
	case p == CallOff:
		text, phone = e.Words.T("calendar.cancelled"), "calendar.questions"
	case p == Uninvite:
		text, phone = e.Words.T("calendar.uninvited"), "calendar.questions"
	case e.showsLink(p):
		text = e.Words.T("calendar.open") + "\n" + e.Link + "\n\n" + e.Words.T("calendar.birth_date") + " " + e.Words.T("calendar.only")
	}
	if e.Phone != "" {
		text += "\n\n" + e.Words.T(phone, "phone", e.Phone)
	}
	return text
}

func (e Event) language() param { return with("LANGUAGE", e.Words.Tag) }
