package visits_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		os.Exit(createUntilKilled())
	}
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "staff", Files: staff.Migrations()},
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "api", Files: api.Migrations()},
		storetest.Tables{Name: "keys", Files: keys.Migrations()}))
}

func TestCreate(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) {
		r.Service = "  Cardiology\t"
		r.StartsAt = visitstest.Noon.Add(time.Hour + 123*time.Millisecond).In(time.FixedZone("x", 3600))
		visitstest.AskBirthDate(r)
	})
	if v.Service != "Cardiology" || v.State != visits.Scheduled || !v.AskBirthDate {
		t.Errorf("visit %+v", v)
	}
	for what, c := range map[string][2]time.Time{
		"starts": {v.StartsAt, visitstest.Noon.Add(time.Hour)},
		"ends":   {v.EndsAt, visitstest.Noon.Add(90 * time.Minute)},
		"opens":  {v.OpensAt, visitstest.Noon.Add(30 * time.Minute)},
		"closes": {v.ClosesAt, visitstest.Noon.Add(3*time.Hour + 30*time.Minute)},
	} {
		if !c[0].Equal(c[1]) {
			t.Errorf("%s at %v, want %v", what, c[0], c[1])
		}
	}
	seen := map[string]bool{}
	for i, l := range links {
		if !strings.HasPrefix(l.URL, "https://visits.example/v#") || len(visitstest.CodeOf(l)) != 22 || seen[l.URL] {
			t.Errorf("link %q", l.URL)
		}
		seen[l.URL] = true
		if l.Invitation.ID != v.Invitations[i].ID {
			t.Error("links are in another order")
		}
	}
	got := h.Shown(v.ID)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", v) || got.BirthDate.Reveal() != visitstest.CanaryBirthDate || got.Invitations[0].Name.Reveal() != visitstest.CanaryPatient {
		t.Errorf("read back\n%+v, want\n%+v", got, v)
	}
	if h.Audited("visit.create", store.Allowed) != 1 || h.Audited("visit.read", store.Allowed) != 1 {
		t.Error("not audited")
	}
}

