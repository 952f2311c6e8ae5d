package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// inviteForm is the form for one more person.
type inviteForm struct {
	Name, Role, Language string
	Email, Phone         string
	Contact              string // of the patient, who is known with all of it; empty: somebody else
	Problems             web.Problems

	own *words.Words // the reader's
}

func readInviteForm(v url.Values, own *words.Words) inviteForm {
	return inviteForm{Name: v.Get("name"), Role: v.Get("role"), Language: v.Get("language"), Email: v.Get("email"), Phone: v.Get("phone"), Contact: v.Get("contact"), own: own}
}

// person makes the person and notes what is wrong.
func (f *inviteForm) person() visits.Person {
	if f.Contact != "" {
		return visits.Person{Role: auth.Guardian, ContactID: f.Contact}
	}
	p := visits.Person{Name: phi.Text(typed.Line(f.Name)), Role: auth.Role(f.Role), Language: f.Language, Email: phi.Text(f.Email), Phone: phi.Text(f.Phone)}
	if key, _ := typed.CheckName(p.Name.Reveal(), visits.MaxText); key != "" {
		f.Problems = append(f.Problems, web.FieldProblem{Field: "name", Text: f.own.T("desk.wrong.name."+key, "max", visits.MaxText)})
	}
	if !p.Role.Invited() {
		f.Problems = append(f.Problems, web.FieldProblem{Field: "role", Text: f.own.T("desk.wrong.role")})
	}
	return p
}

// take notes a refusal that belongs beside the form: a visit that is full or over, or a way to reach somebody that is none.
func (f *inviteForm) take(err error) bool {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return false
	}
	if p.Code == fault.CodeConflict {
		f.Problems = append(f.Problems, web.FieldProblem{Field: "name", Text: f.own.T("problem."+p.Key, "max", visits.MaxPeople)})
	}
	fields, _ := fault.FieldsOf(err)
	for _, e := range fields {
		switch {
		case e.Key == "confidential":
			f.Problems = append(f.Problems, web.FieldProblem{Field: "role", Text: f.own.T("desk.wrong.confidential." + e.Field)})
		case e.Field == "email" || e.Field == "phone":
			f.Problems = append(f.Problems, web.FieldProblem{Field: e.Field, Text: f.own.T("patients.wrong.contact." + e.Field + "." + e.Key)})
		}
	}
	return len(f.Problems) > 0
}

// accountOf is the account of somebody who is invited as a clinician: that of the only one who is called so, so that the visit stands in their queue too. Empty: they come by
// their link alone.
func accountOf(leaders []staff.Colleague, p visits.Person) string {
	id := ""
	for _, c := range leaders {
		switch {
		case p.Role != auth.Clinician || !strings.EqualFold(c.Name.Reveal(), p.Name.Reveal()):
		case id != "":
			return ""
		default:
			id = c.ID
		}
	}
	return id
}

// notYet judges that nobody of this name and role is invited to a visit already: a form that is sent twice would invite and write to the same person once more.
func notYet(p visits.Person) func(visits.Visit) error {
	return func(v visits.Visit) error {
		if slices.ContainsFunc(v.Invitations, func(i visits.Invitation) bool {
			return p.ContactID == "" && !i.Revoked() && i.Role == p.Role && strings.EqualFold(typed.Line(i.Name.Reveal()), typed.Line(p.Name.Reveal()))
		}) {
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "invited_already", Detail: "Somebody of this name is invited in this role already."}
		}
		return nil
	}
}

func (d *Desk) invite(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	ctx, actor, visit := r.Context(), web.Actor(r.Context()), r.PathValue("visit")
	f := readInviteForm(r.PostForm, d.config.Pages.Words(r))
	p := f.person()
	if len(f.Problems) == 0 {
		leaders, err := d.config.Visits.Leaders(ctx)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		p.StaffID = accountOf(leaders, p)
		link, err := d.config.Visits.InviteIf(ctx, actor, visit, p, notYet(p))
		if err == nil {
			web.Redirect(w, r, personPath(visit, link.Invitation.ID)+"/link?added")
			return
		}
		if !f.take(err) {
			web.Problem(w, r, err)
			return
		}
	}
	v, err := d.config.Visits.Show(ctx, actor, visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showVisit(w, r, http.StatusUnprocessableEntity, v, f)
}
