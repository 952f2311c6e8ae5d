package desk

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/visitstest"
)

const benchPatients = 50_000

// BenchmarkSchedule opens days and weeks of a hospital with 200,000 visits of 50,000 patients by 200 clinicians in two years: whole pages, with the audit row of each,
// on the disk.
func BenchmarkSchedule(b *testing.B) {
	if storetest.OnPostgres() {
		b.Skip("measured on SQLite")
	}
	ctx := context.WithoutCancel(b.Context())
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	db := storetest.Open(b, storetest.URL(b), store.Options{})
	known := &knownColleagues{}
	s, err := visits.New(ctx, visits.Config{DB: db, LinkKey: []byte("of a benchmark"), Colleagues: known, Now: func() time.Time { return first }})
	if err != nil {
		b.Fatal(err)
	}
	known.ids = visitstest.Years{First: first, Patients: benchPatients}.Fill(b, db)
	for range visitstest.YearsClinicians { // who never have a visit
		known.ids = append(known.ids, store.NewID())
	}
	d := benchDesk(b, Config{DB: db, Visits: s, Colleagues: known, Now: func() time.Time { return first }})
	actor := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	for _, c := range []struct{ name, query string }{
		{"day", ""}, {"day-filtered", "&state=scheduled"}, {"day-by-service", "&by=service"}, {"week", "&view=week"},
	} {
		b.Run(c.name, func(b *testing.B) {
			visitstest.MeasurePages(b, http.HandlerFunc(d.schedule), "", func(i int) *http.Request {
				path := SchedulePath + "?day=" + first.AddDate(0, 0, i*7%visitstest.YearsDays).Format(time.DateOnly) + c.query
				return httptest.NewRequestWithContext(web.WithActor(ctx, actor), http.MethodGet, path, http.NoBody)
			})
		})
	}
}

// BenchmarkSearch looks for visits by the names of patients, whom the hospital knows, by clinician and by day: whole pages, with the audit of all that is shown.
func BenchmarkSearch(b *testing.B) {
	if storetest.OnPostgres() {
		b.Skip("measured on SQLite")
	}
	ctx := context.WithoutCancel(b.Context())
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	known := &knownPatients{}
	db, now := storetest.Open(b, storetest.URL(b), store.Options{}), func() time.Time { return first.AddDate(1, 0, 0) }
	s, err := visits.New(ctx, visits.Config{DB: db, LinkKey: []byte("of a benchmark"), Patients: known, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	clinicians := visitstest.Years{First: first, Patients: benchPatients}.Fill(b, db)
	known.ids = must(store.Collect(ctx, db, scanID, `SELECT DISTINCT patient_id FROM visits WHERE patient_id <> '' LIMIT 1000`))
	d, actor := benchDesk(b, Config{DB: db, Visits: s, Now: now}), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}
	for name, form := range map[string]func(i int) url.Values{
		"patients":        func(int) url.Values { return url.Values{"query": {"sample"}} },
		"patients-unkept": func(i int) url.Values { return url.Values{"query": {fmt.Sprintf("pat %d", i*5%benchPatients)}} },
		"patients-and-day": func(i int) url.Values {
			return url.Values{"query": {"sample"}, "day": {first.AddDate(0, 0, i*7%visitstest.YearsDays).Format(time.DateOnly)}}
		},
		"clinician": func(i int) url.Values { return url.Values{"clinician_id": {clinicians[i%len(clinicians)]}} },
		"day": func(i int) url.Values {
			return url.Values{"day": {first.AddDate(0, 0, i*7%visitstest.YearsDays).Format(time.DateOnly)}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			visitstest.MeasurePages(b, http.HandlerFunc(d.search), "desk-visit", func(i int) *http.Request {
				r := httptest.NewRequestWithContext(web.WithActor(ctx, actor), http.MethodPost, SearchPath, strings.NewReader(form(i).Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				return r
			})
		})
	}
}

// knownColleagues are clinicians: what it costs to read them is measured in package staff.
type knownColleagues struct{ ids []string }

func (k *knownColleagues) Colleague(context.Context, string) (staff.Colleague, error) {
	return staff.Colleague{}, fault.NotFound
}

func (k *knownColleagues) Colleagues(context.Context) (all []staff.Colleague, err error) {
	for i, id := range k.ids {
		all = append(all, staff.Colleague{ID: id, Name: phi.Text(fmt.Sprintf("Sample Clinician %d", i)), Role: auth.Clinician})
	}
	return all, nil
}

func (k *knownColleagues) Names(context.Context, ...string) (map[string]phi.Text, error) {
	return nil, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// knownPatients finds twenty patients, others each time: what it costs to find them is measured in package people.
type knownPatients struct {
	visits.Patients
	ids []string
	at  int
}

func (k *knownPatients) Search(context.Context, auth.Actor, string) (found people.Found, err error) {
	for range people.MaxFound {
		found.Patients = append(found.Patients, people.Patient{ID: k.ids[k.at%len(k.ids)]})
		k.at++
	}
	return found, nil
}

func scanID(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }

func benchDesk(b *testing.B, c Config) *Desk {
	b.Helper()
	book, err := words.Load(static.Locales(), web.Locales(), people.Locales(), Locales())
	if err != nil {
		b.Fatal(err)
	}
	if c.Pages, err = web.NewPages("Example Children's Hospital", book, nil); err != nil {
		b.Fatal(err)
	}
	d, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	return d
}
