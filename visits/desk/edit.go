package desk

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// editForm is the page that changes what a visit is about.
type editForm struct {
	Service      string
	OtherService bool // as in visitForm
	Confidential bool
	Clinician    string            // account of who leads it; empty: nobody who has one
	Was          map[string]string // what the fields held when the page was drawn
	Title        string
	Services     []string // the names of those that the visit's site knows
	Clinicians   []choice // who may lead it, and who does
	Action, Back string
	About        []fact
	Problems     web.Problems
}

func (d *Desk) editForm(w http.ResponseWriter, r *http.Request) {
	v, err := d.config.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if d.config.Visits.Over(v) {
		d.showOver(w, r, v, "desk.edit.title")
		return
	}
	d.showEdit(w, r, http.StatusOK, v, editForm{Service: v.Service, Confidential: v.Confidential, Clinician: v.ClinicianID, Was: editFields(v)})
}

// editFields are what the fields hold of a visit as it is.
func editFields(v visits.Visit) map[string]string {
	return map[string]string{"service": v.Service, "confidential": yesNo(v.Confidential), "clinician": v.ClinicianID}
}

// yesNo is what a choice between yes and no holds.
func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// wasOf is what the fields of a form held when it was drawn, which comes along in hidden fields; what does not is as it is now. Only what differs from it is
// changed, so that whoever saves an old page takes nothing back that a colleague has changed since.
func wasOf(r *http.Request, now map[string]string) map[string]string {
	for name := range now {
		if r.PostForm.Has("was_" + name) {
			now[name] = r.PostForm.Get("was_" + name)
		}
	}
	return now
}

