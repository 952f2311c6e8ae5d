// Package visits holds appointments and their invitations: creating, listing, cancelling, the links people come by, and the sessions
// and passes those links turn into. SQL owns all of it, and every act is written together with its audit row.
// It must never let a name or a birth date into a log or an address, and never tell anything to somebody without a valid code.
package visits

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/typed"
)

// State is where a visit stands.
type State string

// The states: scheduled → open → in_progress → ended, or cancelled, or no_show.
const (
	Scheduled  State = "scheduled"   // planned
	Open       State = "open"        // somebody is in its room, nobody was admitted yet
	InProgress State = "in_progress" // a patient was admitted, or whoever else waited
	Ended      State = "ended"       // it took place
	Cancelled  State = "cancelled"   // called off before it took place
	NoShow     State = "no_show"     // nobody came: its window closed and nobody had been admitted, or who leads it said so before
)

// States returns every state, in the order of a visit's life.
func States() []State { return []State{Scheduled, Open, InProgress, Ended, Cancelled, NoShow} }

// Over says whether the visit is over: its links work no more, and no event moves it. But those who come late to a NoShow whose window is open are let
// wait, and then it is none any more.
func (s State) Over() bool { return s == Ended || s == Cancelled || s == NoShow }

// event is something that may move a visit to another state.
type event string

const (
	eventOpened   event = "opened"   // its room opened
	eventAdmitted event = "admitted" // somebody was admitted
	eventEnded    event = "ended"    // somebody ended it for everyone
	eventCancel   event = "cancel"   // a scheduler calls it off
	eventClose    event = "close"    // its window closes
	eventNoShow   event = "no_show"  // who leads it says that nobody came
	eventCame     event = "came"     // the family came
)

// next returns the state an event leads to, and false when the event is not possible. Events that come twice change nothing. Calling
// off a visit that has begun ends it: it took place, as far as it went.
func next(s State, e event) (State, bool) {
	switch s {
	case Scheduled, Open:
		switch e {
		case eventOpened:
			return Open, true
		case eventAdmitted:
			return InProgress, true
		case eventEnded:
			return Ended, true
		case eventCancel:
			return Cancelled, true
		case eventClose, eventNoShow:
			return NoShow, true
		case eventCame:
			return s, true
		}
	case InProgress:
		switch e {
		case eventOpened, eventAdmitted, eventCame:
			return InProgress, true
		case eventEnded, eventCancel, eventClose:
			return Ended, true
		}
	case Ended:
		return Ended, e == eventEnded || e == eventClose
	case Cancelled:
		return Cancelled, e == eventCancel
	case NoShow:
		switch e {
		case eventOpened, eventEnded, eventClose, eventNoShow: // whoever is there works here
			return NoShow, true
		case eventCame:
			return Open, true
		case eventAdmitted:
			return InProgress, true
		}
	}
	return s, false
}

// Window is when links work, around the planned time.
type Window struct {
	OpensBefore time.Duration // the start
	ClosesAfter time.Duration // the planned end
}

// DefaultWindow opens half an hour before the start and closes two hours after the planned end.
func DefaultWindow() Window { return Window{OpensBefore: 30 * time.Minute, ClosesAfter: 2 * time.Hour} }

// Visit is an appointment.
type Visit struct {
	ID           string
	Service      string    // "Cardiology"
	StartsAt     time.Time // UTC, like all times here
	EndsAt       time.Time // as planned
	OpensAt      time.Time // when its links begin to work
	ClosesAt     time.Time // when they end
	State        State
	StateAt      time.Time // when the state was entered
	AskBirthDate bool      // whether the family's links ask for the patient's date of birth
	BirthDate    phi.Text  // YYYY-MM-DD; empty: not known
	CreatedAt    time.Time
	Booking
	SeriesID    string       // of visits that were made together by repeating one; empty: none
	Sequence    int          // of its calendar entry (RFC 5545 section 3.8.7.4): from 0, one more with each move and with the cancellation
	Invitations []Invitation // in the order they were made, withdrawn ones included
}

// Invitation is one person's place in a visit.
type Invitation struct {
	ID         string
	VisitID    string
	Name       phi.Text
	Role       auth.Role
	Language   string    // tag of the language the person reads; empty: not known
	ContactID  string    // of the patient; empty: none
	StaffID    string    // their account; empty: none
	Email      phi.Text  // where no contact or account has one
	Phone      phi.Text  // E.164; likewise
	Generation int       // of the link that works now, from 1
	Locked     bool      // five wrong dates of birth were given; a new link unlocks
	RevokedAt  time.Time // zero: not withdrawn
	CreatedAt  time.Time
	Mended     int // how often the ways to reach the person were changed

	Check *DeviceCheck // that they made before the visit; nil: none. Only of a visit that was read whole
}