func TestCreateRefuses(t *testing.T) {
	h := visitstest.NewHospital(t)
	person := func(role auth.Role) visits.Person { return visits.Person{Name: "Sample", Role: role} }
	people := func(roles ...auth.Role) func(*visits.Request) {
		return func(r *visits.Request) {
			r.People = nil
			for _, role := range roles {
				r.People = append(r.People, person(role))
			}
		}
	}
	guests := func(n int) []auth.Role {
		roles := []auth.Role{auth.Clinician, auth.Patient}
		for range n - 2 {
			roles = append(roles, auth.Guest)
		}
		return roles
	}
	for name, c := range map[string]struct {
		change func(*visits.Request)
		want   []string // fields; none: it is right
	}{
		"everything wrong":     {func(r *visits.Request) { *r = visits.Request{} }, []string{"minutes", "people", "service", "starts_at"}},
		"no service":           {func(r *visits.Request) { r.Service = " " }, []string{"service"}},
		"two lines":            {func(r *visits.Request) { r.Service = "a\nb" }, []string{"service"}},
		"not UTF-8":            {func(r *visits.Request) { r.Service = "a\xff" }, []string{"service"}},
		"80 characters":        {func(r *visits.Request) { r.Service = strings.Repeat("é", 80) }, nil},
		"81 characters":        {func(r *visits.Request) { r.Service = strings.Repeat("é", 81) }, []string{"service"}},
		"4 minutes":            {func(r *visits.Request) { r.Minutes = 4 }, []string{"minutes"}},
		"5 minutes":            {func(r *visits.Request) { r.Minutes = 5 }, nil},
		"480 minutes":          {func(r *visits.Request) { r.Minutes = 480 }, nil},
		"481 minutes":          {func(r *visits.Request) { r.Minutes = 481 }, []string{"minutes"}},
		"no start":             {func(r *visits.Request) { r.StartsAt = time.Time{} }, []string{"starts_at"}},
		"over already":         {func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(-150 * time.Minute) }, []string{"starts_at"}},
		"running still":        {func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(-149 * time.Minute) }, nil},
		"in three years":       {func(r *visits.Request) { r.StartsAt = visitstest.Noon.AddDate(3, 0, 0) }, []string{"starts_at"}},
		"one person":           {people(auth.Clinician), []string{"people"}},
		"two people":           {people(auth.Clinician, auth.Patient), nil},
		"ten people":           {people(guests(10)...), nil},
		"eleven people":        {people(guests(11)...), []string{"people"}},
		"no clinician":         {people(auth.Guardian, auth.Patient), []string{"people"}},
		"two patients":         {people(auth.Clinician, auth.Patient, auth.Patient), []string{"people"}},
		"no patient":           {people(auth.Clinician, auth.Guardian), []string{"people"}},
		"a role of the desk":   {people(auth.Clinician, auth.Patient, auth.Admin), []string{"people[2].role"}},
		"no name":              {func(r *visits.Request) { r.People[1].Name = "\t" }, []string{"people[1].name"}},
		"a name of two lines":  {func(r *visits.Request) { r.People[1].Name = "a\u2028b" }, []string{"people[1].name"}},
		"birth date missing":   {func(r *visits.Request) { r.AskBirthDate = true }, []string{"birth_date"}},
		"birth date unasked":   {func(r *visits.Request) { r.BirthDate = visitstest.CanaryBirthDate }, nil},
		"unasked, no day":      {func(r *visits.Request) { r.BirthDate = "Canary" }, []string{"birth_date"}},
		"a language there is":  {func(r *visits.Request) { r.People[2].Language = "es" }, nil},
		"no such language":     {func(r *visits.Request) { r.People[2].Language = "tlh" }, []string{"people[2].language"}},
		"language in capitals": {func(r *visits.Request) { r.People[2].Language = "ES" }, []string{"people[2].language"}},
		"no such day":          {func(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, "2012-02-30" }, []string{"birth_date"}},
		"another form":         {func(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, "31.05.2012" }, []string{"birth_date"}},
		"born in the future":   {func(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, "2026-11-26" }, []string{"birth_date"}},
		"born today":           {func(r *visits.Request) { r.AskBirthDate, r.BirthDate = true, "2026-11-24" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.Request()
			c.change(&r)
			before := h.Count("visits")
			_, _, err := h.Create(t.Context(), h.Scheduler, r)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			visitstest.WantCode(t, err, fault.CodeNotValid, fault.NotValid)
			visitstest.WantFields(t, err, c.want...)
			if h.Count("visits") != before {
				t.Error("a visit was made all the same")
			}
		})
	}
}

