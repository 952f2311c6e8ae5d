package sites_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m, storetest.Tables{Name: "sites", Files: sites.Migrations()}))
}

var (
	languages = []string{"en", "es", "ar"}
	noon      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

	admin     = auth.Actor{Kind: auth.KindStaff, ID: "of an admin", Role: auth.Admin}
	scheduler = auth.Actor{Kind: auth.KindStaff, ID: "of a scheduler", Role: auth.Scheduler}
	clinician = auth.Actor{Kind: auth.KindInvitation, ID: "of a clinician", Role: auth.Clinician}
)

func policy(t testing.TB) auth.Policy {
	t.Helper()
	p, err := auth.NewPolicy(sites.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func config(t testing.TB, db *store.DB) sites.Config {
	return sites.Config{DB: db, Policy: policy(t), Languages: languages, Now: func() time.Time { return noon },
		First: sites.Site{Name: "Example Children's Hospital", Calendar: sites.Calendar{Zone: zone(t, "America/New_York")}, Phone: "+1 202 555 0100", Country: "US"}}
}

func newHouse(t *testing.T) (*sites.House, *store.DB) {
	t.Helper()
	db := storetest.Open(t, storetest.URL(t), store.Options{})
	h, err := sites.New(t.Context(), config(t, db))
	if err != nil {
		t.Fatal(err)
	}
	return h, db
}

// rows counts audit rows.
func rows(t *testing.T, db *store.DB, where string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE `+where, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wrongFields are what an error says is wrong, as "field key".
func wrongFields(err error) (all []string) {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return []string{"no problem"}
	}
	fields, _ := p.Fields["errors"].([]fault.Field)
	for _, f := range fields {
		all = append(all, f.Field+" "+f.Key)
	}
	return all
}

// TestFirstSite: the first start makes a site of the options, every later one leaves it to whoever administers it.
func TestFirstSite(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t), store.Options{})
	var starting sync.WaitGroup
	for range 4 { // nodes
		starting.Go(func() {
			if _, err := sites.New(t.Context(), config(t, db)); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	h, err := sites.New(t.Context(), config(t, db))
	if err != nil {
		t.Fatal(err)
	}
	all, err := h.Sites(t.Context(), scheduler)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sites, %v", len(all), err)
	}
	s := all[0]
	if s.Name != "Example Children's Hospital" || s.Zone.String() != "America/New_York" || s.Phone != "+1 202 555 0100" || s.Country != "US" ||
		!slices.Equal(s.Languages, languages) || !slices.Equal(s.Weekend, []time.Weekday{time.Sunday, time.Saturday}) || s.CutOff != 17*time.Hour || !s.CreatedAt.Equal(noon) {
		t.Errorf("the first site is %+v", s)
	}
	if n := rows(t, db, `action = 'site.create' AND subject_id = ? AND actor_kind = 'system'`, s.ID); n != 1 {
		t.Errorf("%d rows say that it was made", n)
	}
	s.Name, s.Phone = "Renamed", ""
	if _, err := h.UpdateSite(t.Context(), admin, s); err != nil {
		t.Fatal(err)
	}
	if h, err = sites.New(t.Context(), config(t, db)); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Default(t.Context()); err != nil || s.Name != "Renamed" || s.Phone != "" {
		t.Errorf("after another start it is %q, %q, %v", s.Name, s.Phone, err)
	}
}

func TestSiteIsKeptAsItWasGiven(t *testing.T) {
	h, db := newHouse(t)
	made, err := h.CreateSite(t.Context(), admin, sites.Site{Name: "  مستشفى المثال ", Country: "sa", Phone: " +٩٦٦ ١١ 555 0100 ", Languages: []string{"ar", "en"},
		Calendar: sites.Calendar{Zone: zone(t, "Asia/Riyadh"), Weekend: []time.Weekday{time.Saturday, time.Friday, time.Saturday}, CutOff: 16*time.Hour + 30*time.Minute,
			Holidays: []sites.Holiday{{Day: day(t, "2026-09-23"), Name: " National Day "}, {Day: day(t, "2026-02-22")}}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.ShowSite(t.Context(), scheduler, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "مستشفى المثال" || s.Zone.String() != "Asia/Riyadh" || s.Country != "SA" || s.Phone != "+966 11 555 0100" || !slices.Equal(s.Languages, []string{"ar", "en"}) ||
		!slices.Equal(s.Weekend, []time.Weekday{time.Friday, time.Saturday}) || s.CutOff != 16*time.Hour+30*time.Minute || s.Version != 1 ||
		!slices.Equal(s.Holidays, []sites.Holiday{{Day: day(t, "2026-02-22")}, {Day: day(t, "2026-09-23"), Name: "National Day"}}) {
		t.Errorf("the site is %+v", s)
	}
	s.Holidays, s.Weekend, s.CutOff = s.Holidays[:1], nil, 0
	if _, err := h.UpdateSite(t.Context(), admin, s); err != nil {
		t.Fatal(err)
	}
	again, err := h.Site(t.Context(), s.ID)
	if err != nil || len(again.Holidays) != 1 || len(again.Weekend) != 0 || again.CutOff != 0 || again.Version != 2 || !again.CreatedAt.Equal(noon) {
		t.Errorf("changed, it is %+v, %v", again, err)
	}
	if _, err := h.UpdateSite(t.Context(), admin, s); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("a change of what was read before the last change: %v", err)
	}
	if n := rows(t, db, `action = 'site.update' AND subject_id = ?`, s.ID); n != 1 {
		t.Errorf("%d rows of one change", n)
	}
}

func TestWrongSites(t *testing.T) {
	h, _ := newHouse(t)
	for want, change := range map[string]func(*sites.Site){
		"name empty":       func(s *sites.Site) { s.Name = "  " },
		"name long":        func(s *sites.Site) { s.Name = strings.Repeat("ä", sites.MaxName+1) },
		"name plain":       func(s *sites.Site) { s.Name = "two\nlines" },
		"zone odd":         func(s *sites.Site) { s.Zone = zone(t, "EST") }, // no summer time
		"country odd":      func(s *sites.Site) { s.Country = "USA" },
		"phone odd":        func(s *sites.Site) { s.Phone = "call us" },
		"languages empty":  func(s *sites.Site) { s.Languages = nil },
		"languages odd":    func(s *sites.Site) { s.Languages = []string{"en", "xx"} },
		"weekend all":      func(s *sites.Site) { s.Weekend = sites.Weekdays() },
		"weekend odd":      func(s *sites.Site) { s.Weekend = []time.Weekday{7} },
		"cut_off odd":      func(s *sites.Site) { s.CutOff = 24 * time.Hour },
		"holidays twice":   func(s *sites.Site) { s.Holidays = holidays(t, "2026-12-25", "2026-12-24", "2026-12-25") },
		"holidays far":     func(s *sites.Site) { s.Holidays = holidays(t, "1926-12-25") },
		"holidays name":    func(s *sites.Site) { s.Holidays = []sites.Holiday{{Day: day(t, "2026-12-25"), Name: "a\tb"}} },
		"holidays many":    func(s *sites.Site) { s.Holidays = make([]sites.Holiday, sites.MaxHolidays+1) },
		"name empty, zone": func(s *sites.Site) { s.Name, s.Zone = "", nil },
	} {
		s := config(t, nil).First
		s.Languages = languages
		change(&s)
		_, err := h.CreateSite(t.Context(), admin, s)
		if got := strings.Join(wrongFields(err), ", "); !strings.HasPrefix(got, want) {
			t.Errorf("wrong is %q, want %q", got, want)
		}
	}
	if all, err := h.Sites(t.Context(), admin); err != nil || len(all) != 1 {
		t.Errorf("%d sites, %v", len(all), err)
	}
	for name, of := range map[string]bool{"Europe/Berlin": true, "Japan": true, "UTC": true, "Etc/UTC": true, "GB": true, "NZ": true, "NZ-CHAT": true, "PRC": true, "ROK": true, "W-SU": true, "EST": false, "Etc/GMT": false, "Etc/GMT+5": false, "EST5EDT": false} {
		if sites.OfPlace(zone(t, name)) != of {
			t.Errorf("%s: that it is a place's zone is %t", name, !of)
		}
	}
}

func TestServices(t *testing.T) {
	h, db := newHouse(t)
	site, err := h.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := h.CreateService(t.Context(), admin, sites.Service{SiteID: site.ID, Name: " Cardiology ", Minutes: 30, AskBirthDate: true, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]sites.Service{
		"name taken":    {SiteID: site.ID, Name: "CARDIOLOGY", Minutes: 30},
		"name empty":    {SiteID: site.ID, Minutes: 30},
		"minutes range": {SiteID: site.ID, Name: "Adolescents", Minutes: 4},
	} {
		if _, err := h.CreateService(t.Context(), admin, s); strings.Join(wrongFields(err), ", ") != want {
			t.Errorf("wrong is %q, want %q", wrongFields(err), want)
		}
	}
	if _, err := h.CreateService(t.Context(), admin, sites.Service{SiteID: store.NewID(), Name: "Nowhere", Minutes: 30}); !errors.Is(err, fault.NotFound) {
		t.Errorf("of a site that is not: %v", err)
	}
	made.Name, made.Confidential, made.AskBirthDate, made.Active, made.SiteID = "Adolescent clinic", true, false, false, "another"
	if _, err := h.UpdateService(t.Context(), admin, made); err != nil {
		t.Fatal(err)
	}
	if _, err := h.UpdateService(t.Context(), admin, made); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("a change of what was read before the last change: %v", err)
	}
	all, err := h.Services(t.Context(), scheduler, site.ID)
	want := sites.Service{ID: made.ID, SiteID: site.ID, Name: "Adolescent clinic", Minutes: 30, Confidential: true, CreatedAt: noon, Version: 2}
	if err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("services are %+v, %v", all, err)
	}
	if one, err := h.ShowService(t.Context(), scheduler, made.ID); err != nil || one != want {
		t.Errorf("the service is %+v, %v", one, err)
	}
	if n := rows(t, db, `subject_kind = 'service' AND subject_id = ? AND outcome = 'allowed'`, made.ID); n != 2 {
		t.Errorf("%d rows of making and changing it", n)
	}
}

// TestWhoMay: what the table does not grant is refused, and the refusal is in the audit log.
func TestWhoMay(t *testing.T) {
	h, db := newHouse(t)
	site, err := h.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, err := h.CreateService(t.Context(), admin, sites.Service{SiteID: site.ID, Name: "Cardiology", Minutes: 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action  string
		allowed []auth.Actor
		do      func(context.Context, auth.Actor) error
	}{
		{"site.list", []auth.Actor{scheduler, admin}, func(ctx context.Context, a auth.Actor) error { _, err := h.Sites(ctx, a); return err }},
		{"site.read", []auth.Actor{scheduler, admin}, func(ctx context.Context, a auth.Actor) error { _, err := h.ShowSite(ctx, a, site.ID); return err }},
		{"service.list", []auth.Actor{scheduler, admin}, func(ctx context.Context, a auth.Actor) error { _, err := h.Services(ctx, a, ""); return err }},
		{"service.read", []auth.Actor{scheduler, admin}, func(ctx context.Context, a auth.Actor) error { _, err := h.ShowService(ctx, a, service.ID); return err }},
		{"site.create", nil, func(ctx context.Context, a auth.Actor) error { _, err := h.CreateSite(ctx, a, site); return err }},
		{"site.update", nil, func(ctx context.Context, a auth.Actor) error { _, err := h.UpdateSite(ctx, a, site); return err }},
		{"service.create", nil, func(ctx context.Context, a auth.Actor) error { _, err := h.CreateService(ctx, a, service); return err }},
		{"service.update", nil, func(ctx context.Context, a auth.Actor) error { _, err := h.UpdateService(ctx, a, service); return err }},
	} {
		for _, actor := range []auth.Actor{scheduler, clinician, {}, admin} {
			if actor == admin && c.allowed == nil || actor.Kind == "" { // admins may write, which other tests show; nobody has no row
				continue
			}
			err := c.do(t.Context(), actor)
			if may := slices.Contains(c.allowed, actor); may != (err == nil) || !may && !errors.Is(err, fault.NotAllowed) {
				t.Errorf("%s by %s: %v", c.action, actor.Role, err)
			}
		}
		if n, want := rows(t, db, `action = ? AND outcome = 'refused'`, c.action), 2-min(1, len(c.allowed)); n != want {
			t.Errorf("%s: %d rows of refusals, want %d", c.action, n, want)
		}
	}
	for _, id := range []string{"", "../../etc", "' OR 1=1 --", store.NewID()} {
		if _, err := h.ShowSite(t.Context(), admin, id); !errors.Is(err, fault.NotFound) {
			t.Errorf("site %q: %v", id, err)
		}
		if _, err := h.ShowService(t.Context(), admin, id); !errors.Is(err, fault.NotFound) {
			t.Errorf("service %q: %v", id, err)
		}
	}
	if n := rows(t, db, `subject_id LIKE '%OR%' OR subject_id LIKE '%etc%'`); n != 0 {
		t.Error("what somebody typed is in the audit log")
	}
}
