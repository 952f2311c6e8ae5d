package desk

import (
	"time"

	"housecall/auth"
	"housecall/platform/words"
	"housecall/visits"
)

// consentView is one person's consent, in words.
type consentView struct {
	State stateView
	Given string // what was given, when and for whom; "" when nothing was
}

// consentView says whether somebody has consented to what their visit asks, and what they consented to last; nil: nothing is to be said.
func (d *Desk) consentView(texts *visits.ConsentTexts, i visits.Invitation, all map[string]visits.ConsentRow, zone *time.Location, own *words.Words) *consentView {
	last := all[i.ID]
	asked := texts != nil && auth.May(i.Role, auth.ConsentGive)
	if (!asked || i.Revoked()) && last.At.IsZero() {
		return nil
	}
	view := &consentView{State: stateView{own.T("desk.consent.given"), "good"}}
	if asked && last.Version != texts.Version {
		view.State = stateView{own.T("desk.consent.missing"), ""}
	}
	if !last.At.IsZero() {
		view.Given = own.T("desk.consent."+last.For, "version", last.Version, "language", d.languageName(last.Language), "time", own.Moment(last.At.In(zone)))
	}
	return view
}

// languageName is the language's own name, where we speak it.
func (d *Desk) languageName(tag string) string {
	for _, w := range d.config.Pages.Languages() {
		if w.Tag == tag {
			return w.Name
		}
	}
	return tag
}
