package desk

import (
	"net/http"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// letterView is a letter to one of the family, in their language and in the time zone of the site. It names neither the service nor anything else clinical.
type letterView struct {
	Back             string
	Language         *words.Words // of the letter
	Site, For, When  string
	How              []string
	Code             codeView
	URL              string
	Fails            []string
	AsksBirthDate    bool
	Title, HowToJoin string
	IfItFails, Type  string
	CodeName         string
}

// letter shows a letter to print, unless the visit is confidential. Its link is the one that works now: it is shown by the same act as sending it again, and so audited.
func (d *Desk) letter(w http.ResponseWriter, r *http.Request) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	visit, person := r.PathValue("visit"), r.PathValue("person")
	link, err := d.config.Visits.ResendIf(ctx, actor, visit, person, false, visits.Has(person, func(v visits.Visit, i visits.Invitation) error {
		switch {
		case !visits.OfFamily(i.Role):
			return fault.NotFound
		case v.Confidential: // at home guardians open letters, and they know the date of birth too
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "letter_confidential", Detail: "There are no letters of a confidential visit: a guardian may open them."}
		}
		return nil
	}))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v, err := d.config.Visits.Show(ctx, actor, visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	site, err := d.config.Visits.SiteOf(ctx, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	code, err := drawCode(link.URL)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := d.config.Pages.Words(r)
	theirs := own
	if tag := link.Invitation.Language; tag != "" {
		theirs = d.config.Pages.In(tag)
	}
	starts := v.StartsAt.In(site.Zone)
	letter := letterView{
		Back: personPath(v.ID, link.Invitation.ID) + "/link", Language: theirs, Site: site.Name, For: theirs.T("desk.letter.for", "name", link.Invitation.Name.Reveal()),
		When: theirs.T("desk.message.when", "site", site.Name, "day", theirs.Day(starts), "time", theirs.Clock(starts), "zone", theirs.Zone(site.Zone)),
		How:  []string{theirs.T("desk.letter.scan"), theirs.T("desk.letter.join", "time", moment(v.OpensAt, starts, site.Zone, theirs))},
		Code: code, URL: link.URL, Fails: []string{theirs.T("desk.letter.other")}, AsksBirthDate: v.AskBirthDate,
		Title: theirs.T("desk.letter.title"), HowToJoin: theirs.T("desk.letter.how"), IfItFails: theirs.T("desk.letter.fails"), Type: theirs.T("desk.letter.type"), CodeName: theirs.T("desk.letter.code"),
	}
	if v.AskBirthDate {
		letter.How = append(letter.How, theirs.T("calendar.birth_date"))
	}
	if site.Phone != "" {
		letter.Fails = append(letter.Fails, theirs.T("calendar.phone", "phone", site.Phone))
	}
	letter.Fails = append(letter.Fails, theirs.T("calendar.only"))
	d.config.Pages.Render(w, r, http.StatusOK, "desk/letter", web.Page{Title: own.T("desk.letter"), Active: Path, Body: letter})
}
