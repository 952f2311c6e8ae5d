package server

import (
	"context"
	"slices"
	"strconv"

	"housecall/platform/api"
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

// eventType is a kind of change as other programs know it.
func eventType(kind visits.ChangeKind) string { return "visit." + string(kind) }

// eventKinds are what events there are, each with what it holds: the description of the API is made of it, and nothing else is published.
func eventKinds() (all []notify.EventKind) {
	visit := []api.Value{{Name: "visit", Means: "Its id: read the rest of it by GET /api/v1/visits/{visit}", Format: "uuid", Always: true},
		{Name: "sequence", Means: "How often it was moved or called off, from now on", Pattern: `^\d+$`, Always: true}}
	invitation := api.Value{Name: "invitation", Means: "The id of the person's invitation", Format: "uuid", Always: true}
	person, somebody := slices.Concat(visit, []api.Value{invitation}), invitation
	somebody.Always, somebody.Means = false, "The id of the invitation of whom it is about; not there: the whole visit"
	for _, k := range []struct {
		kind  visits.ChangeKind
		means string
		data  []api.Value
	}{
		{visits.ChangeCreated, "A visit was planned", visit},
		{visits.ChangeMoved, "A visit begins or ends at another time", visit},
		{visits.ChangeBooking, "A visit has another clinician, service or interpreter, or a person of it is called or reached otherwise", slices.Concat(visit, []api.Value{somebody})},
		{visits.ChangeOpened, "Somebody came into a visit's room", visit},
		{visits.ChangeStarted, "A visit is in progress", visit},
		{visits.ChangeEnded, "A visit took place and is over", visit},
		{visits.ChangeCancelled, "A visit was called off", visit},
		{visits.ChangeNoShow, "A visit is over, and nobody was admitted to it", visit},
		{visits.ChangeInvited, "A person was invited to a visit", person},
		{visits.ChangeLinkRenewed, "A person of a visit got another link", person},
		{visits.ChangeRevoked, "A person is not invited to a visit any more", person},
	} {
		all = append(all, notify.EventKind{Type: eventType(k.kind), Means: k.means, Data: k.data})
	}
	return all
}

// openReminders has people of visits told and reminded of them, and adds the pages of that and of webhooks.
func (s *Server) openReminders(ctx context.Context, h *house) error {
	s.Reminders = reminders.New(reminders.Config{DB: h.db, Jobs: h.post.queue, Outbox: h.post.outbox, Visits: s.Visits, Policy: h.policy, Words: h.book,
		Steps: s.config.Reminders, Now: s.config.Now})
	if err := s.Reminders.PlanBefore(ctx); err != nil {
		return err
	}
	desk, err := reminders.NewDesk(s.Reminders, h.pages, s.firstZone)
	if err != nil {
		return err
	}
	desk.Routes(h.routes)
	s.Reminders.API(h.calls)
	h.desk.Attend(desk.Notice)
	h.desk.Hear(s.Reminders.Hearers)
	h.desk.Wrote(s.Reminders.Written)
	webhooks, err := notify.NewWebhooksDesk(h.post.webhooks, h.pages, s.firstZone)
	if err != nil {
		return err
	}
	webhooks.Routes(h.routes)
	h.post.webhooks.API(h.calls)
	return nil
}
