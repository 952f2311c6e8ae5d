package visits_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

func TestMove(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan(func(r *visits.Request) { r.StartsAt = visitstest.Noon.Add(time.Hour) })
	move := func(m visits.Move) visits.Visit {
		t.Helper()
		got, err := h.Move(t.Context(), h.Scheduler, v.ID, m)
		if err != nil {
			t.Fatal(err)
		}
		if read := h.Shown(v.ID); fmt.Sprintf("%+v", read) != fmt.Sprintf("%+v", got) {
			t.Errorf("read back\n%+v, want\n%+v", read, got)
		}
		return got
	}
	tomorrow := visitstest.Noon.Add(24 * time.Hour)
	got := move(visits.Move{StartsAt: tomorrow})
	if !got.StartsAt.Equal(tomorrow) || !got.EndsAt.Equal(tomorrow.Add(30*time.Minute)) || got.Sequence != 1 ||
		!got.OpensAt.Equal(tomorrow.Add(-30*time.Minute)) || !got.ClosesAt.Equal(tomorrow.Add(150*time.Minute)) {
		t.Errorf("moved to %+v", got)
	}
	if got := move(visits.Move{StartsAt: tomorrow, Minutes: 30}); got.Sequence != 1 {
		t.Errorf("moved to where it was: sequence %d", got.Sequence)
	}
	if got := move(visits.Move{Minutes: 45}); got.Sequence != 2 || !got.EndsAt.Equal(tomorrow.Add(45*time.Minute)) {
		t.Errorf("made longer: %+v", got)
	}
	if h.Audited("visit.move", store.Allowed) != 3 || h.Count("visit_removals") != 0 {
		t.Error("not audited, or somebody was shown out")
	}
	// The same links work, at the new time alone.
	_, err := h.Redeem(t.Context(), visits.Redemption{Code: visitstest.CodeOf(links[0])})
	visitstest.WantCode(t, err, fault.CodeTooEarly, fault.NotAllowed)
	h.At(tomorrow)
	e := h.Follow(links[0], "")
	if err := h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomOpened, Visit: v.ID, At: tomorrow}); err != nil {
		t.Fatal(err)
	}
	// Who waits goes on waiting when it begins later.
	if got := move(visits.Move{StartsAt: tomorrow.Add(20 * time.Minute)}); got.State != visits.Open || got.Sequence != 3 {
		t.Errorf("moved while somebody waits: %+v", got)
	}
	if _, err := h.Session(t.Context(), v.ID, e.Token); err != nil || h.Count("visit_removals") != 0 {
		t.Errorf("who waited was shown out: %v", err)
	}
	for name, c := range map[string]struct {
		move visits.Move
		want string
	}{
		"long ago":   {visits.Move{StartsAt: visitstest.Noon.Add(-24 * time.Hour)}, "starts_at"},
		"far":        {visits.Move{StartsAt: visitstest.Noon.AddDate(3, 0, 0)}, "starts_at"},
		"too short":  {visits.Move{Minutes: 4}, "minutes"},
		"everything": {visits.Move{StartsAt: visitstest.Noon.AddDate(3, 0, 0), Minutes: 481}, "minutes starts_at"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Move(t.Context(), h.Scheduler, v.ID, c.move)
			visitstest.WantFields(t, err, strings.Fields(c.want)...)
		})
	}

	// What has begun may only take longer; what is over stays as it was.
	if err := h.OnRoomEvent(t.Context(), visits.RoomEvent{Kind: visits.RoomAdmitted, Visit: v.ID, Role: auth.Patient, At: tomorrow}); err != nil {
		t.Fatal(err)
	}
	_, err = h.Move(t.Context(), h.Scheduler, v.ID, visits.Move{StartsAt: tomorrow})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	if got := move(visits.Move{Minutes: 60}); got.State != visits.InProgress || got.Sequence != 4 {
		t.Errorf("made longer while going on: %+v", got)
	}
	if err := h.Cancel(t.Context(), h.Scheduler, v.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.Move(t.Context(), h.Scheduler, v.ID, visits.Move{Minutes: 30})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	closed, _ := h.Plan()
	h.At(closed.ClosesAt)
	_, err = h.Move(t.Context(), h.Scheduler, closed.ID, visits.Move{StartsAt: closed.ClosesAt.Add(time.Hour)})
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
}

