package visits_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/calendar"
	"housecall/visits/visitstest"
)

// clinic is a practice with two clinicians who can sign in.
type clinic struct {
	*visitstest.Practice
	ada, ben auth.Actor
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{Practice: visitstest.NewPractice(t)}
	for _, id := range []string{c.Doctor.ID, c.Nurse.ID} {
		if _, err := c.DB.ExecContext(t.Context(), `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(auth.Clinician), id); err != nil {
			t.Fatal(err)
		}
	}
	c.ada = auth.Actor{Kind: auth.KindStaff, ID: c.Doctor.ID, Role: auth.Clinician}
	c.ben = auth.Actor{Kind: auth.KindStaff, ID: c.Nurse.ID, Role: auth.Clinician}
	return c
}

func (c *clinic) book() (visits.Visit, []visits.Link) {
	c.T.Helper()
	r := c.Request()
	r.AllowOverlap = true
	v, links, err := c.Create(c.T.Context(), c.Scheduler, r)
	if err != nil {
		c.T.Fatal(err)
	}
	return v, links
}

// family redeems the link of the patient.
func (c *clinic) family(l visits.Link) (visits.Entry, error) {
	return c.Redeem(c.T.Context(), visits.Redemption{Code: visitstest.CodeOf(l), BirthDate: visitstest.CanaryBirthDate})
}

func (c *clinic) state(id string, want visits.State) {
	c.T.Helper()
	if got := c.Shown(id).State; got != want {
		c.T.Errorf("the visit is %s, want %s", got, want)
	}
}

func TestNoShow(t *testing.T) {
	c := newClinic(t)
	since := observed(c.Hospital)
	v, links := c.book()
	c.At(visitstest.Noon.Add(-time.Minute))
	visitstest.WantCode(t, c.NoShow(t.Context(), c.ada, v.ID), fault.CodeConflict, fault.NotValid)
	c.At(visitstest.Noon.Add(10 * time.Minute))
	for _, other := range []auth.Actor{c.ben, {Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Coordinator}, {Kind: auth.KindInvitation, ID: c.Doctor.ID, Role: auth.Clinician}} {
		if err := c.NoShow(t.Context(), other, v.ID); !errors.Is(err, fault.NotFound) {
			t.Errorf("a %s who does not lead: %v", other.Role, err)
		}
	}
	if err := errors.Join(c.NoShow(t.Context(), c.ada, v.ID), c.NoShow(t.Context(), c.ada, v.ID)); err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.NoShow)
	if n := c.Audited("visit.no_show", store.Refused); n != 3 || c.Audited("visit.no_show", store.Allowed) != 2 || c.Count(`visit_removals`) != 0 {
		t.Errorf("%d refusals in the audit, or somebody was cut off", n)
	}
	if _, err := c.Move(t.Context(), c.Scheduler, v.ID, visits.Move{StartsAt: visitstest.Noon.Add(24 * time.Hour)}); fault.CodeOf(err) != fault.CodeConflict {
		t.Errorf("a no-show moved: %v", err)
	}

	// Taken back by who leads it, or by the desk.
	if err := errors.Join(c.NotNoShow(t.Context(), c.ada, v.ID), c.NotNoShow(t.Context(), c.Scheduler, v.ID)); err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.Scheduled)
	if err := c.NoShow(t.Context(), c.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}

	// The clinician's own way in changes nothing, the family's does.
	doctor, err := c.Enter(t.Context(), c.ada, v.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Pass(t.Context(), v.ID, doctor.Token); err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.NoShow)
	late, err := c.family(links[0])
	if err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.NoShow)
	if _, _, err := c.Pass(t.Context(), v.ID, late.Token); err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.Open)

	// Whoever waited already may be let in, too.
	if err := c.NoShow(t.Context(), c.ada, v.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: v.ID, At: c.Now(), Invitation: late.You.ID, Role: auth.Patient}); err != nil {
		t.Fatal(err)
	}
	c.state(v.ID, visits.InProgress)
	if got := kindsOf(since()); got != "created, no_show, changed, no_show, opened, no_show, started" {
		t.Errorf("changes: %s", got)
	}
	visitstest.WantCode(t, c.NoShow(t.Context(), c.ada, v.ID), fault.CodeConflict, fault.NotValid)

	// After the window nothing brings it back.
	w, links := c.book()
	c.At(w.StartsAt)
	if err := c.NoShow(t.Context(), c.ada, w.ID); err != nil {
		t.Fatal(err)
	}
	c.At(w.ClosesAt)
	visitstest.WantCode(t, c.NotNoShow(t.Context(), c.ada, w.ID), fault.CodeConflict, fault.NotValid)
	_, err = c.family(links[0])
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
	c.state(w.ID, visits.NoShow)
}

func TestHandOver(t *testing.T) {
	c := newClinic(t)
	since := observed(c.Hospital)
	v, _ := c.book()
	give := func(actor auth.Actor, id string, h visits.HandOver) error {
		t.Helper()
		return c.HandOver(t.Context(), actor, id, h)
	}
	if err := give(c.ben, v.ID, visits.HandOver{To: c.ben.ID}); !errors.Is(err, fault.NotFound) {
		t.Errorf("a colleague takes a visit: %v", err)
	}
	for _, to := range []string{"", store.NewID(), c.Scheduler.ID} {
		visitstest.WantFields(t, give(c.ada, v.ID, visits.HandOver{To: to}), "to")
	}
	if err := give(c.ada, v.ID, visits.HandOver{To: c.ada.ID}); err != nil {
		t.Error(err)
	}
	if err := give(c.ada, v.ID, visits.HandOver{To: c.ben.ID}); err != nil {
		t.Fatal(err)
	}
	if got := kindsOf(since()); got != "created, changed, revoked of one, invited of one" {
		t.Errorf("changes: %s", got)
	}
	invited := func(id string) (all []string) {
		for _, i := range c.Shown(id).Invitations {
			if i.StaffID != "" && !i.Revoked() {
				all = append(all, i.StaffID)
			}
		}
		return all
	}
	if got := c.Shown(v.ID); got.ClinicianID != c.ben.ID || !slices.Equal(invited(v.ID), []string{c.ben.ID}) || c.Count(`visit_removals`) != 1 {
		t.Errorf("led by %s, invited %v", got.ClinicianID, invited(v.ID))
	}
	reach := func(id string, account auth.Actor) (email phi.Text) {
		for _, i := range c.Shown(id).Invitations {
			if i.StaffID == account.ID && !i.Revoked() {
				email = i.Email
			}
		}
		return email
	}
	if ben, err := c.Colleagues.Colleague(t.Context(), c.ben.ID); err != nil || ben.Email == "" || reach(v.ID, c.ben) != ben.Email {
		t.Errorf("who got it is written to at %q, %v", reach(v.ID, c.ben).Reveal(), err)
	}
	if err := give(c.ada, v.ID, visits.HandOver{To: c.ada.ID}); !errors.Is(err, fault.NotFound) {
		t.Errorf("who gave it away takes it back: %v", err)
	}
	if _, err := c.Enter(t.Context(), c.ada, v.ID, ""); !errors.Is(err, fault.NotFound) {
		t.Errorf("who gave it away comes in: %v", err)
	}

	// The desk does, too; the new one's other visits are known.
	other, _ := c.book()
	visitstest.WantCode(t, give(c.Scheduler, other.ID, visits.HandOver{To: c.ben.ID}), fault.CodeConflict, fault.NotValid)
	if err := give(c.Scheduler, other.ID, visits.HandOver{To: c.ben.ID, AllowOverlap: true, Keep: true}); err != nil {
		t.Fatal(err)
	}
	if got := invited(other.ID); !slices.Equal(got, []string{c.ada.ID, c.ben.ID}) {
		t.Errorf("invited %v", got)
	}
	// Who takes part already, and is not written to, is from then on.
	if email := reach(other.ID, c.ada); email != "" {
		t.Fatalf("whom the desk booked is written to at %q", email.Reveal())
	}
	if err := give(c.ben, other.ID, visits.HandOver{To: c.ada.ID, AllowOverlap: true, Keep: true}); err != nil {
		t.Fatal(err)
	}
	if ada, err := c.Colleagues.Colleague(t.Context(), c.ada.ID); err != nil || ada.Email == "" || reach(other.ID, c.ada) != ada.Email || len(invited(other.ID)) != 2 {
		t.Errorf("who gets it back is written to at %q, %v", reach(other.ID, c.ada).Reveal(), err)
	}

	// A live visit goes on for whoever is in it.
	live, _ := c.book()
	if err := c.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: live.ID, At: c.Now(), Invitation: live.Invitations[0].ID, Role: auth.Patient}); err != nil {
		t.Fatal(err)
	}
	before := c.Count(`visit_removals`)
	if err := give(c.ada, live.ID, visits.HandOver{To: c.ben.ID, AllowOverlap: true}); err != nil {
		t.Fatal(err)
	}
	c.state(live.ID, visits.InProgress)
	if got := invited(live.ID); !slices.Equal(got, []string{c.ada.ID, c.ben.ID}) || c.Count(`visit_removals`) != before {
		t.Errorf("invited %v, or somebody was cut off", got)
	}
	if err := c.Cancel(t.Context(), c.Scheduler, other.ID); err != nil {
		t.Fatal(err)
	}
	visitstest.WantCode(t, give(c.ben, other.ID, visits.HandOver{To: c.ada.ID}), fault.CodeConflict, fault.NotValid)
	if n := c.Audited("visit.hand_over", store.Refused); n != 2 {
		t.Errorf("%d refusals in the audit", n)
	}
}

// leaving are colleagues whose accounts are switched off at once.
type leaving struct {
	*staff.Accounts
	off bool
}

func (l *leaving) Colleague(ctx context.Context, id string) (staff.Colleague, error) {
	if l.off {
		return staff.Colleague{}, fault.NotFound
	}
	return l.Accounts.Colleague(ctx, id)
}

// TestHandOverToWhoLeaves: an account that is switched off at that moment gets no visit, and whoever led it still does, invited or not.
func TestHandOverToWhoLeaves(t *testing.T) {
	c := newClinic(t)
	config := c.Config(c.DB)
	known := &leaving{Accounts: c.Colleagues}
	config.Colleagues = known
	s, err := visits.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	alone, _ := c.book()
	both, _ := c.book()
	if err := s.HandOver(t.Context(), c.Scheduler, both.ID, visits.HandOver{To: c.ben.ID, AllowOverlap: true, Keep: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.HandOver(t.Context(), c.ben, both.ID, visits.HandOver{To: c.ada.ID, AllowOverlap: true, Keep: true}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []visits.Visit{alone, both} {
		before := c.Shown(v.ID)
		known.off = false
		leaves := func(visits.Visit) error { known.off = true; return nil }
		visitstest.WantFields(t, s.HandOver(t.Context(), c.ada, v.ID, visits.HandOver{To: c.ben.ID, AllowOverlap: true, If: leaves}), "to")
		if now := c.Shown(v.ID); !reflect.DeepEqual(now, before) {
			t.Errorf("the visit is %+v, and was %+v", now, before)
		}
	}
}

// TestEnter: who is signed in and leads a visit comes in without a link, by the rules of one.
func TestEnter(t *testing.T) {
	c := newClinic(t)
	v, links := c.book()
	c.At(v.OpensAt.Add(-time.Minute))
	_, err := c.Enter(t.Context(), c.ada, v.ID, "")
	visitstest.WantCode(t, err, fault.CodeTooEarly, fault.NotAllowed)
	c.At(v.OpensAt)
	for _, other := range []auth.Actor{c.ben, c.Scheduler} {
		if _, err := c.Enter(t.Context(), other, v.ID, ""); !errors.Is(err, fault.NotFound) {
			t.Errorf("a %s who does not lead comes in: %v", other.Role, err)
		}
	}
	e, err := c.Enter(t.Context(), c.ada, v.ID, "")
	if err != nil || e.You.ID != links[1].Invitation.ID {
		t.Fatalf("came in as %+v: %v", e.You, err)
	}
	again, err := c.Enter(t.Context(), c.ada, v.ID, e.Token)
	if err != nil || again.Session != e.Session || again.Token != e.Token {
		t.Errorf("the same browser has another session: %v", err)
	}
	family, err := c.family(links[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Enter(t.Context(), c.ada, v.ID, family.Token) // a browser that was somebody else's before
	if err != nil || other.Session == e.Session || other.You.ID != e.You.ID {
		t.Errorf("came in as %+v: %v", other.You, err)
	}
	if _, _, err := c.Pass(t.Context(), v.ID, e.Token); err != nil {
		t.Error(err)
	}
	if c.Audited("visit.enter", store.Allowed) != 3 || c.Audited("visit.enter", store.Refused) != 3 {
		t.Error("the audit does not have all")
	}

	// What they say without being there is said by their latest session, and by nobody else's.
	if by, err := c.Speak(t.Context(), c.ada, v.ID); err != nil || by != other.Session {
		t.Errorf("speaks by %s, not %s: %v", by, other.Session, err)
	}
	if _, err := c.Speak(t.Context(), c.ben, v.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("who does not lead speaks: %v", err)
	}

	if n := c.Audited("visit.speak", store.Allowed); n != 0 {
		t.Errorf("%d rows of what nobody said yet", n)
	}

	// Who leads without an invitation gets one.
	if err := c.Withdraw(t.Context(), c.Scheduler, v.ID, e.You.ID); err != nil {
		t.Fatal(err)
	}
	fresh, err := c.Enter(t.Context(), c.ada, v.ID, e.Token)
	if err != nil || fresh.You.ID == e.You.ID || fresh.You.StaffID != c.ada.ID || fresh.You.Role != auth.Clinician {
		t.Errorf("came in as %+v: %v", fresh.You, err)
	}
	c.At(v.ClosesAt)
	_, err = c.Enter(t.Context(), c.ada, v.ID, fresh.Token)
	visitstest.WantCode(t, err, fault.CodeOver, fault.NotAllowed)
}

// TestSpeakOpensNothing: who says something from the queue has opened no link by it, and the audit has what became of it.
func TestSpeakOpensNothing(t *testing.T) {
	c := newClinic(t)
	v, links := c.book()
	by, err := c.Speak(t.Context(), c.ada, v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Speak(t.Context(), c.ada, v.ID); err != nil || again != by {
		t.Errorf("speaks by %s, then by %s: %v", by, again, err)
	}
	opened := func() map[string]time.Time {
		t.Helper()
		first, err := c.FirstOpened(t.Context(), c.DB, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	if first := opened(); len(first) != 0 {
		t.Errorf("opened their link: %v", first)
	}
	for said, want := range map[error]store.Outcome{nil: store.Allowed, fault.NotFound: store.Refused, fault.TryAgain: ""} {
		if err := c.Spoke(t.Context(), c.ada, v.ID, by, said); !errors.Is(err, said) {
			t.Errorf("%v became %v", said, err)
		}
		if n := c.Audited("visit.tell", want); want != "" && n != 1 {
			t.Errorf("%d rows of %v", n, said)
		}
	}
	c.At(visitstest.Noon.Add(time.Minute))
	if _, err := c.Enter(t.Context(), c.ada, v.ID, ""); err != nil {
		t.Fatal(err)
	}
	if at := opened()[links[1].Invitation.ID]; !at.Equal(visitstest.Noon.Add(time.Minute)) {
		t.Errorf("came in at %v", at)
	}
}

func TestLeading(t *testing.T) {
	c := newClinic(t)
	mine, _ := c.book()
	r := c.Request()
	r.ClinicianID, r.ServiceID, r.Service, r.Minutes, r.AllowOverlap = c.ben.ID, "", "Nutrition", 20, true
	his, _, err := c.Create(t.Context(), c.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	guest, _, err := c.Create(t.Context(), c.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Invite(t.Context(), c.Scheduler, guest.ID, visits.Person{Role: auth.Clinician, StaffID: c.ada.ID}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		account  string
		services []string
		want     []string
	}{
		{c.ada.ID, nil, []string{mine.ID, guest.ID}},
		{c.ben.ID, nil, []string{his.ID, guest.ID}},
		{c.ben.ID, []string{c.Cardiology.ID, c.Private.ID}, []string{mine.ID, his.ID, guest.ID}},
		{"", nil, []string{mine.ID, his.ID, guest.ID}},
		{store.NewID(), nil, nil},
	} {
		all, err := c.Leading(t.Context(), c.DB, visitstest.Noon, visitstest.Noon.Add(time.Hour), q.account, q.services)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range all {
			got = append(got, v.ID)
			if len(v.Invitations) < 3 {
				t.Error("its people are missing")
			}
		}
		slices.Sort(got)
		slices.Sort(q.want)
		if !slices.Equal(got, q.want) {
			t.Errorf("%s %v: %v, want %v", q.account, q.services, got, q.want)
		}
	}
	if all, err := c.Leading(t.Context(), c.DB, visitstest.Noon.Add(time.Second), visitstest.Noon.Add(time.Hour), c.ada.ID, nil); err != nil || len(all) != 0 {
		t.Errorf("outside of the time: %v, %v", all, err)
	}
}

// TestWayOfClinicians: letters tell clinicians with an account to come from their queue, for no link was sent to them; everybody else comes by a link.
func TestWayOfClinicians(t *testing.T) {
	c := newClinic(t)
	v, _ := c.book()
	if err := c.HandOver(t.Context(), c.ada, v.ID, visits.HandOver{To: c.ben.ID}); err != nil {
		t.Fatal(err)
	}
	v = c.Shown(v.ID)
	for _, i := range v.Invitations {
		e, err := c.CalendarEvent(t.Context(), v, i, visitstest.Book(t).In("en"))
		if err != nil {
			t.Fatal(err)
		}
		file := strings.ReplaceAll(string(e.File(calendar.Save, c.Now())), "\r\n ", "")
		byQueue := strings.Contains(file, "open the visit from your queue:\\n"+e.Queue)
		if want := i.Role == auth.Clinician; byQueue != want || strings.HasSuffix(e.Queue, "/queue") != want || strings.Contains(e.OwnWay(), "the link that the hospital sent") == want {
			t.Errorf("%s: %q\n%s", i.Role, e.OwnWay(), file)
		}
	}
	if _, err := c.DB.ExecContext(t.Context(), `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(auth.Coordinator), c.ben.ID); err != nil {
		t.Fatal(err)
	}
	for _, i := range v.Invitations {
		if i.StaffID == c.ada.ID { // who is a clinician still
			continue
		}
		if e, err := c.CalendarEvent(t.Context(), v, i, visitstest.Book(t).In("en")); err != nil || e.Queue != "" {
			t.Errorf("%s: %q, %v", i.Role, e.Queue, err)
		}
	}
}
