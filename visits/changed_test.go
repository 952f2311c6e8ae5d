package visits_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// observed has a hospital's visits tell their changes; each call of its function gives those since the call before.
func observed(h *visitstest.Hospital) (since func() []visits.Change) {
	var all []visits.Change
	h.Changed = append(h.Changed, func(ctx context.Context, tx *store.Tx, c visits.Change) error {
		var sequence int
		if err := tx.QueryRowContext(ctx, `SELECT sequence FROM visits WHERE id = ?`, c.VisitID).Scan(&sequence); err != nil || sequence != c.Sequence {
			return fmt.Errorf("told %+v of a visit of sequence %d: %w", c, sequence, err)
		}
		all = append(all, c)
		return nil
	})
	h.Service = h.ServiceOn(h.DB)
	return func() []visits.Change {
		told := all
		all = nil
		return told
	}
}

// kindsOf are the changes in short: what kind, and whether of one person.
func kindsOf(all []visits.Change) string {
	var kinds []string
	for _, c := range all {
		kind := string(c.Kind)
		if c.InvitationID != "" {
			kind += " of one"
		}
		kinds = append(kinds, kind)
	}
	return strings.Join(kinds, ", ")
}

// granted is emergency access to everything.
type granted struct{}

func (granted) Use(context.Context, *store.Tx, auth.Actor, auth.Action, ...store.Subject) (string, error) {
	return "grant", nil
}
func (granted) Came(context.Context, *store.Tx, string, string, string) error { return nil }
func (granted) Guest(context.Context, *store.Tx, string, string) (string, error) {
	return "", nil
}

