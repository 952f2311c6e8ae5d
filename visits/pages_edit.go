package visits

import (
	"net/http"
	"slices"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
)

// editForm is the page that changes what a visit is about.
type editForm struct {
	Service      string
	Confidential bool
	Services     []string // the names of those that the visit's site knows
	Action, Back string
	About        []fact
	Problems     web.Problems
}

func (d *Desk) editForm(w http.ResponseWriter, r *http.Request) {
	v, err := d.service.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showEdit(w, r, http.StatusOK, v, editForm{Service: v.Service, Confidential: v.Confidential})
}

func (d *Desk) showEdit(w http.ResponseWriter, r *http.Request, status int, v Visit, f editForm) {
	own := d.pages.Words(r)
	services, err := d.mayBe(r, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	for _, s := range services {
		f.Services = append(f.Services, s.Text)
	}
	f.Action, f.Back = visitPath(v.ID)+"/edit", visitPath(v.ID)
	f.About = asked{visit: v, service: d.service, zone: d.readerZone(r), own: own}.aboutVisit()
	d.pages.Render(w, r, status, "desk/edit", web.Page{Title: own.T("desk.edit.title"), Error: len(f.Problems) > 0, Active: DeskPath, Body: f})
}

// mayBe are the services that a visit may be of instead: ids and names.
func (d *Desk) mayBe(r *http.Request, v Visit) (all []choice, err error) {
	if d.service.config.Sites == nil {
		return nil, nil
	}
	site, err := d.service.SiteOf(r.Context(), v)
	if err != nil {
		return nil, err
	}
	known, err := d.service.config.Sites.ServicesOf(r.Context(), site.ID)
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
	ctx, actor := r.Context(), web.Actor(r.Context())
	v, err := d.service.Show(ctx, actor, r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f := editForm{Service: strings.TrimSpace(r.PostForm.Get("service")), Confidential: r.PostForm.Get("confidential") == "yes"}
	services, err := d.mayBe(r, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	e := Edit{Service: &f.Service, Confidential: &f.Confidential}
	if f.Service != v.Service { // a service by its name; another name is none of those that the site knows
		id := ""
		if n := slices.IndexFunc(services, func(c choice) bool { return strings.EqualFold(c.Text, f.Service) }); n >= 0 {
			id, e.Service = services[n].Value, nil
		}
		e.ServiceID = &id
	}
	_, err = d.service.Edit(ctx, actor, v.ID, e)
	if err == nil {
		web.Redirect(w, r, visitPath(v.ID)+"?done=edited")
		return
	}
	fields, ok := fault.FieldsOf(err)
	if !ok {
		web.Problem(w, r, err)
		return
	}
	f.Problems = editProblems(fields, d.pages.Words(r))
	d.showEdit(w, r, http.StatusUnprocessableEntity, v, f)
}

// editProblems says in words what is wrong with a visit that was edited, each thing once.
func editProblems(fields []fault.Field, own *words.Words) (all web.Problems) {
	for _, e := range fields {
		p := web.FieldProblem{Field: "service", Text: own.T("desk.wrong.service.empty")} // also one that was closed a moment ago
		switch e.Key {
		case "plain", "long":
			p.Text = own.T("desk.wrong.service."+e.Key, "max", maxTextRunes)
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
	Languages                    []*words.Words
	Action, Back                 string
	About                        []fact
	Problems                     web.Problems
}

func (d *Desk) mendForm(w http.ResponseWriter, r *http.Request) {
	v, i, ok := d.person(w, r)
	if ok {
		d.showMend(w, r, http.StatusOK, v, i, mendForm{Name: i.Name.Reveal(), Language: i.Language, Email: i.Email.Reveal(), Phone: i.Phone.Reveal()})
	}
}

// person reads a visit and the person of it whom a path names; not ok: that was answered.
func (d *Desk) person(w http.ResponseWriter, r *http.Request) (v Visit, i Invitation, ok bool) {
	v, err := d.service.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return v, i, false
	}
	at := slices.IndexFunc(v.Invitations, func(i Invitation) bool { return i.ID == r.PathValue("person") })
	if at < 0 {
		web.NotFound(w, r)
		return v, i, false
	}
	return v, v.Invitations[at], true
}

func (d *Desk) showMend(w http.ResponseWriter, r *http.Request, status int, v Visit, i Invitation, f mendForm) {
	own := d.pages.Words(r)
	f.Languages = d.pages.Languages()
	f.Action, f.Back = personPath(v.ID, i.ID)+"/edit", visitPath(v.ID)
	c := asked{visit: v, service: d.service, zone: d.readerZone(r), own: own}
	f.About = append([]fact{c.aboutPerson(i)}, c.aboutVisit()...)
	d.pages.Render(w, r, status, "desk/mend", web.Page{Title: own.T("desk.mend.title"), Error: len(f.Problems) > 0, Active: DeskPath, Body: f})
}

func (d *Desk) mend(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, i, ok := d.person(w, r)
	if !ok {
		return
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := mendForm{Name: get("name"), Language: get("language"), Email: get("email"), Phone: get("phone")}
	name, email, phone := phi.Text(f.Name), phi.Text(f.Email), phi.Text(f.Phone)
	mended, err := d.service.Mend(r.Context(), web.Actor(r.Context()), v.ID, i.ID, Mend{Name: &name, Language: &f.Language, Email: &email, Phone: &phone})
	switch fields, wrong := fault.FieldsOf(err); {
	case err == nil && mended.Generation != i.Generation:
		web.Redirect(w, r, personPath(v.ID, i.ID)+"/link?new")
	case err == nil:
		web.Redirect(w, r, visitPath(v.ID)+"?done=edited")
	case wrong:
		f.Problems = mendProblems(fields, d.pages.Words(r))
		d.showMend(w, r, http.StatusUnprocessableEntity, v, i, f)
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
			p.Text = own.T("desk.wrong.name."+e.Key, "max", maxTextRunes)
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
