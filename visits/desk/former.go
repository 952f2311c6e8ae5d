package desk

import (
	"context"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/words"
)

// FormerNote is what a patient's page says of visits to come to which somebody is invited who is no contact of the patient any more, with a link to each. It
// leaves no audit row, and names neither the service nor anybody: the page and the visits do.
func (d *Desk) FormerNote(ctx context.Context, actor auth.Actor, patient string, own *words.Words) (note people.Note, err error) {
	if !actor.May(auth.VisitRead) {
		return note, nil
	}
	all, err := d.config.Visits.WithFormerContacts(ctx, patient)
	if err != nil {
		return note, err
	}
	for _, v := range all {
		site, err := d.config.Visits.SiteOf(ctx, v)
		if err != nil {
			return note, err
		}
		note.Text = own.T("desk.former.note")
		note.Links = append(note.Links, people.Link{Text: own.T("desk.at_zone", "at", own.Moment(v.StartsAt.In(site.Zone)), "zone", own.Zone(site.Zone)), Path: visitPath(v.ID)})
	}
	return note, nil
}