// TestEveryActAsksTheRules tries every act with every role, and with ids of nothing: what is not allowed is answered before it is looked up.
func TestEveryActAsksTheRules(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	nothing := store.NewID()
	acts := map[string]struct {
		right auth.Action
		do    func(actor auth.Actor, visit, invitation string) error
	}{
		"visit.create": {auth.VisitSchedule, func(a auth.Actor, _, _ string) error { _, _, err := h.Create(t.Context(), a, h.Request()); return err }},
		"series.create": {auth.VisitSchedule, func(a auth.Actor, _, _ string) error {
			_, err := h.CreateSeries(t.Context(), a, h.Request(), visits.Repeat{Weeks: 1, Count: 2})
			return err
		}},
		"series.cancel": {auth.VisitRevoke, func(a auth.Actor, v, _ string) error { _, err := h.CancelRest(t.Context(), a, v); return err }},
		"visit.list":    {auth.VisitRead, func(a auth.Actor, _, _ string) error { _, err := h.List(t.Context(), a, visits.Query{}); return err }},
		"visit.read":    {auth.VisitRead, func(a auth.Actor, v, _ string) error { _, err := h.Show(t.Context(), a, v); return err }},
		"invitation.create": {auth.VisitSchedule, func(a auth.Actor, v, _ string) error {
			_, err := h.Invite(t.Context(), a, v, visits.Person{Name: "Sample Guest", Role: auth.Guest})
			return err
		}},
		"invitation.resend": {auth.VisitSchedule, func(a auth.Actor, v, i string) error { _, err := h.Resend(t.Context(), a, v, i, false); return err }},
		"invitation.revoke": {auth.VisitRevoke, func(a auth.Actor, v, i string) error { return h.Withdraw(t.Context(), a, v, i) }},
		"visit.move": {auth.VisitSchedule, func(a auth.Actor, v, _ string) error {
			_, err := h.Move(t.Context(), a, v, visits.Move{Minutes: 40})
			return err
		}},
		"visit.cancel": {auth.VisitRevoke, func(a auth.Actor, v, _ string) error { return h.Cancel(t.Context(), a, v) }},
	}
	order := []string{"visit.create", "series.create", "visit.list", "visit.read", "invitation.create", "invitation.resend", "invitation.revoke", "visit.move", "visit.cancel", "series.cancel"}
	if len(order) != len(acts) {
		t.Fatal("the list of acts is not whole")
	}
	for _, role := range append([]auth.Role{"", "stranger"}, auth.Roles()...) {
		actor := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}
		for _, name := range order {
			act := acts[name]
			refused := h.Audited(name, store.Refused)
			allowed := h.Audited(name, store.Allowed)
			err := act.do(actor, v.ID, links[2].Invitation.ID)
			wantRefused := 0
			if auth.May(role, act.right) {
				if err != nil && fault.CodeOf(err) != fault.CodeConflict { // an earlier role cancelled it
					t.Errorf("%s by %q: %v", name, role, err)
				}
			} else {
				visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
				none := act.do(actor, nothing, nothing)
				if none.Error() != err.Error() {
					t.Errorf("%s by %q: %v for a visit, %v for nothing", name, role, err, none)
				}
				wantRefused = 2
				if h.Audited(name, store.Allowed) != allowed {
					t.Errorf("%s by %q: audited as allowed", name, role)
				}
			}
			if got := h.Audited(name, store.Refused) - refused; got != wantRefused {
				t.Errorf("%s by %q: %d refusals audited, want %d", name, role, got, wantRefused)
			}
		}
	}
	for _, name := range order[3:] {
		for _, ids := range [][2]string{{nothing, nothing}, {"'; --", visitstest.CanaryPatient}} {
			visitstest.WantCode(t, acts[name].do(h.Scheduler, ids[0], ids[1]), fault.CodeNotFound, fault.NotFound)
		}
	}
	if n := h.Count(`audit WHERE subject_id LIKE '%Canary%' OR subject_id LIKE '%--%'`); n != 0 {
		t.Errorf("%d audit rows hold what somebody typed", n)
	}
}

func TestList(t *testing.T) {
	h := visitstest.NewHospital(t)
	var want []string
	for i := range 5 {
		v, _ := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Duration(i/2) * time.Hour) }) // two and two start together
		want = append(want, v.ID)
	}
	if err := h.Cancel(t.Context(), h.Scheduler, want[3]); err != nil {
		t.Fatal(err)
	}
	ids := func(p visits.Page) (all []string) {
		for _, v := range p.Visits {
			if len(v.Invitations) != 3 || v.Invitations[0].Name.Reveal() != visitstest.CanaryPatient {
				t.Errorf("visit %s has invitations %v", v.ID, v.Invitations)
			}
			all = append(all, v.ID)
		}
		return all
	}
	for limit := 1; limit <= 6; limit++ {
		var got []string
		q := visits.Query{Limit: limit}
		for {
			page, err := h.List(t.Context(), h.Scheduler, q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ids(page)...)
			if page.Next == "" {
				break
			}
			q.Cursor = page.Next
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("in pages of %d: %v, want %v", limit, got, want)
		}
	}
	for name, c := range map[string]struct {
		q    visits.Query
		want []string
	}{
		"from":      {visits.Query{From: visitstest.Noon.Add(time.Hour)}, want[2:]},
		"to":        {visits.Query{To: visitstest.Noon.Add(time.Hour)}, want[:2]},
		"both":      {visits.Query{From: visitstest.Noon.Add(time.Hour), To: visitstest.Noon.Add(2 * time.Hour)}, want[2:4]},
		"except":    {visits.Query{Except: []visits.Span{{From: visitstest.Noon.Add(time.Hour), To: visitstest.Noon.Add(2 * time.Hour)}}}, []string{want[0], want[1], want[4]}},
		"cancelled": {visits.Query{States: []visits.State{visits.Cancelled}}, want[3:4]},
		"none":      {visits.Query{States: []visits.State{visits.NoShow}}, nil},
	} {
		page, err := h.List(t.Context(), h.Scheduler, c.q)
		if err != nil || strings.Join(ids(page), " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %v, %v; want %v", name, ids(page), err, c.want)
		}
	}
	_, err := h.List(t.Context(), h.Scheduler, visits.Query{Limit: 101, States: []visits.State{"x"}, Cursor: "%", From: visitstest.Noon, To: visitstest.Noon})
	visitstest.WantFields(t, err, "cursor", "limit", "state", "to")
	_, err = h.List(t.Context(), h.Scheduler, visits.Query{Cursor: "e30"})
	visitstest.WantFields(t, err, "cursor")
}

