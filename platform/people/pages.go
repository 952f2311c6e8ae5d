package people

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are the words of this package's pages, in every language.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Path is where the pages are.
const Path = "/desk/patients"

// Links are the pages' entries of the navigation.
func Links() []web.Link { return []web.Link{{Path: Path, Words: "patients.nav", Action: Read}} }

// Desk is the schedulers' pages of patients. It decides nothing: the Service does.
type Desk struct {
	service *Service
	pages   *web.Pages
	notes   []func(context.Context, auth.Actor, string, *words.Words) (Note, error)
}

// Note is what another part says on a patient's page, with a button that leads to more of it, or as a warning with links to what somebody must look at. With
// neither it says nothing.
type Note struct {
	Text, Button, Path string
	Links              []Link
}

// Link leads to something that has words.
type Link struct{ Text, Path string }

// Note has a patient's page show what another part has of the patient for whoever reads it. Call it before the pages are open.
func (d *Desk) Note(note func(ctx context.Context, actor auth.Actor, patient string, own *words.Words) (Note, error)) {
	d.notes = append(d.notes, note)
}

// NewDesk parses the pages.
func NewDesk(s *Service, pages *web.Pages) (*Desk, error) {
	return &Desk{service: s, pages: pages}, pages.Add("people", store.Folder(pageFiles, "pages"))
}

// Routes adds the pages.
func (d *Desk) Routes(routes *web.Routes) {
	read, write := web.Staff(Read), web.Staff(Write)
	routes.HandleFunc("GET "+Path, read, d.searchForm)
	routes.HandleFunc("POST "+Path, read, d.search) // not GET: an address would hold the name
	routes.HandleFunc("GET "+Path+"/new", write, d.newForm)
	routes.HandleFunc("POST "+Path+"/new", write, d.create)
	routes.HandleFunc("GET "+Path+"/{patient}", read, d.show)
	routes.HandleFunc("GET "+Path+"/{patient}/edit", write, d.edit)
	routes.HandleFunc("POST "+Path+"/{patient}/edit", write, d.update)
}

// searchView is the page of a search.
type searchView struct {
	Query    string
	Asked    bool // there is an answer
	Found    []foundLine
	More     int // how many are shown, when there are more; 0: all are
	MayWrite bool
	Problems web.Problems
	MaxQuery int
}

// foundLine is one patient of a list.
type foundLine struct{ Path, Name, Born, Age, Number, Language string }

func (d *Desk) searchForm(w http.ResponseWriter, r *http.Request) {
	d.showSearch(w, r, http.StatusOK, searchView{})
}

func (d *Desk) showSearch(w http.ResponseWriter, r *http.Request, status int, v searchView) {
	v.MayWrite, v.MaxQuery = d.may(r), MaxQuery
	d.pages.Render(w, r, status, "people/search", web.Page{Title: d.pages.Words(r).T("patients.title"), Error: len(v.Problems) > 0, Wide: true, Active: Path, Body: v})
}

// may says whether the reader may change patients.
func (d *Desk) may(r *http.Request) bool {
	return d.service.config.Policy.Allows(web.Actor(r.Context()), Write)
}

