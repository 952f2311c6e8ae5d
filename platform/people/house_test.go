package people_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()}))
}

var (
	languages = []string{"en", "es", "ar"}
	noon      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

	scheduler   = auth.Actor{Kind: auth.KindStaff, ID: "of a scheduler", Role: auth.Scheduler}
	coordinator = auth.Actor{Kind: auth.KindStaff, ID: "of a coordinator", Role: auth.Coordinator}
	clinician   = auth.Actor{Kind: auth.KindInvitation, ID: "of a clinician", Role: auth.Clinician}
)

// desk is a Service on a real database, of a hospital in the United States with a second site in Spain.
type desk struct {
	*people.Service
	db     *store.DB
	house  *sites.House
	abroad sites.Site

	follower error // of who is told of changes
}

func newDesk(t testing.TB, url string) *desk {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	db := storetest.Open(t, url, store.Options{})
	policy, err := auth.NewPolicy(sites.Rules, people.Rules)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return noon }
	house, err := sites.New(ctx, sites.Config{DB: db, Policy: policy, Languages: languages, Now: now,
		First: sites.Site{Name: "Example Children's Hospital", Country: "US", Calendar: sites.Calendar{Zone: zone}}})
	if err != nil {
		t.Fatal(err)
	}
	abroad, err := house.CreateSite(ctx, auth.Operator(), sites.Site{Name: "Hospital de ejemplo", Country: "ES", Languages: []string{"es"}, Calendar: sites.Calendar{Zone: time.UTC}})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{db: db, house: house, abroad: abroad}
	d.Service, err = people.New(ctx, people.Config{DB: db, Policy: policy, Sites: house, Languages: languages, Now: now,
		Changed: []func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error{
			func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error { return d.follower }}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// add makes a patient who must be right.
func (d *desk) add(t testing.TB, p people.Patient) people.Patient {
	t.Helper()
	made, err := d.Create(t.Context(), scheduler, p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// rows counts audit rows.
func (d *desk) rows(t testing.TB, where string, args ...any) (n int) {
	t.Helper()
	if err := d.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE `+where, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wrongFields are what an error says is wrong, as "field key".
func wrongFields(err error) string {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return "no problem"
	}
	fields, _ := p.Fields["errors"].([]fault.Field)
	var all []string
	for _, f := range fields {
		all = append(all, f.Field+" "+f.Key)
	}
	return strings.Join(all, ", ")
}
