package visitstest

import (
	"context"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
)

// Practice is a hospital that knows its site in New York, two services, a patient with contacts, and two of its people.
type Practice struct {
	*Hospital
	Site                 sites.Site
	Cardiology, Private  sites.Service
	Patient              people.Patient
	Mine, Secret, Parent people.Contact
	Doctor, Nurse        staff.Account
}

// NewPractice is a practice that knows all of it.
func NewPractice(t *testing.T) *Practice {
	t.Helper()
	p := &Practice{Hospital: NewHospital(t)}
	p.Know()
	return p
}

// Must gives what is right, and ends the test where it is not.
func Must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Know makes what the hospital knows, and a service that knows it.
func (p *Practice) Know() {
	t, ctx, admin := p.T, p.T.Context(), auth.Operator()
	zone := Must[*time.Location](t)(time.LoadLocation("America/New_York"))
	p.Sites = Must[*sites.House](t)(sites.New(ctx, sites.Config{DB: p.DB, Policy: Policy(t), Languages: []string{"en", "es"}, Now: p.Now,
		First: sites.Site{Name: "Example Children's Hospital", Country: "US", Calendar: sites.Calendar{Zone: zone}}}))
	p.Site = Must[sites.Site](t)(p.Sites.Default(ctx))
	p.Cardiology = Must[sites.Service](t)(p.Sites.CreateService(ctx, admin, sites.Service{SiteID: p.Site.ID, Name: "Cardiology", Minutes: 40, AskBirthDate: true, Active: true}))
	p.Private = Must[sites.Service](t)(p.Sites.CreateService(ctx, admin, sites.Service{SiteID: p.Site.ID, Name: "Adolescents", Minutes: 20, Confidential: true, Active: true}))
	p.People = Must[*people.Service](t)(people.New(ctx, people.Config{DB: p.DB, Policy: Policy(t), Sites: p.Sites, Languages: []string{"en", "es"}, Now: p.Now,
		Changed: []func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error{
			func(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now people.Patient) error {
				return p.FollowPatient(ctx, tx, actor, old, now)
			}}}))
	p.Patient = Must[people.Patient](t)(p.People.Create(ctx, p.Scheduler, people.Patient{Name: CanaryPatient, BirthDate: CanaryBirthDate, Language: "es", Contacts: []people.Contact{
		{Kind: people.Self, Email: "home@example.org"},
		{Kind: people.Self, Phone: "202 555 0100", Confidential: true},
		{Kind: people.Guardian, Name: CanaryGuardian, Email: "guardian@example.org", Language: "en"},
	}}))
	p.Mine, p.Secret, p.Parent = p.Patient.Contacts[0], p.Patient.Contacts[1], p.Patient.Contacts[2]
	p.Colleagues = Must[*staff.Accounts](t)(staff.New(ctx, staff.Config{DB: p.DB, Limiter: p, Policy: Policy(t), Now: p.Now, Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}))
	p.Doctor, p.Nurse = p.Account("doctor", auth.Clinician), p.Account("nurse", auth.Clinician)
	p.Service = p.ServiceOn(p.DB)
}

// Account makes an account of somebody who works here.
func (p *Practice) Account(name string, role auth.Role) staff.Account {
	p.T.Helper()
	return Must[staff.Account](p.T)(p.Colleagues.Create(p.T.Context(), auth.Operator(),
		staff.NewAccount{Name: phi.Text("Canary Clinicianname " + name), Email: phi.Text(name + "@example.org"), Password: Password, Role: role}))
}

// Request names everything and says nothing twice.
func (p *Practice) Request() visits.Request {
	return visits.Request{StartsAt: p.Now(), PatientID: p.Patient.ID, ServiceID: p.Cardiology.ID, ClinicianID: p.Doctor.ID, People: []visits.Person{
		{Role: auth.Patient, ContactID: p.Mine.ID}, {Role: auth.Clinician}, {Role: auth.Guardian, ContactID: p.Parent.ID},
	}}
}
