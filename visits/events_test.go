package visits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestRoomEvents(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	patient, clinician := links[0].Invitation.ID, links[1].Invitation.ID
	opened := visits.RoomEvent{Kind: visits.RoomOpened, Visit: v.ID, At: visitstest.Noon}
	entered := visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: v.ID, At: visitstest.Noon, Invitation: clinician, Role: auth.Clinician}
	admitted := visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: v.ID, At: visitstest.Noon, Invitation: patient, Role: auth.Patient, By: clinician}
	left := visits.RoomEvent{Kind: visits.RoomLeft, Visit: v.ID, At: visitstest.Noon, Invitation: patient, Role: auth.Patient}
	ended := visits.RoomEvent{Kind: visits.RoomEnded, Visit: v.ID, At: visitstest.Noon, By: clinician}
	for _, c := range []struct {
		e    visits.RoomEvent
		want visits.State
	}{
		{opened, visits.Open}, {opened, visits.Open},
		{entered, visits.Open}, // a clinician alone is no visit yet
		{admitted, visits.InProgress}, {admitted, visits.InProgress},
		{opened, visits.InProgress}, // late
		{left, visits.InProgress},
		{ended, visits.Ended}, {ended, visits.Ended},
		{opened, visits.Ended}, {admitted, visits.Ended}, // late
	} {
		if err := h.OnRoomEvent(t.Context(), c.e); err != nil {
			t.Fatalf("%s: %v", c.e.Kind, err)
		}
		if got := h.Shown(v.ID).State; got != c.want {
			t.Errorf("after %s: %s, want %s", c.e.Kind, got, c.want)
		}
	}
	if n := h.Count("visit_removals"); n != 1 {
		t.Errorf("%d removals, want one of the whole visit", n)
	}
	if n := h.Count(`audit WHERE action = 'room.admitted' AND actor_id = ? AND actor_role = 'clinician' AND subject_id = ?`, clinician, patient); n == 0 {
		t.Error("who admitted whom is not audited")
	}
	err := h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomOpened, Visit: store.NewID(), At: visitstest.Noon})
	visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
}

// What a room does with people is audited by who did it to whom, and moves no appointment; whoever is removed has no invitation any more.
func TestRoomActs(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	patient, clinician := links[0].Invitation.ID, links[1].Invitation.ID
	about := func(kind visits.RoomEventKind, invitation string) visits.RoomEvent {
		return visits.RoomEvent{Kind: kind, Visit: v.ID, At: visitstest.Noon, Invitation: invitation, Role: auth.Patient, By: clinician}
	}
	for _, e := range []visits.RoomEvent{
		about(visits.RoomPrivateStarted, ""), about(visits.RoomPrivateEnded, ""), about(visits.RoomReturned, patient), about(visits.RoomDeclined, patient),
		about(visits.RoomHandedOver, patient), about(visits.RoomRemoved, patient),
	} {
		if err := h.OnRoomEvent(t.Context(), e); err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		subject := v.ID
		if e.Invitation != "" {
			subject = e.Invitation
		}
		if n := h.Count(`audit WHERE action = ? AND actor_id = ? AND subject_id = ? AND detail = ?`, "room."+string(e.Kind), clinician, subject, "visit "+v.ID); n != 1 {
			t.Errorf("%s: %d rows of audit", e.Kind, n)
		}
	}
	after := h.Shown(v.ID)
	if after.State != visits.Scheduled || !after.Invitations[0].Revoked() || after.Invitations[1].Revoked() {
		t.Errorf("afterwards %+v", after)
	}
	if err := h.OnRoomEvent(t.Context(), about(visits.RoomRemoved, patient)); err != nil { // told twice
		t.Fatal(err)
	}
	if n := h.Count("visit_removals"); n != 1 {
		t.Errorf("%d removals", n)
	}
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0])})
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
	visitstest.WantCode(t, h.OnRoomEvent(t.Context(), about(visits.RoomRemoved, store.NewID())), fault.CodeNotFound, fault.NotFound)
}