// TestChanges does everything that changes a visit, and some of what does not.
func TestChanges(t *testing.T) {
	h := visitstest.NewHospital(t)
	h.Emergency = granted{}
	since := observed(h)
	told := map[visits.ChangeKind]bool{}
	rows := func() string { // what visits and invitations there are, without what was tried at their links
		return strings.Join(slices.Concat(h.Column(`SELECT id || state || starts_at || ends_at || sequence || clinician_id || interpreter || service || confidential FROM visits ORDER BY id`),
			h.Column(`SELECT id || generation || revoked_at || name || email FROM invitations ORDER BY id`)), "\n")
	}
	var v visits.Visit
	var links []visits.Link
	must := func(results ...any) {
		t.Helper()
		if err := results[len(results)-1]; err != nil {
			t.Fatal(err)
		}
	}
	event := func(kind visits.RoomEventKind, role auth.Role, link int) func() {
		return func() {
			e := visits.RoomEvent{Kind: kind, Visit: v.ID, At: h.Now(), Role: role}
			if role != "" {
				e.Invitation = links[link].Invitation.ID
			}
			must(h.OnRoomEvent(t.Context(), e))
		}
	}
	makes := func() { v, links = h.Plan() }
	rescuer, rescue := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}, ""
	for _, c := range []struct {
		name string
		act  func()
		want string
	}{
		{"a visit", makes, "created"},
		{"a look at it", func() { h.Shown(v.ID) }, ""},
		{"a later time", func() {
			must(h.Move(t.Context(), h.Scheduler, v.ID, visits.Move{StartsAt: visitstest.Noon.Add(time.Hour)}))
		}, "moved"},
		{"the same time", func() {
			must(h.Move(t.Context(), h.Scheduler, v.ID, visits.Move{StartsAt: visitstest.Noon.Add(time.Hour)}))
		}, ""},
		{"an earlier time", func() { must(h.Move(t.Context(), h.Scheduler, v.ID, visits.Move{StartsAt: visitstest.Noon})) }, "moved"},
		{"a guest", func() {
			must(h.Invite(t.Context(), h.Scheduler, v.ID, visits.Person{Name: "Sample Guest", Role: auth.Guest}))
		}, "invited of one"},
		{"a link again", func() { must(h.Resend(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID, false)) }, "link_shown of one"},
		{"a new link", func() { must(h.Resend(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID, true)) }, "link_renewed of one"},
		{"another service", func() { must(h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Service: new("Neurology")})) }, "changed"},
		{"the same service", func() { must(h.Edit(t.Context(), h.Scheduler, v.ID, visits.Edit{Service: new(" Neurology ")})) }, ""},
		{"another name", func() {
			must(h.Mend(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID, visits.Mend{Name: new(phi.Text("Canary Stepfather"))}))
		}, "changed of one"},
		{"another address", func() {
			must(h.Mend(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID, visits.Mend{Email: new(phi.Text("canary@example.org"))}))
		}, "link_renewed of one"},
		{"the same address", func() {
			must(h.Mend(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID, visits.Mend{Email: new(phi.Text("canary@example.org"))}))
		}, ""},
		{"a withdrawal", func() { must(h.Withdraw(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID)) }, "revoked of one"},
		{"once more", func() { must(h.Withdraw(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID)) }, ""},
		{"a room", event(visits.RoomOpened, "", 0), "opened"},
		{"a clinician", event(visits.RoomAdmitted, auth.Clinician, 1), ""},
		{"a guest of the clinician", func() {
			clinician := h.Follow(links[1], "")
			h.Enters(clinician)
			must(h.InviteFrom(t.Context(), v.ID, clinician.Token, visits.Person{Name: "Sample Guest", Role: auth.Guest}))
		}, "invited of one"},
		{"a patient", event(visits.RoomAdmitted, auth.Patient, 0), "started"},
		{"private time", event(visits.RoomPrivateEnded, "", 0), ""},
		{"an end", event(visits.RoomEnded, "", 0), "ended"},
		{"another visit", makes, "created"},
		{"somebody in an emergency", func() {
			l, err := h.EmergencyJoin(t.Context(), rescuer, v.ID, "Sample Rescuer")
			must(err)
			rescue = l.Invitation.ID
		}, "invited of one"},
		{"its end", func() { must(h.EmergencyEnd(t.Context(), v.ID, rescue)) }, "revoked of one"},
		{"somebody shown out", event(visits.RoomRemoved, auth.Guardian, 2), "revoked of one"},
		{"a cancellation", func() { must(h.Cancel(t.Context(), h.Scheduler, v.ID)) }, "cancelled"},
		{"once more", func() { must(h.Cancel(t.Context(), h.Scheduler, v.ID)) }, ""},
		{"a cancellation that is not right any more", func() {
			if err := h.CancelIf(t.Context(), h.Scheduler, v.ID, func(visits.Visit) error { return fault.NotFound }); !errors.Is(err, fault.NotFound) {
				t.Errorf("cancelled: %v", err)
			}
		}, ""},
		{"a series", func() {
			made, err := h.CreateSeries(t.Context(), h.Scheduler, h.Request(), visits.Repeat{Weeks: 1, Count: 3})
			must(err)
			v = made[1].Visit
		}, "created, created, created"},
		{"its rest", func() { must(h.CancelRest(t.Context(), h.Scheduler, v.ID)) }, "cancelled, cancelled"},
		{"a window that closes", func() {
			h.At(visitstest.Noon.Add(24 * time.Hour))
			ctx, cancel := context.WithCancel(t.Context())
			watching := make(chan struct{})
			go func() {
				defer close(watching)
				h.Watch(ctx, func(string, string, int64) {})
			}()
			for h.Count(`visits WHERE state = 'no_show'`) == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
			<-watching
		}, "no_show"},
	} {
		before := rows()
		c.act()
		changes := since()
		if got := kindsOf(changes); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
		if changed := rows() != before; changed != (c.want != "" && c.want != "link_shown of one") {
			t.Errorf("%s: rows changed is %t, told %q", c.name, changed, c.want)
		}
		for _, change := range changes {
			told[change.Kind] = true
			if !change.At.Equal(h.Now()) {
				t.Errorf("%s: told at %v", c.name, change.At)
			}
		}
	}
	for _, kind := range visits.ChangeKinds() {
		if !told[kind] {
			t.Errorf("%s was never told", kind)
		}
	}
}

