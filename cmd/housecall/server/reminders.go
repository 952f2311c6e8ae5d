package server

import (
	"context"
	"strconv"

	"housecall/platform/notify"
	"housecall/platform/store"
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
	return notify.Event{Type: eventType(c.Kind), At: c.At, Data: data}
}

// webhookTypes are the events that other programs can be told of.
func webhookTypes() (all []string) {
	for _, kind := range visits.ChangeKinds() {
		if kind != visits.ChangeLinkShown {
			all = append(all, eventType(kind))
		}
	}
	return all
}

// eventType is a kind of change as other programs know it.
func eventType(kind visits.ChangeKind) string { return "visit." + string(kind) }

// openReminders has people of visits told and reminded of them, and adds the pages of that and of webhooks.
func (s *Server) openReminders(ctx context.Context, h *house) error {
	s.Reminders = reminders.New(reminders.Config{DB: h.db, Jobs: h.post.queue, Outbox: h.post.outbox, Visits: s.Visits, Policy: h.policy, Words: h.book,
		Steps: s.config.Reminders, Now: s.config.Now})
	if err := s.Reminders.PlanBefore(ctx); err != nil {
		return err
	}
	desk, err := reminders.NewDesk(s.Reminders, h.pages, s.config.TimeZone)
	if err != nil {
		return err
	}
	desk.Routes(h.routes)
	s.Reminders.API(h.calls)
	h.desk.Attend(desk.Notice)
	webhooks, err := notify.NewWebhooksDesk(h.post.webhooks, h.pages, s.config.TimeZone, webhookTypes())
	if err != nil {
		return err
	}
	webhooks.Routes(h.routes)
	h.post.webhooks.API(h.calls)
	return nil
}