// watching runs Watch of s and gathers what it tells.
type watching struct {
	mu   sync.Mutex
	told []string
	news chan struct{}
}

func watch(t *testing.T, s *visits.Service) *watching {
	w := &watching{news: make(chan struct{}, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx, func(visit, invitation string, _ int64) {
			w.mu.Lock()
			w.told = append(w.told, visit+"/"+invitation)
			w.mu.Unlock()
			w.news <- struct{}{}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// wait waits until n things were told.
func (w *watching) wait(t *testing.T, n int) []string {
	t.Helper()
	for {
		w.mu.Lock()
		told := slices.Clone(w.told)
		w.mu.Unlock()
		if len(told) >= n {
			return told
		}
		select {
		case <-w.news:
		case <-time.After(30 * time.Second):
			t.Fatalf("told %v, want %d", told, n)
		}
	}
}

// TestWatch: two nodes and a command line on one database; each node hears everything, in order and once.
func TestWatch(t *testing.T) {
	h := visitstest.NewHospital(t)
	before, _ := h.Plan()
	h.At(visitstest.Noon.Add(-24 * time.Hour)) // before the nodes start, by one whose clock is wrong
	if err := h.Cancel(t.Context(), h.Scheduler, before.ID); err != nil {
		t.Fatal(err)
	}
	h.At(visitstest.Noon)
	here, there, commandLine := h.ServiceOn(h.Open()), h.ServiceOn(h.Open()), h.Service
	nodes := []*watching{watch(t, here), watch(t, there)}
	a, links := h.Plan()
	b, _ := h.Plan()
	id := func(i int) string { return links[i].Invitation.ID }
	for _, err := range []error{
		commandLine.Withdraw(t.Context(), h.Scheduler, a.ID, id(0)),
		func() error { _, err := here.Resend(t.Context(), h.Scheduler, a.ID, id(2), true); return err }(),
		func() error { _, err := here.Resend(t.Context(), h.Scheduler, a.ID, id(2), false); return err }(),
		there.Cancel(t.Context(), h.Scheduler, a.ID),
		here.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomEnded, Visit: b.ID, At: visitstest.Noon}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{before.ID + "/", a.ID + "/" + id(0), a.ID + "/" + id(2), a.ID + "/", b.ID + "/"}
	for i, n := range nodes {
		if got := n.wait(t, len(want)); !slices.Equal(got, want) {
			t.Errorf("node %d was told %v, want %v", i, got, want)
		}
	}
}

// TestWatchMissesNothing: many act at once on several nodes. At no moment does anybody see a removal while one with a lower number is still to come, so
// those who read on from the highest they have seen hear of all.
func TestWatchMissesNothing(t *testing.T) {
	h := visitstest.NewHospital(t)
	nodes := []*visits.Service{h.ServiceOn(h.Open()), h.ServiceOn(h.Open()), h.ServiceOn(h.Open())}
	watchers := []*watching{watch(t, nodes[0]), watch(t, nodes[1])}
	const rounds = 8
	var acts []func(*visits.Service) error
	for range rounds {
		v, links := h.Plan()
		for _, l := range links {
			acts = append(acts,
				func(s *visits.Service) error {
					_, err := s.Resend(t.Context(), h.Scheduler, v.ID, l.Invitation.ID, true)
					return err
				},
				func(s *visits.Service) error { return s.Withdraw(t.Context(), h.Scheduler, v.ID, l.Invitation.ID) })
		}
		acts = append(acts, func(s *visits.Service) error { return s.Cancel(t.Context(), h.Scheduler, v.ID) })
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })

	looking, done := make(chan struct{}), make(chan struct{})
	reader := h.Open()
	go func() {
		defer close(looking)
		for over := false; !over; {
			select {
			case <-done:
				over = true // after one more look
			default:
			}
			var highest, rows int
			if err := reader.QueryRowContext(t.Context(), `SELECT COALESCE(MAX(seq), 0), count(*) FROM visit_removals`).Scan(&highest, &rows); err != nil || highest != rows {
				t.Errorf("the highest number is %d, and %d are to be seen; %v", highest, rows, err)
				return
			}
		}
	}()
	var acting sync.WaitGroup
	for i, act := range acts {
		node := nodes[i%len(nodes)]
		acting.Go(func() {
			// What another was faster with is refused.
			if err := act(node); err != nil && fault.CodeOf(err) != fault.CodeConflict {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
	acting.Wait()
	close(done)
	<-looking
	want := h.Column(`SELECT visit_id || '/' || invitation_id FROM visit_removals ORDER BY seq`)
	if len(want) < rounds { // the control: each visit was cancelled at least
		t.Fatalf("%d removals", len(want))
	}
	for i, w := range watchers {
		if got := w.wait(t, len(want)); !slices.Equal(got, want) {
			t.Errorf("seed %d: node %d was told %v, want %v", seed, i, got, want)
		}
	}
}

// TestWatchClosesWindows: what nobody ended ends with its window.
func TestWatchClosesWindows(t *testing.T) {
	h := visitstest.NewHospital(t)
	missed, _ := h.Plan()
	begun, _ := h.Plan()
	later, _ := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Hour) })
	if err := h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: begun.ID, At: visitstest.Noon}); err != nil {
		t.Fatal(err)
	}
	h.At(missed.ClosesAt)
	watch(t, h.Service).wait(t, 2)
	for id, want := range map[string]visits.State{missed.ID: visits.NoShow, begun.ID: visits.Ended, later.ID: visits.Scheduled} {
		if got := h.Shown(id).State; got != want {
			t.Errorf("state %s, want %s", got, want)
		}
	}
	if n := h.Audited("visit.close", store.Allowed); n != 2 {
		t.Errorf("%d closings audited", n)
	}
}

// TestActAndAuditAreOne: when the audit row cannot be written, nothing of the act stays.
func TestActAndAuditAreOne(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(visitstest.AskBirthDate)
	e, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[1])})
	if err != nil {
		t.Fatal(err)
	}
	patient := links[0].Invitation.ID
	dump := func() string {
		var all strings.Builder
		for _, table := range [][2]string{{"visits", "state"}, {"invitations", "generation || ' ' || tries || ' ' || revoked_at"}, {"invitation_codes", "hash"},
			{"visit_sessions", "id"}, {"visit_removals", "seq"}, {"audit", "id"}} {
			rows := h.Column(`SELECT ` + table[1] + ` FROM ` + table[0] + ` ORDER BY 1`)
			fmt.Fprintf(&all, "%s: %v\n", table[0], rows)
		}
		return all.String()
	}
	trigger := `CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'on purpose'); END`
	if storetest.OnPostgres() {
		trigger = `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$;
			CREATE TRIGGER broken BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION broken()`
	}
	if _, err := h.DB.ExecContext(t.Context(), trigger); err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func() error{
		"create":   func() error { _, _, err := h.Create(t.Context(), h.Scheduler, h.Request()); return err },
		"list":     func() error { _, err := h.List(t.Context(), h.Scheduler, visits.Query{}); return err },
		"show":     func() error { _, err := h.Show(t.Context(), h.Scheduler, v.ID); return err },
		"cancel":   func() error { return h.Cancel(t.Context(), h.Scheduler, v.ID) },
		"withdraw": func() error { return h.Withdraw(t.Context(), h.Scheduler, v.ID, patient) },
		"resend":   func() error { _, err := h.Resend(t.Context(), h.Scheduler, v.ID, patient, true); return err },
		"invite": func() error {
			_, err := h.Invite(t.Context(), h.Scheduler, v.ID, visits.Person{Name: "Sample Guest", Role: auth.Guest})
			return err
		},
		"redeem": func() error {
			_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[1])})
			return err
		},
		"guess": func() error {
			_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0]), BirthDate: "2012-01-01"})
			return err
		},
		"session": func() error { _, err := h.Session(t.Context(), v.ID, e.Token); return err },
		"pass":    func() error { _, _, err := h.Pass(t.Context(), v.ID, e.Token); return err },
		"event": func() error {
			return h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomEnded, Visit: v.ID, At: visitstest.Noon})
		},
		"refusal": func() error { return h.Cancel(t.Context(), auth.Actor{Kind: auth.KindKey}, v.ID) },
	} {
		was := dump()
		if err := act(); err == nil || !strings.Contains(err.Error(), "on purpose") {
			t.Errorf("%s without its audit row: %v", name, err)
		}
		if now := dump(); now != was {
			t.Errorf("%s left something behind:\n%s\n%s", name, was, now)
		}
	}
}