// TestActsAreKnown: each act stands in one of these lists, and those of the first are done by TestChanges, or by the tests of who leads and of patients that are changed. Who adds an act that changes a visit tells of it there.
func TestActsAreKnown(t *testing.T) {
	changing := []string{
		"BookInterpreter",
		"Cancel",
		"CancelIf",
		"CancelRest",
		"Create",
		"CreateAll",
		"CreateSeries",
		"Edit",
		"EmergencyEnd",
		"EmergencyJoin",
		"Enter",
		"FollowPatient",
		"HandOver",
		"Invite",
		"InviteIf",
		"InviteFrom",
		"Mend",
		"Move",
		"NoShow",
		"NoShowIf",
		"NotNoShow",
		"OnRoomEvent",
		"Resend",
		"ResendIf",
		"Speak",
		"Watch",
		"Withdraw",
		"WithdrawIf",
	}
	other := []string{
		"API",
		"Attendee",
		"CalendarEvent",
		"Caller",
		"Check",
		"CheckCaller",
		"Consent",
		"ConsentOf",
		"ConsentVersion",
		"ConsentsOf",
		"EmergencyList",
		"Exists",
		"FirstOpened",
		"FormerContacts",
		"GiveConsent",
		"GuardiansLeft",
		"Hears",
		"Holder",
		"InSeries",
		"KeepCheck",
		"KeepLate",
		"KeepLine",
		"KeepTold",
		"Leaders",
		"Leading",
		"LedToCome",
		"LinkToSend",
		"LinksWork",
		"List",
		"ListOf",
		"MayMove",
		"Occupied",
		"OpenRoom",
		"Opened",
		"Over",
		"Pass",
		"PreviewSeries",
		"Publish",
		"ReachOf",
		"Read",
		"ReadPerson",
		"Redeem",
		"ReportCheck",
		"RoomRoutes",
		"Routes",
		"Schedule",
		"Search",
		"Sends",
		"Series",
		"ServeEnter",
		"ServiceOf",
		"ServicesLed",
		"Session",
		"Show",
		"ShowIf",
		"SiteOf",
		"Spoke",
		"TextsOf",
		"Told",
		"Upcoming",
		"Visit",
		"VisitIn",
		"VisitsOf",
		"Window",
		"WithFormerContacts",
		"Wrong",
	}
	service := reflect.TypeFor[*visits.Service]()
	for i := range service.NumMethod() {
		name := service.Method(i).Name
		if !slices.Contains(changing, name) && !slices.Contains(other, name) {
			t.Errorf("%s stands in no list", name)
		}
	}
}

// TestChangeFails: what is told of a change is part of the act, so that one does not happen without the other.
func TestChangeFails(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	away := errors.New("away")
	h.Changed = append(h.Changed, func(context.Context, *store.Tx, visits.Change) error { return away })
	h.Service = h.ServiceOn(h.DB)
	if _, _, err := h.Create(t.Context(), h.Scheduler, h.Request()); !errors.Is(err, away) {
		t.Errorf("a visit: %v", err)
	}
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID); !errors.Is(err, away) {
		t.Errorf("a withdrawal: %v", err)
	}
	if h.Count("visits") != 1 || h.Count("invitations WHERE revoked_at <> 0") != 0 {
		t.Error("it happened all the same")
	}
}

// TestRefusedInTheMiddle: where something is refused when a part is written, nothing of it stays.
func TestRefusedInTheMiddle(t *testing.T) {
	h := visitstest.NewHospital(t)
	told := 0
	h.Changed = append(h.Changed, func(context.Context, *store.Tx, visits.Change) error {
		if told++; told%2 == 0 {
			return fault.NotFound
		}
		return nil
	})
	h.Service = h.ServiceOn(h.DB)
	r := h.Request()
	r.AllowOverlap = true
	nothing := func(context.Context, *store.Tx) error { return nil }
	_, err := h.CreateAll(t.Context(), h.Scheduler, []visits.Request{r, r}, store.Act{Action: "visit.import", Subject: store.About("import", store.NewID())}, nothing)
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("several: %v", err)
	}
	if _, err := h.CreateSeries(t.Context(), h.Scheduler, r, visits.Repeat{Weeks: 1, Count: 2}); !errors.Is(err, fault.NotFound) {
		t.Errorf("a series: %v", err)
	}
	if made, people := h.Count("visits"), h.Count("invitations"); made != 0 || people != 0 {
		t.Errorf("%d visits with %d people are there", made, people)
	}
	if made, refused := h.Audited("visit.create", store.Allowed), h.Audited("visit.import", store.Refused)+h.Audited("series.create", store.Refused); made != 0 || refused != 2 {
		t.Errorf("%d rows of visits that are not there, %d of refusals", made, refused)
	}
}