func (d *Desk) search(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, own := searchView{Query: r.PostForm.Get("query")}, d.pages.Words(r)
	f, err := d.service.Search(r.Context(), web.Actor(r.Context()), v.Query)
	if fields, ok := fault.FieldsOf(err); ok {
		for _, e := range fields {
			v.Problems = append(v.Problems, web.FieldProblem{Field: "query", Text: own.T("patients.wrong.query."+e.Key, "max", MaxQuery, "words", MaxWords)})
		}
		d.showSearch(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Asked = true
	if f.More {
		v.More = len(f.Patients)
	}
	zones := map[string]*time.Location{}
	for _, p := range f.Patients {
		zone, known := zones[p.SiteID]
		if !known {
			site, err := d.service.siteOf(r.Context(), p.SiteID)
			if err != nil {
				web.Problem(w, r, err)
				return
			}
			zone, zones[p.SiteID] = site.Zone, site.Zone
		}
		line := d.line(p, own)
		line.Age = d.ageWords(p, own, zone)
		v.Found = append(v.Found, line)
	}
	d.showSearch(w, r, http.StatusOK, v)
}

// line shows a patient, without the age, which depends on the day of their site.
func (d *Desk) line(p Patient, own *words.Words) foundLine {
	l := foundLine{Path: patientPath(p.ID), Name: p.Name.Reveal(), Number: p.Number.Reveal(), Born: own.T("patients.unknown")}
	if born, err := time.Parse(birthDateLayout, p.BirthDate.Reveal()); err == nil {
		l.Born = own.Date(born)
	}
	if p.Language != "" {
		l.Language = d.pages.In(p.Language).Name
	}
	return l
}

// ageWords is the age in words: in months for the smallest.
func (d *Desk) ageWords(p Patient, own *words.Words, zone *time.Location) string {
	years, known := p.Age(d.service.now(), zone)
	if !known {
		return ""
	}
	if years >= 2 {
		return own.N("patients.years", years)
	}
	born, _ := time.Parse(birthDateLayout, p.BirthDate.Reveal()) // known
	day := d.service.now().In(zone)
	months := (day.Year()-born.Year())*12 + int(day.Month()) - int(born.Month())
	if day.Day() < born.Day() {
		months--
	}
	return own.N("patients.months", max(0, months))
}

// contactView is one contact on a patient's page.
type contactView struct {
	Name, Relation, Phone, Call, Email, Language string
	Self, Confidential                           bool
}

// patientView is a patient's page.
type patientView struct {
	foundLine
	Site       string
	Contacts   []contactView
	NoneQuiet  bool // nobody hears of confidential visits
	MayWrite   bool
	Edit, Done string
	Notes      []Note
	Warnings   []Note
}

func (d *Desk) show(w http.ResponseWriter, r *http.Request) {
	p, err := d.service.Show(r.Context(), web.Actor(r.Context()), r.PathValue("patient"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	site, err := d.service.siteOf(r.Context(), p.SiteID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := d.pages.Words(r)
	line := d.line(p, own)
	line.Age = d.ageWords(p, own, site.Zone)
	var contacts []contactView
	for _, c := range p.Contacts {
		v := contactView{Name: c.Name.Reveal(), Relation: c.Relation.Reveal(), Phone: PhoneWords(c.Phone).Reveal(), Call: c.Phone.Reveal(), Email: c.Email.Reveal(),
			Self: c.Kind == Self, Confidential: c.Confidential}
		if c.Language != "" {
			v.Language = d.pages.In(c.Language).Name
		}
		contacts = append(contacts, v)
	}
	view := patientView{foundLine: line, Site: site.Name, Contacts: contacts, NoneQuiet: len(p.Recipients(true)) == 0, MayWrite: d.may(r), Edit: line.Path + "/edit"}
	for _, note := range d.notes {
		n, err := note(r.Context(), web.Actor(r.Context()), p.ID, own)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		if n.Path != "" {
			view.Notes = append(view.Notes, n)
		}
		if len(n.Links) > 0 {
			view.Warnings = append(view.Warnings, n)
		}
	}
	switch done := r.URL.Query().Get("done"); done {
	case "made", "changed", "moved":
		view.Done = own.T("patients.done." + done)
	}
	d.pages.Render(w, r, http.StatusOK, "people/patient", web.Page{Title: own.T("patients.patient"), Active: Path, Body: view})
}

func (d *Desk) newForm(w http.ResponseWriter, r *http.Request) {
	d.showForm(w, r, http.StatusOK, d.formOf(r, Patient{Contacts: []Contact{{Kind: Guardian}}}))
}

func (d *Desk) edit(w http.ResponseWriter, r *http.Request) {
	p, err := d.service.Show(r.Context(), web.Actor(r.Context()), r.PathValue("patient"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showForm(w, r, http.StatusOK, d.formOf(r, p))
}

func (d *Desk) showForm(w http.ResponseWriter, r *http.Request, status int, f patientForm) {
	title := f.own.T("patients.new")
	if f.ID != "" {
		title = f.own.T("patients.change")
	}
	d.pages.Render(w, r, status, "people/form", web.Page{Title: title, Error: len(f.Problems) > 0, Active: Path, Body: f})
}

func (d *Desk) create(w http.ResponseWriter, r *http.Request) {
	d.save(w, r, func(p Patient) (Patient, string, error) {
		p, err := d.service.Create(r.Context(), web.Actor(r.Context()), p)
		return p, "made", err
	})
}

func (d *Desk) update(w http.ResponseWriter, r *http.Request) {
	d.save(w, r, func(p Patient) (Patient, string, error) {
		old, err := d.service.Patient(r.Context(), p.ID)
		if err != nil {
			return Patient{}, "", err
		}
		if p, err = d.service.Update(r.Context(), web.Actor(r.Context()), p); err == nil && p.moved(old) {
			return p, "moved", nil
		}
		return p, "changed", err
	})
}

// save keeps what a form holds, when nothing is wrong with it and nothing doubtful that the reader has not seen. keep names what was done.
func (d *Desk) save(w http.ResponseWriter, r *http.Request, keep func(Patient) (kept Patient, what string, err error)) {
	if !web.ReadForm(w, r) {
		return
	}
	f := d.readForm(r)
	if f.rows(r.PostForm) { // a button for one contact more or less, without a script
		d.showForm(w, r, http.StatusOK, f)
		return
	}
	p := f.patient()
	site, err := d.service.siteOfPatient(r.Context(), p.ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f.take(p.tidy(site.Country).check(d.service.config.Languages, d.service.now().In(site.Zone)))
	if len(f.Problems) == 0 {
		doubts, err := d.service.Doubts(r.Context(), web.Actor(r.Context()), p)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		if f.doubt(d, doubts) {
			d.showForm(w, r, http.StatusOK, f)
			return
		}
		kept, what, err := keep(p)
		if err == nil {
			web.Redirect(w, r, patientPath(kept.ID)+"?done="+what)
			return
		}
		if !f.take(err) {
			web.Problem(w, r, err)
			return
		}
	}
	d.showForm(w, r, http.StatusUnprocessableEntity, f)
}

func patientPath(id string) string { return Path + "/" + id }