// crashEnv has the address of the other process's database.
const crashEnv = "HOUSECALL_TEST_CREATE_IN"

// createUntilKilled is the other process of TestKilled.
func createUntilKilled() int {
	ctx := context.Background()
	db, err := store.Open(ctx, os.Getenv(crashEnv), store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := visits.New(ctx, visits.Config{DB: db, LinkKey: []byte("key")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		v, _, err := s.Create(ctx, auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 30,
			People: []visits.Person{{Name: "Sample Patient", Role: auth.Patient}, {Name: "Sample Clinician", Role: auth.Clinician}}})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(v.ID) // acknowledged
	}
}

// TestKilled kills a process (kill -9) that makes visits: every visit it acknowledged is there, whole and audited, and none is there by half.
func TestKilled(t *testing.T) {
	url := storetest.URL(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), crashEnv+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	buf := make([]byte, 4096)
	for strings.Count(told.String(), "\n") < 20 {
		n, err := out.Read(buf)
		told.Write(buf[:n])
		if err != nil {
			t.Fatalf("the other process ended: %v", err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := out.Read(buf)
		told.Write(buf[:n])
		if err != nil {
			break
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the other process ended by itself: %v", err)
	}
	db := storetest.Open(t, url, store.Options{})
	s, err := visits.New(t.Context(), visits.Config{DB: db, LinkKey: []byte("key")})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(told.String(), "\n")
	for _, id := range lines[:len(lines)-1] { // the last line may be cut
		v, err := s.Show(t.Context(), auth.Operator(), id)
		if err != nil || len(v.Invitations) != 2 {
			t.Errorf("acknowledged, then %d invitations, %v", len(v.Invitations), err)
		}
	}
	count := func(query string) (n int) {
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM `+query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	v, i, c, a := count("visits"), count("invitations"), count("invitation_codes"), count("audit WHERE action = 'visit.create'")
	if i != 2*v || c != 2*v || a != v {
		t.Errorf("%d visits, %d invitations, %d codes, %d audit rows", v, i, c, a)
	}
}

// TestRemovalsBesideAttendees: whoever came by a link from before its removal is told from whoever has the new one, though the node that removed is
// behind with its clock.
func TestRemovalsBesideAttendees(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	told := make(chan int64, 1)
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{})
	go func() { defer close(watching); h.Watch(ctx, func(_, _ string, number int64) { told <- number }) }()
	defer func() { cancel(); <-watching }()
	attendee := func(e visits.Entry) visits.Attendee {
		a, err := h.Attendee(t.Context(), v.ID, e.Session)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	before := attendee(h.Follow(links[0], ""))
	h.At(visitstest.Noon.Add(-time.Minute))
	link, err := h.Resend(t.Context(), h.Scheduler, v.ID, links[0].Invitation.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	h.At(visitstest.Noon)
	after := attendee(h.Follow(link, ""))
	if number := <-told; before.Checked >= number || after.Checked < number {
		t.Errorf("removal %d; before it %d, after it %d", number, before.Checked, after.Checked)
	}
}
