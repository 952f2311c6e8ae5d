package server

import (
	"context"
	"strconv"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/reminders"
)

// changed are told of every change of a visit.
func (p *post) changed() []func(context.Context, *store.Tx, visits.Change) error {
	return []func(context.Context, *store.Tx, visits.Change) error{reminders.Changed(p.queue, p.outbox), p.publish}
}

// publish tells other programs of a change. That somebody looked at a link is no news for them.
func (p *post) publish(ctx context.Context, tx *store.Tx, c visits.Change) error {
	if c.Kind == visits.ChangeLinkShown {
		return nil
	}
	return p.webhooks.Publish(ctx, tx, eventOfChange(c))
}

// eventOfChange is a change as other programs are told of it.
func eventOfChange(c visits.Change) notify.Event {
	data := map[string]string{"visit": c.VisitID, "sequence": strconv.Itoa(c.Sequence)}
	if c.InvitationID != "" {
		data["invitation"] = c.InvitationID
	}
	return notify.Event{Type: "visit." + string(c.Kind), At: c.At, Data: data}
}

// startReminders has people of visits told and reminded of them.
func (s *Server) startReminders(db *store.DB, p *post, policy auth.Policy, book *words.Book) {
	s.Reminders = reminders.New(reminders.Config{DB: db, Jobs: p.queue, Outbox: p.outbox, Visits: s.Visits, Policy: policy, Words: book,
		Steps: s.config.Reminders, Now: s.config.Now})
}
