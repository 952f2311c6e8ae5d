package emergency

import (
	"context"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// Recipient is somebody who is told that there was emergency access.
type Recipient struct {
	Account string
	Email   phi.Text
}

// Patient is whom a grant is about, as its page shows them.
type Patient struct {
	ID        string
	Name      phi.Text
	BirthDate phi.Text
	Contacts  []Contact
}

// Contact is a way to reach somebody about a patient.
type Contact struct {
	Name  phi.Text
	Phone phi.Text // E.164
	Shown phi.Text // the same as people read it
}

// Visit is a visit that a grant opens, as its page shows it.
type Visit struct {
	ID       string
	Service  string
	StartsAt time.Time
	Zone     *time.Location // of its site
	State    string         // names its words, emergency.state.STATE
	Joinable bool
}

// Records are what emergency access opens.
type Records interface {
	// Identify finds patients by words of the name, or the number, together with the birth date (YYYY-MM-DD). It shows nobody anything.
	Identify(ctx context.Context, words, birthDate string) (ids []string, err error)
	// Exists says whether there is such a patient or visit. Errors: fault.NotFound.
	Exists(ctx context.Context, about store.Subject) error
	// Patient reads a patient.
	Patient(ctx context.Context, id string) (Patient, error)
	// Visits are those of a patient around today, or the visit itself, for who has emergency access to it.
	Visits(ctx context.Context, actor auth.Actor, about store.Subject) ([]Visit, error)
	// Join lets who has emergency access into a visit as a clinician, by a link.
	Join(ctx context.Context, actor auth.Actor, visit string) (link string, err error)
	// Leave withdraws an invitation that Join made.
	Leave(ctx context.Context, visit, invitation string) error
}