// Invited finds who is invited by an invitation of this id, withdrawn ones included. The visit must have been read whole.
func (v Visit) Invited(id string) (Invitation, bool) {
	at := slices.IndexFunc(v.Invitations, func(i Invitation) bool { return i.ID == id })
	if at < 0 {
		return Invitation{}, false
	}
	return v.Invitations[at], true
}

// HasPatient says whether somebody is invited as the patient, of whom there is one. The visit must have been read whole.
func (v Visit) HasPatient() bool {
	return slices.ContainsFunc(v.Invitations, func(i Invitation) bool { return i.Role == auth.Patient && !i.Revoked() })
}

// Revoked says whether the invitation was withdrawn.
func (i Invitation) Revoked() bool { return !i.RevokedAt.IsZero() }

// Link is what a person gets: the address that lets them into their visit. It is a credential: show it once, never log it.
type Link struct {
	Invitation Invitation
	URL        string
}

// Person is somebody to invite.
type Person struct {
	Name     phi.Text
	Role     auth.Role
	Language string // one of Config.Languages; empty: not known

	ContactID string   // which contact of the patient this is; empty: none
	StaffID   string   // the person's account; empty: none
	Email     phi.Text // where no contact or account has one; empty: not known
	Phone     phi.Text // likewise
}

// Request asks for a new visit. What it leaves empty is taken from what it names: names, language and birth date from the patient, the contacts and the
// accounts, the rest from the service, which its name names as its id does.
type Request struct {
	Service      string
	StartsAt     time.Time
	Minutes      int // planned length
	AskBirthDate bool
	AskIfKnown   bool     // nobody has said whether: the links of a visit of no service that the site knows ask for a birth date that is known, and so may be sent
	BirthDate    phi.Text // YYYY-MM-DD; needed when AskBirthDate; empty: not known
	People       []Person

	PatientID, SiteID, ServiceID, ClinicianID string          // see Booking
	NewPatient                                *people.Patient // the patient of PatientID, as Patients.Prepare made it, who is kept together with the visit; nil: is kept already
	Confidential                              *bool           // nil: as visits of the service are
	Interpreter                               Interpreter
	InterpreterLanguage                       string
	AllowOverlap                              bool // also where the clinician or the patient has another visit then
	Identifier                                Identifier
}

// booking is what the request names.
func (r Request) booking() Booking {
	return Booking{PatientID: r.PatientID, SiteID: r.SiteID, ServiceID: r.ServiceID, ClinicianID: r.ClinicianID,
		Confidential: r.Confidential != nil && *r.Confidential, Interpreter: r.Interpreter, InterpreterLanguage: r.InterpreterLanguage, Identifier: r.Identifier}
}

// Limits of a request.
const (
	MinPeople  = 2
	MaxPeople  = 10 // as many as a room takes
	MinMinutes = 5
	MaxMinutes = 480
	MaxText    = 80 // characters, of names of people and services

	horizon = 2 * 365 * 24 * time.Hour // how far ahead visits are planned
)

// tidy is the request with the lines that people typed as they are kept.
func (r Request) tidy() Request {
	r.Service = typed.Line(r.Service)
	r.Identifier = r.Identifier.tidy()
	r.BirthDate = phi.Text(typed.Digits(strings.TrimSpace(r.BirthDate.Reveal())))
	invited := make([]Person, len(r.People))
	for i, p := range r.People {
		invited[i] = p.tidy()
	}
	r.People = invited
	return r
}

// tidy is the person with the name as it is kept.
func (p Person) tidy() Person {
	p.Name = phi.Text(typed.Line(p.Name.Reveal()))
	return p
}

