package after_test

import (
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
)

// TestRecord: what happened in the room is there, once, also when it was told twice; a former host adds nothing of the time after it.
func TestRecord(t *testing.T) {
	c := newClinic(t)
	account := store.NewID()
	v := c.visit(doctor)
	if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET clinician_id = ? WHERE id = ?`, account, v.ID); err != nil {
		t.Fatal(err)
	}
	clinician, child := v.Invitations[0], v.Invitations[1]
	epoch := noon.Add(2 * time.Minute).UnixMicro()
	if _, _, err := c.visits.OpenRoom(t.Context(), v.ID, epoch, 10); err != nil {
		t.Fatal(err)
	}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for _, e := range []visits.RoomEvent{
		{Kind: visits.RoomOpened, At: at(0), Epoch: 1},
		{Kind: visits.RoomAdmitted, At: at(1), Epoch: 1, Invitation: clinician.ID, Role: auth.Clinician},
		{Kind: visits.RoomAdmitted, At: at(3), Epoch: epoch, Invitation: child.ID, Role: auth.Patient, By: clinician.ID},
		{Kind: visits.RoomAdmitted, At: at(3), Epoch: epoch, Invitation: child.ID, Role: auth.Patient, By: clinician.ID},
		{Kind: visits.RoomAdmitted, At: at(8), Epoch: epoch, Invitation: child.ID, Role: auth.Patient, By: clinician.ID},
		{Kind: visits.RoomLeft, At: at(4), Epoch: 1, Invitation: clinician.ID, Role: auth.Clinician}, // by the host before
		{Kind: visits.RoomPrivateStarted, At: at(5), Epoch: epoch, By: clinician.ID},
		{Kind: visits.RoomPrivateEnded, At: at(9), Epoch: epoch, By: clinician.ID},
		{Kind: visits.RoomLeft, At: at(20), Epoch: epoch, Invitation: child.ID, Role: auth.Patient},
		{Kind: visits.RoomEnded, At: at(21), Epoch: epoch, By: clinician.ID},
	} {
		e.Visit = v.ID
		if err := c.visits.OnRoomEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Record(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: account, Role: auth.Clinician}, v.ID)
	if err != nil {
		t.Fatal(err)
	}
	planned := c.visit(doctor)
	for role, want := range map[auth.Role]string{auth.Coordinator: "/desk/visits/" + v.ID + "/record", auth.Admin: "/desk/visits/" + v.ID + "/record", auth.Scheduler: "", auth.Clinician: ""} {
		who := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}
		n, err := c.Note(t.Context(), who, v.ID, c.book.In("en"))
		before, errBefore := c.Note(t.Context(), who, planned.ID, c.book.In("en"))
		if err != nil || errBefore != nil || n.Path != want || before.Path != "" {
			t.Errorf("the page of a visit leads a %s to %q, and before it to %q: %v, %v", role, n.Path, before.Path, err, errBefore)
		}
	}
	if len(r.Events) != 8 || !r.Began.Equal(at(3)) || !r.Ended.Equal(at(21)) {
		t.Errorf("%d events, from %v to %v", len(r.Events), r.Began, r.Ended)
	}
	if began, err := c.Began(t.Context(), []string{v.ID, planned.ID, store.NewID()}); err != nil || len(began) != 1 || !began[v.ID].Equal(at(3)) {
		t.Errorf("began %v: %v", began, err)
	}
	if began, err := c.Began(t.Context(), nil); err != nil || len(began) != 0 {
		t.Errorf("none began %v: %v", began, err)
	}
	if p := r.People; len(p) != 2 || !p[0].In.Equal(at(1)) || !p[0].Out.Equal(at(21)) || !p[1].In.Equal(at(3)) || !p[1].Out.Equal(at(20)) {
		t.Errorf("people %+v", p)
	}
	if len(r.Private) != 1 || !r.Private[0].From.Equal(at(5)) || !r.Private[0].To.Equal(at(9)) {
		t.Errorf("private time %+v", r.Private)
	}
	for role, want := range map[auth.Role]string{auth.Coordinator: "", auth.Admin: "", auth.Clinician: fault.CodeNotFound, auth.Scheduler: fault.CodeNotAllowed, auth.Guardian: fault.CodeNotAllowed} {
		_, err := c.Record(t.Context(), auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: role}, v.ID)
		if fault.CodeOf(err) != want {
			t.Errorf("a %s who has no part in it: %v", role, err)
		}
	}
	if got := c.audited("record.read"); len(got) != 6 {
		t.Errorf("audited %q", got)
	}
}
