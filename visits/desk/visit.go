package desk

import (
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/web"
	"housecall/visits"
)

func (d *Desk) show(w http.ResponseWriter, r *http.Request) {
	v, err := d.config.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showVisit(w, r, http.StatusOK, v, inviteForm{})
}

// showVisit is the page of a visit, with the form for one more person as it was filled in.
func (d *Desk) showVisit(w http.ResponseWriter, r *http.Request, status int, v visits.Visit, f inviteForm) {
	view, err := d.visitPage(r, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	view.Invite = f
	d.config.Pages.Render(w, r, status, "desk/visit", web.Page{Title: view.Title, Error: len(f.Problems) > 0, Wide: true, Active: Path, Body: view})
}

// visitPage is what the page of a visit says to its reader.
func (d *Desk) visitPage(r *http.Request, v visits.Visit) (view visitView, err error) {
	ctx, actor, own := r.Context(), web.Actor(r.Context()), d.config.Pages.Words(r)
	zone, err := d.zoneOf(ctx, v)
	if err != nil {
		return view, err
	}
	opened, err := d.config.Visits.Opened(ctx, actor, []visits.Visit{v})
	if err != nil {
		return view, err
	}
	view = d.newVisitView(v, opened, zone, own)
	view.MaySchedule, view.MayRevoke = actor.May(auth.VisitSchedule), actor.May(auth.VisitRevoke)
	view.Languages = d.config.Pages.Languages()
	if view.Closed, err = d.closedOn(ctx, v, own); err != nil {
		return view, err
	}
	clinicians, err := d.mayLead(r, v)
	if err != nil {
		return view, err
	}
	view.EditTitle = editTitle(len(clinicians) > 0, own)
	if err := d.addPatient(r, &view, v); err != nil {
		return view, err
	}
	if err := d.addInvited(r, &view, v, zone); err != nil {
		return view, err
	}
	for _, note := range d.notes {
		n, err := note(ctx, actor, v.ID, own)
		if err != nil {
			return view, err
		}
		view.Notes = append(view.Notes, n)
	}
	switch done := r.URL.Query().Get("done"); done {
	case "revoked", "cancelled", "interpreter", "moved", "edited":
		view.Done = own.T("desk.done." + done)
		if done == "cancelled" || done == "moved" {
			told, err := d.toldWords(ctx, v, own)
			if err != nil {
				return view, err
			}
			view.Done += " " + told
		}
	}
	return view, nil
}

// addPatient adds who the patient is and which of their guardians could come, too, for those who may see patients.
func (d *Desk) addPatient(r *http.Request, view *visitView, v visits.Visit) error {
	patients := d.config.Patients
	if v.PatientID == "" || patients == nil || !patients.May(web.Actor(r.Context()), people.Read) {
		return nil
	}
	for _, i := range v.Invitations {
		if i.Role == auth.Patient {
			view.Patient, view.PatientPath = i.Name.Reveal(), people.Path+"/"+v.PatientID
		}
	}
	left, err := d.config.Visits.GuardiansLeft(r.Context(), v)
	for _, c := range left {
		view.Guardians = append(view.Guardians, newGuardianChoice(c, false))
	}
	return err
}

// addInvited adds what else is known of those who are invited: their language, what they agreed to, and who is no contact of the patient any more.
func (d *Desk) addInvited(r *http.Request, view *visitView, v visits.Visit, zone *time.Location) error {
	ctx := r.Context()
	consents, err := d.config.Visits.ConsentsOf(ctx, d.config.DB, v.ID)
	if err != nil {
		return err
	}
	latest := map[string]visits.ConsentRow{}
	for _, c := range consents {
		latest[c.Invitation] = c
	}
	texts, err := d.config.Visits.TextsOf(ctx, d.config.DB, v)
	if err != nil {
		return err
	}
	former, err := d.config.Visits.FormerContacts(ctx, v)
	if err != nil {
		return err
	}
	for i := range view.People {
		p, invitation := &view.People[i], v.Invitations[i]
		if invitation.Language != "" {
			p.Language = d.config.Pages.In(invitation.Language).Name
		}
		p.Former = former[invitation.ID]
		p.Consent = d.consentView(texts, invitation, latest, zone, d.config.Pages.Words(r))
	}
	return nil
}
