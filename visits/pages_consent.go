package visits

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/words"
)

// consentRecord is a consent as the desk shows it.
type consentRecord struct {
	invitation string
	given      ConsentGiven
	at         time.Time
}

// consented tells the latest consent of each person, by the id of their invitation, for a visit that actor was just shown.
func (s *Service) consented(ctx context.Context, actor auth.Actor, visit string) (map[string]consentRecord, error) {
	if !actor.May(auth.VisitRead) {
		return nil, fault.NotAllowed
	}
	all, err := store.Collect(ctx, s.config.DB, func(r *sql.Rows) (c consentRecord, err error) {
		var at int64
		err = r.Scan(&c.invitation, &c.given.Version, &c.given.Language, &c.given.For, &at)
		c.at = store.Time(at)
		return c, err
	}, `SELECT invitation_id, version, language, given_for, given_at FROM consents WHERE visit_id = ? ORDER BY given_at, id`, visit)
	if err != nil {
		return nil, fmt.Errorf("read who consented: %w", err)
	}
	latest := map[string]consentRecord{}
	for _, c := range all {
		latest[c.invitation] = c
	}
	return latest, nil
}

// consentView is one person's consent, in words.
type consentView struct {
	State stateView
	Given string // what was given, when and for whom; "" when nothing was
}

// consentView says whether somebody has consented to what their visit asks, and what they consented to last; nil: nothing is to be said.
func (d *Desk) consentView(texts *ConsentTexts, i Invitation, all map[string]consentRecord, zone *time.Location, own *words.Words) *consentView {
	last := all[i.ID]
	asked := texts != nil && consentWhom(i.Role) != nil
	if (!asked || i.Revoked()) && last.at.IsZero() {
		return nil
	}
	view := &consentView{State: stateView{own.T("desk.consent.given"), "good"}}
	if asked && last.given.Version != texts.Version {
		view.State = stateView{own.T("desk.consent.missing"), ""}
	}
	if !last.at.IsZero() {
		view.Given = own.T("desk.consent."+last.given.For, "version", last.given.Version, "language", d.languageName(last.given.Language), "time", own.Moment(last.at.In(zone)))
	}
	return view
}

// languageName is the language's own name, where we speak it.
func (d *Desk) languageName(tag string) string {
	for _, w := range d.pages.Languages() {
		if w.Tag == tag {
			return w.Name
		}
	}
	return tag
}