func TestCancel(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	for range 2 { // the second time changes nothing
		if err := h.Cancel(t.Context(), h.Scheduler, v.ID); err != nil {
			t.Fatal(err)
		}
		if got := h.Shown(v.ID); got.State != visits.Cancelled {
			t.Errorf("state %s", got.State)
		}
	}
	if n := h.Count("visit_removals"); n != 1 {
		t.Errorf("%d removals", n)
	}
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0])})
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
	_, err = h.Resend(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID, true)
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	_, err = h.Invite(t.Context(), h.Scheduler, v.ID, visits.Person{Name: "Sample Guest", Role: auth.Guest})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)

	begun, _ := h.Plan()
	for _, kind := range []visits.RoomEventKind{visits.RoomOpened, visits.RoomAdmitted} {
		if err := h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: kind, Visit: begun.ID, At: visitstest.Noon}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Cancel(t.Context(), h.Scheduler, begun.ID); err != nil {
		t.Fatal(err)
	}
	if got := h.Shown(begun.ID); got.State != visits.Ended {
		t.Errorf("a visit that had begun became %s", got.State)
	}
	visitstest.WantCode(t, h.Cancel(t.Context(), h.Scheduler, begun.ID), fault.CodeConflict, fault.NotValid)
}

func TestResend(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	patient := links[0].Invitation.ID
	same, err := h.Resend(t.Context(), h.Scheduler, v.ID, patient, false)
	if err != nil || same.URL != links[0].URL {
		t.Errorf("the same link is %q, %v; want %q", same.URL, err, links[0].URL)
	}
	before := h.Follow(links[0], "")
	renewed, err := h.Resend(t.Context(), h.Scheduler, v.ID, patient, true)
	if err != nil || renewed.URL == links[0].URL || renewed.Invitation.Generation != 2 {
		t.Fatalf("a new link: %+v, %v", renewed, err)
	}
	if again, err := h.Resend(t.Context(), h.Scheduler, v.ID, patient, false); err != nil || again.URL != renewed.URL {
		t.Errorf("after renewal the same link is %q, %v", again.URL, err)
	}
	_, err = h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), Device: before.Device})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	_, err = h.Session(t.Context(), v.ID, before.Token)
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	_, err = h.Attendee(t.Context(), v.ID, before.Session)
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	if after := h.Follow(renewed, before.Device); after.Session == before.Session {
		t.Error("a new link led to the old session")
	}
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, patient); err != nil {
		t.Fatal(err)
	}
	_, err = h.Resend(t.Context(), h.Scheduler, v.ID, patient, true)
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	// An invitation is found in its own visit only.
	other, _ := h.Plan()
	_, err = h.Resend(t.Context(), h.Scheduler, other.ID, links[1].Invitation.ID, false)
	visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	visitstest.WantCode(t, h.Withdraw(t.Context(), h.Scheduler, other.ID, links[1].Invitation.ID), fault.CodeNotFound, fault.NotFound)
}

func TestWithdraw(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	e := h.Follow(links[0], "")
	for range 2 {
		if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.Count("visit_removals"); n != 1 {
		t.Errorf("%d removals", n)
	}
	if got := h.Shown(v.ID).Invitations[0]; !got.Revoked() || !got.RevokedAt.Equal(visitstest.Noon) {
		t.Errorf("invitation %+v", got)
	}
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0])})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	_, err = h.Attendee(t.Context(), v.ID, e.Session)
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	h.Follow(links[1], "") // the others' links work on
}