func (d *Desk) showEdit(w http.ResponseWriter, r *http.Request, status int, v visits.Visit, f editForm) {
	own := d.config.Pages.Words(r)
	services, err := d.mayBe(r, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	for _, s := range services {
		f.Services = append(f.Services, s.Text)
	}
	if f.Clinicians, err = d.mayLead(r, v); err != nil {
		web.Problem(w, r, err)
		return
	}
	f.Action, f.Back = visitPath(v.ID)+"/edit", visitPath(v.ID)
	zone, err := d.zoneOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f.About = asked{visit: v, service: d.config.Visits, zone: zone, own: own}.aboutVisit()
	f.Title = editTitle(len(f.Clinicians) > 0, own)
	d.config.Pages.Render(w, r, status, "desk/edit", web.Page{Title: f.Title, Error: len(f.Problems) > 0, Active: Path, Body: f})
}

// editTitle says what the page changes: nobody can be chosen to lead a visit where no clinician has an account.
func editTitle(clinicians bool, own *words.Words) string {
	if clinicians {
		return own.T("desk.edit.title")
	}
	return own.T("desk.edit.title_service")
}

// mayLead are the clinicians with an account, and whoever leads the visit: ids and names. There are none where nobody can be chosen, as for a
// visit to which nobody came: its words can be edited until its window closes, but HandOver refuses it.
func (d *Desk) mayLead(r *http.Request, v visits.Visit) (all []choice, err error) {
	if d.config.Colleagues == nil || v.State.Over() {
		return nil, nil
	}
	colleagues, err := d.config.Colleagues.Colleagues(r.Context())
	if err != nil {
		return nil, err
	}
	known := false
	for _, c := range colleagues {
		if visits.MayLead(c) || c.ID == v.ClinicianID {
			known = known || c.ID == v.ClinicianID
			all = append(all, choice{c.ID, c.Name.Reveal()})
		}
	}
	if len(all) > 0 && !known { // nobody with an account leads it, or somebody who has none any more
		own := d.config.Pages.Words(r)
		now := choice{v.ClinicianID, own.T("desk.schedule.nobody")}
		names, err := d.config.Colleagues.Names(r.Context(), v.ClinicianID)
		if err != nil {
			return nil, err
		}
		if name, off := names[v.ClinicianID]; off {
			now.Text = own.T("desk.schedule.off", "name", name.Reveal())
		}
		all = slices.Insert(all, 0, now)
	}
	return all, nil
}

// mayBe are the services that a visit may be of instead: ids and names.
func (d *Desk) mayBe(r *http.Request, v visits.Visit) (all []choice, err error) {
	if d.config.Sites == nil {
		return nil, nil
	}
	site, err := d.config.Visits.SiteOf(r.Context(), v)
	if err != nil {
		return nil, err
	}
	known, err := d.config.Sites.ServicesOf(r.Context(), site.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range known {
		if s.Active || s.ID == v.ServiceID {
			all = append(all, choice{s.ID, s.Name})
		}
	}
	return all, nil
}

func (d *Desk) edit(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	ctx, actor, own := r.Context(), web.Actor(r.Context()), d.config.Pages.Words(r)
	v, err := d.config.Visits.Read(ctx, d.config.DB, r.PathValue("visit")) // what is done to it has a row of its own
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f := editForm{Service: strings.TrimSpace(r.PostForm.Get("service")), Confidential: r.PostForm.Get("confidential") == "yes", Clinician: v.ClinicianID, Was: wasOf(r, editFields(v))}
	f.OtherService = agreed(r.PostForm, f.Service)
	if r.PostForm.Has("clinician") {
		f.Clinician = r.PostForm.Get("clinician")
	}
	services, err := d.mayBe(r, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	e, isUnlisted := f.edit(services)
	if isUnlisted && !f.OtherService {
		f.Problems = web.Problems{{Field: otherService, Text: own.T("desk.wrong.service.unlisted")}}
	} else if err = d.saveEdit(r, v, f, e); err == nil {
		web.Redirect(w, r, visitPath(v.ID)+"?done=edited")
		return
	}
	var p *fault.Problem
	fields, ok := fault.FieldsOf(err)
	switch {
	case err == nil: // it is asked about
	case ok:
		f.Problems = editProblems(fields, own)
		if e.Confidential == nil && f.Problems.Of("confidential") != "" {
			// The service would make it so: the page says that, and whatever is chosen next is meant.
			f.Confidential, f.Was["confidential"] = true, ""
		}
	case errors.As(err, &p) && p.Key == visits.OverlapKey:
		f.Problems = web.Problems{{Field: "allow_overlap", Text: own.T("problem." + visits.OverlapKey)}}
	default:
		web.Problem(w, r, err)
		return
	}
	if v, err = d.config.Visits.Show(ctx, actor, v.ID); err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showEdit(w, r, http.StatusUnprocessableEntity, v, f)
}

// edit is what the form changes of a visit that may be of these services: a service by its name; another name is none of those that the site knows, which
// isUnlisted says where it has some.
func (f *editForm) edit(services []choice) (e visits.Edit, isUnlisted bool) {
	if yesNo(f.Confidential) != f.Was["confidential"] {
		e.Confidential = &f.Confidential
	}
	if f.Service == f.Was["service"] {
		return e, false
	}
	id := ""
	e.Service, e.ServiceID = &f.Service, &id
	n := slices.IndexFunc(services, func(c choice) bool { return visits.SameService(c.Text, f.Service) })
	if n >= 0 {
		id, e.Service = services[n].Value, nil
	}
	return e, unlisted(f.Service, n >= 0, len(services) > 0)
}

// saveEdit changes a visit as the form says, and then who leads it.
func (d *Desk) saveEdit(r *http.Request, v visits.Visit, f editForm, e visits.Edit) error {
	ctx, actor := r.Context(), web.Actor(r.Context())
	_, err := d.config.Visits.Edit(ctx, actor, v.ID, e)
	if was := f.Was["clinician"]; err == nil && f.Clinician != was {
		err = d.config.Visits.HandOver(ctx, actor, v.ID, visits.HandOver{To: f.Clinician, AllowOverlap: r.PostForm.Has("allow_overlap"), If: ifLedBy(was)})
	}
	return err
}

// ifLedBy refuses to give a visit to somebody else that a colleague has given away since the form was shown.
func ifLedBy(account string) func(visits.Visit) error {
	return func(v visits.Visit) error {
		if v.ClinicianID != account {
			return fault.Changed()
		}
		return nil
	}
}

// editProblems says in words what is wrong with a visit that was edited, each thing once.
func editProblems(fields []fault.Field, own *words.Words) (all web.Problems) {
	for _, e := range fields {
		p := web.FieldProblem{Field: "service", Text: own.T("desk.wrong.service.empty")} // also one that was closed a moment ago
		if e.Field == "to" {
			p = web.FieldProblem{Field: "clinician", Text: own.T("desk.edit.wrong.clinician")}
		}
		switch e.Key {
		case "plain", "long":
			p.Text = own.T("desk.wrong.service."+e.Key, "max", visits.MaxText)
		case "confidential":
			p = web.FieldProblem{Field: "confidential", Text: own.T("desk.wrong.confidential." + e.Field[strings.LastIndex(e.Field, ".")+1:])}
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// mendForm is the page that changes how a person is called and reached.
type mendForm struct {
	Name, Language, Email, Phone string
	Was                          map[string]string // as in editForm
	Languages                    []*words.Words
	Action, Back                 string
	About                        []fact
	Problems                     web.Problems
}

func (d *Desk) mendForm(w http.ResponseWriter, r *http.Request) {
	v, i, ok := d.person(w, r)
	if ok {
		d.showMend(w, r, http.StatusOK, v, i, mendForm{Name: i.Name.Reveal(), Language: i.Language, Email: i.Email.Reveal(), Phone: i.Phone.Reveal(), Was: mendFields(i)})
	}
}

// mendFields are what the fields hold of a person as they are.
func mendFields(i visits.Invitation) map[string]string {
	return map[string]string{"name": i.Name.Reveal(), "language": i.Language, "email": i.Email.Reveal(), "phone": i.Phone.Reveal()}
}

// person shows a visit and the person of it whom a path names; not ok: that was answered.
func (d *Desk) person(w http.ResponseWriter, r *http.Request) (v visits.Visit, i visits.Invitation, ok bool) {
	v, err := d.config.Visits.ShowIf(r.Context(), web.Actor(r.Context()), r.PathValue("visit"), visits.Has(r.PathValue("person"), func(_ visits.Visit, own visits.Invitation) error {
		i = own
		return nil
	}))
	if err != nil {
		web.Problem(w, r, err)
	}
	return v, i, err == nil
}

func (d *Desk) showMend(w http.ResponseWriter, r *http.Request, status int, v visits.Visit, i visits.Invitation, f mendForm) {
	own := d.config.Pages.Words(r)
	f.Languages = d.config.Pages.Languages()
	f.Action, f.Back = personPath(v.ID, i.ID)+"/edit", visitPath(v.ID)
	zone, err := d.zoneOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	c := asked{visit: v, service: d.config.Visits, zone: zone, own: own}
	f.About = append([]fact{c.aboutPerson(i)}, c.aboutVisit()...)
	d.config.Pages.Render(w, r, status, "desk/mend", web.Page{Title: own.T("desk.mend.title"), Error: len(f.Problems) > 0, Active: Path, Body: f})
}

func (d *Desk) mend(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, err := d.config.Visits.Read(r.Context(), d.config.DB, r.PathValue("visit")) // what is done to it has a row of its own
	var i visits.Invitation
	if err == nil {
		err = visits.Has(r.PathValue("person"), func(_ visits.Visit, own visits.Invitation) error { i = own; return nil })(v)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := mendForm{Name: get("name"), Language: get("language"), Email: get("email"), Phone: get("phone"), Was: wasOf(r, mendFields(i))}
	var m visits.Mend
	for name, to := range map[string]**phi.Text{"name": &m.Name, "email": &m.Email, "phone": &m.Phone} {
		if typed := get(name); typed != f.Was[name] {
			*to = new(phi.Text(typed))
		}
	}
	if f.Language != f.Was["language"] {
		m.Language = &f.Language
	}
	mended, err := d.config.Visits.Mend(r.Context(), web.Actor(r.Context()), v.ID, i.ID, m)
	switch fields, wrong := fault.FieldsOf(err); {
	case err == nil && mended.Generation != i.Generation:
		web.Redirect(w, r, personPath(v.ID, i.ID)+"/link?new")
	case err == nil:
		web.Redirect(w, r, visitPath(v.ID)+"?done=edited")
	case wrong:
		f.Problems = mendProblems(fields, d.config.Pages.Words(r))
		if v, i, ok := d.person(w, r); ok {
			d.showMend(w, r, http.StatusUnprocessableEntity, v, i, f)
		}
	default:
		web.Problem(w, r, err)
	}
}

// mendProblems says in words what is wrong with how a person is called and reached.
func mendProblems(fields []fault.Field, own *words.Words) (all web.Problems) {
	for _, e := range fields {
		p := web.FieldProblem{Field: e.Field, Text: own.T("desk.wrong.confidential.role")}
		switch {
		case e.Field == "name":
			p.Text = own.T("desk.wrong.name."+e.Key, "max", visits.MaxText)
		case e.Key == "contact":
			p.Text = own.T("desk.wrong.of_contact")
		case e.Key == "confidential":
			p = web.FieldProblem{Field: "email", Text: own.T("desk.wrong.confidential." + e.Field)}
		case e.Field == "email" || e.Field == "phone":
			p.Text = own.T("patients.wrong.contact." + e.Field + "." + e.Key)
		}
		all = append(all, p)
	}
	return all
}