// TestCancelCounts: a calendar takes a cancellation for newer than what it has.
func TestCancelCounts(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, _ := h.Plan()
	for range 2 {
		if err := h.Cancel(t.Context(), h.Scheduler, v.ID); err != nil {
			t.Fatal(err)
		}
		if got := h.Shown(v.ID).Sequence; got != 1 {
			t.Errorf("sequence %d", got)
		}
	}
}

// overlaps are the visits an error names, as "field visit".
func overlaps(t *testing.T, err error) (all []string) {
	t.Helper()
	var p *fault.Problem
	if !errors.As(err, &p) {
		t.Errorf("error %v, want a problem", err)
		return nil
	}
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	found, _ := p.Fields["overlaps"].([]visits.Overlap)
	for _, o := range found {
		all = append(all, o.Field+" "+o.Visit)
	}
	return all
}

func TestOverlaps(t *testing.T) {
	p := visitstest.NewPractice(t)
	first, _, err := p.Create(t.Context(), p.Scheduler, p.Request()) // 12:00 to 12:40
	if err != nil {
		t.Fatal(err)
	}
	both := "clinician_id " + first.ID + ", patient_id " + first.ID
	for _, c := range []struct {
		what   string
		starts time.Duration // after noon
		change func(*visits.Request)
		want   string
	}{
		{"just after", 40 * time.Minute, nil, ""},
		{"just before", -40 * time.Minute, nil, ""},
		{"the last minute", 39 * time.Minute, nil, both},
		{"the first minute", -39 * time.Minute, nil, both},
		{"around it", -20 * time.Minute, func(r *visits.Request) { r.Minutes = 480 }, both},
		{"within it", 10 * time.Minute, func(r *visits.Request) { r.Minutes = 5 }, both},
		{"another clinician", 0, func(r *visits.Request) { r.ClinicianID = p.Nurse.ID }, "patient_id " + first.ID},
		{"another patient", 0, func(r *visits.Request) {
			r.PatientID, r.BirthDate = "", visitstest.CanaryBirthDate
			r.People = []visits.Person{{Name: "Sample", Role: auth.Patient}, {Role: auth.Clinician}}
		}, "clinician_id " + first.ID},
		{"allowed", 0, func(r *visits.Request) { r.AllowOverlap = true }, ""},
	} {
		r := p.Request()
		r.StartsAt = visitstest.Noon.Add(c.starts)
		if c.change != nil {
			c.change(&r)
		}
		v, _, err := p.Create(t.Context(), p.Scheduler, r)
		if err == nil {
			if err := p.Cancel(t.Context(), p.Scheduler, v.ID); err != nil { // what is cancelled is in nobody's way
				t.Fatal(err)
			}
		}
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		if got := strings.Join(overlaps(t, err), ", "); got != c.want {
			t.Errorf("%s: overlaps %s, want %s", c.what, got, c.want)
		}
	}

	r := p.Request()
	r.StartsAt = visitstest.Noon.Add(time.Hour)
	second, _, err := p.Create(t.Context(), p.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	onto := visits.Move{StartsAt: visitstest.Noon.Add(20 * time.Minute)}
	_, err = p.Move(t.Context(), p.Scheduler, second.ID, onto)
	if got := strings.Join(overlaps(t, err), ", "); got != both {
		t.Errorf("moved onto another: %s", got)
	}
	if got := p.Shown(second.ID); got.Sequence != 0 || !got.StartsAt.Equal(second.StartsAt) {
		t.Error("it was moved all the same")
	}
	onto.AllowOverlap = true
	if v, err := p.Move(t.Context(), p.Scheduler, second.ID, onto); err != nil || v.Sequence != 1 {
		t.Errorf("allowed: %v", err)
	}
	if _, err := p.Move(t.Context(), p.Scheduler, first.ID, visits.Move{StartsAt: visitstest.Noon.Add(-20 * time.Minute)}); err != nil {
		t.Errorf("out of the other's way: %v", err)
	}
}