// check says everything that is wrong with a tidy request by itself, field by field. languages are those a person may be said to read.
func (r Request) check(now time.Time, w Window, languages []string) (wrong []fault.Field) {
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: field, Key: key, Detail: detail})
	}
	if key, detail := checkLine(r.Service); key != "" {
		add("service", key, detail)
	}
	wrong = append(wrong, checkTimes(r.StartsAt, r.Minutes, now, w)...)
	wrong = append(wrong, r.Identifier.check()...)
	if key, detail := checkBirthDate(r.AskBirthDate, r.BirthDate, now); key != "" {
		add("birth_date", key, detail)
	}
	count := map[auth.Role]int{}
	for i, p := range r.People {
		count[p.Role]++
		wrong = append(wrong, p.check(fmt.Sprintf("people[%d].", i), languages)...)
	}
	switch {
	case len(r.People) < MinPeople || len(r.People) > MaxPeople:
		add("people", "many", fmt.Sprintf("must be from %d to %d", MinPeople, MaxPeople))
	case count[auth.Clinician] == 0:
		add("people", "clinician", "must include a clinician")
	case count[auth.Patient] == 0:
		add("people", "patient", "must include a patient")
	case count[auth.Patient] > 1:
		add("people", "patients", "must include one patient alone")
	}
	return wrong
}

// checkTimes says what is wrong with when a visit is, and how long.
func checkTimes(starts time.Time, minutes int, now time.Time, w Window) (wrong []fault.Field) {
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: field, Key: key, Detail: detail})
	}
	minutesRight := minutes >= MinMinutes && minutes <= MaxMinutes
	if !minutesRight {
		add("minutes", "range", fmt.Sprintf("must be from %d to %d", MinMinutes, MaxMinutes))
	}
	switch {
	case starts.IsZero():
		add("starts_at", "empty", "is needed")
	case minutesRight && !starts.Add(time.Duration(minutes)*time.Minute+w.ClosesAfter).After(now):
		add("starts_at", "past", "is so long ago that the visit would be over already")
	case starts.After(now.Add(horizon)):
		add("starts_at", "far", "must be within the next two years")
	}
	return wrong
}

// check says what is wrong with one person; prefix is put before the names of fields.
func (p Person) check(prefix string, languages []string) (wrong []fault.Field) {
	if key, detail := checkLine(p.Name.Reveal()); key != "" {
		wrong = append(wrong, fault.Field{Field: prefix + "name", Key: key, Detail: detail})
	}
	if !p.Role.Invited() {
		wrong = append(wrong, fault.Field{Field: prefix + "role", Key: "odd", Detail: "must be " + roleList()})
	}
	if p.Language != "" && !slices.Contains(languages, p.Language) {
		wrong = append(wrong, fault.Field{Field: prefix + "language", Key: "odd", Detail: "must be one of the languages there are: " + strings.Join(languages, ", ")})
	}
	return wrong
}

func roleList() string {
	var names []string
	for _, r := range auth.InvitedRoles() {
		names = append(names, string(r))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// checkLine says what is wrong with one line of text for people, by a key of its words on pages and in plain English, or nothing.
func checkLine(s string) (key, detail string) { return typed.CheckName(s, MaxText) }

// checkBirthDate says what is wrong with a birth date, as checkLine does. It may be known without links asking for it, so that clinicians see the age.
func checkBirthDate(ask bool, date phi.Text, now time.Time) (key, detail string) {
	switch {
	case ask && date == "":
		return "empty", "is needed when the links ask for it"
	case date == "":
		return "", ""
	}
	day, err := time.Parse(time.DateOnly, date.Reveal())
	switch {
	case err != nil:
		return "odd", "must be a day as in 2012-05-31"
	case day.After(now.Add(24*time.Hour)) || day.Year() < 1900: // a day's grace: it may be tomorrow already where the family is
		return "range", "must be between 1900 and today"
	}
	return "", ""
}

// OfFamily says whether people of a role come with the patient. They know the patient's birth date, so their links may ask for it: an
// interpreter doesn't know it, and the hospital's own people have other ways to get in. They also read the family's language.
func OfFamily(role auth.Role) bool {
	return role == auth.Patient || role == auth.Guardian || role == auth.Guest
}

// HiddenFrom says whether people of a role are not told of the visit: of a confidential one nobody of the family is but the patient.
func (v Visit) HiddenFrom(role auth.Role) bool {
	return v.Confidential && OfFamily(role) && role != auth.Patient
}

// Age is how old the patient is on the day of the visit, in whole years, where the hospital is; false: the birth date is not known.
func (v Visit) Age(zone *time.Location) (years int, known bool) {
	born, err := time.Parse(time.DateOnly, v.BirthDate.Reveal())
	if err != nil {
		return 0, false
	}
	day := v.StartsAt.In(zone)
	years = day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		years--
	}
	return max(0, years), true
}
