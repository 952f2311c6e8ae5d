package server

import (
	"context"
	"errors"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/rooms"
	"housecall/visits"
	"housecall/visits/queue"
)

// openQueue opens the clinicians' queue.
func (s *Server) openQueue(_ context.Context, h *house) error {
	q, err := queue.New(queue.Config{DB: h.db, Visits: s.Visits, Sites: s.Sites, Patients: s.People, Colleagues: s.Accounts, Rooms: present{&s.cluster}, Lateness: s.Reminders,
		Sessions: s.Accounts, Policy: h.policy, Pages: h.pages, Now: s.config.Now, Bell: &s.bell})
	if err != nil {
		return err
	}
	q.Routes(h.routes)
	s.queue = q
	return nil
}

// closeQueue sends the queue's readers elsewhere: their streams would keep connections open.
func (s *Server) closeQueue(ctx context.Context) error {
	if s.queue == nil {
		return nil
	}
	return s.queue.Close(ctx)
}

// visitChanged tells the queue of every change of a visit.
func (s *Server) visitChanged(context.Context, *store.Tx, visits.Change) error {
	s.bell.Visit()
	return nil
}

// present tells the queue who is in rooms, and those who wait there what the queue has to say.
type present struct{ cluster *cluster }

// Present implements queue.Rooms.
func (p present) Present(ctx context.Context) (map[string][]queue.Present, error) {
	var all []rooms.Presence
	var err error
	if p.cluster.router != nil {
		all, err = p.cluster.router.Present(ctx)
	} else {
		all = p.cluster.host.Present()
	}
	found := make(map[string][]queue.Present, len(all))
	for _, room := range all {
		for _, o := range room.People {
			found[room.Visit] = append(found[room.Visit], queue.Present{Session: o.Session, Invitation: o.Invitation, Waiting: o.Place == rooms.Waiting,
				Since: o.Since, Away: o.Away, Way: string(o.Way), Check: checkOf(o.Check)})
		}
	}
	return found, err
}

// Tell implements queue.Rooms.
func (p present) Tell(ctx context.Context, visit, by string, note queue.Note) error {
	n := rooms.Note{ID: note.ID, Text: note.Text, Ready: note.Ready}
	if p.cluster.router != nil {
		return p.cluster.router.Tell(ctx, visit, by, n)
	}
	err := p.cluster.host.Tell(ctx, visit, by, n)
	if errors.Is(err, rooms.ErrNotHere) { // there is no other node
		return fault.NotFound
	}
	return err
}

// checkOf is a device check made in a room as visits know it, without when it was; nil: none was made.
func checkOf(c *rooms.Check) *visits.DeviceCheck {
	if c == nil {
		return nil
	}
	return &visits.DeviceCheck{Camera: string(c.Camera), Microphone: string(c.Microphone), Speaker: string(c.Speaker), Network: string(c.Network),
		RTTMS: c.RTTMS, LossPct: c.LossPct, Browser: c.Browser}
}
