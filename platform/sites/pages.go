package sites

import (
	"embed"
	"io/fs"
	"net/http"
	"slices"

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

// Paths of the pages.
const (
	SitesPath    = "/admin/sites"
	ServicesPath = "/admin/services"
)

// Links are the pages' entries of the administration.
func Links() []web.Link {
	return []web.Link{{Path: SitesPath, Words: "sites.nav", Action: Write, Group: web.GroupHospital, About: "sites.about"},
		{Path: ServicesPath, Words: "services.title", Action: Write, Group: web.GroupHospital, About: "services.about"}}
}

// Admin is the pages of whoever administers sites and services. It decides nothing: the House does.
type Admin struct {
	house *House
	pages *web.Pages
}

// NewAdmin parses the pages.
func NewAdmin(h *House, pages *web.Pages) (*Admin, error) {
	return &Admin{h, pages}, pages.Add("sites", store.Folder(pageFiles, "pages"))
}

// Routes adds the pages.
func (a *Admin) Routes(routes *web.Routes) {
	write := web.Staff(Write)
	routes.HandleFunc("GET "+SitesPath, write, a.sites)
	routes.HandleFunc("GET "+SitesPath+"/new", write, a.newSite)
	routes.HandleFunc("POST "+SitesPath+"/new", write, a.createSite)
	routes.HandleFunc("GET "+SitesPath+"/{site}", write, a.site)
	routes.HandleFunc("POST "+SitesPath+"/{site}", write, a.updateSite)
	routes.HandleFunc("GET "+ServicesPath, write, a.services)
	routes.HandleFunc("GET "+ServicesPath+"/new", write, a.newService)
	routes.HandleFunc("POST "+ServicesPath+"/new", write, a.createService)
	routes.HandleFunc("GET "+ServicesPath+"/{service}", write, a.service)
	routes.HandleFunc("POST "+ServicesPath+"/{service}", write, a.updateService)
}

// siteLine is one site of a list.
type siteLine struct {
	Path, Name, Zone, Languages string
	Ends                        string // the last day that is known to be a holiday, where that is soon; empty: it is not
}

func (a *Admin) sites(w http.ResponseWriter, r *http.Request) {
	all, err := a.house.Sites(r.Context(), web.Actor(r.Context()))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := a.pages.Words(r)
	var lines []siteLine
	for _, s := range all {
		line := siteLine{Path: sitePath(s.ID), Name: s.Name, Zone: s.Zone.String()}
		for i, tag := range s.Languages {
			if i > 0 {
				line.Languages += " · "
			}
			line.Languages += a.pages.In(tag).Name
		}
		if last, soon := a.house.holidaysEnd(s); soon {
			line.Ends = own.T("sites.holidays.none")
			if last != 0 {
				line.Ends = own.T("sites.holidays.end", "day", own.Date(last.Midnight()))
			}
		}
		lines = append(lines, line)
	}
	a.pages.Render(w, r, http.StatusOK, "sites/sites", web.Page{Title: own.T("sites.title"), Wide: true, Active: SitesPath, Body: struct {
		Sites []siteLine
		Done  string
	}{lines, done(r, own)}})
}

// known is how far ahead holidays should be known, in days.
const known = 90

// holidaysEnd is the last holiday of a site, and whether that is so soon that somebody should look up those of another year.
func (h *House) holidaysEnd(s Site) (last Day, soon bool) {
	if len(s.Holidays) > 0 {
		last = s.Holidays[len(s.Holidays)-1].Day
	}
	return last, last < DayOf(h.now(), s.Zone)+known
}

// done says in words what was just done.
func done(r *http.Request, own *words.Words) string {
	switch what := r.URL.Query().Get("done"); what {
	case "site", "service":
		return own.T("sites.done." + what)
	}
	return ""
}

func (a *Admin) newSite(w http.ResponseWriter, r *http.Request) {
	a.showSite(w, r, http.StatusOK, a.siteForm(r, Site{Languages: a.house.config.Languages, Calendar: usual()}))
}

func (a *Admin) site(w http.ResponseWriter, r *http.Request) {
	s, err := a.house.ShowSite(r.Context(), web.Actor(r.Context()), r.PathValue("site"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.showSite(w, r, http.StatusOK, a.siteForm(r, s))
}

func (a *Admin) showSite(w http.ResponseWriter, r *http.Request, status int, f siteForm) {
	title := f.own.T("sites.new")
	if f.ID != "" {
		title = f.own.T("sites.change")
	}
	a.pages.Render(w, r, status, "sites/site", web.Page{Title: title, Error: len(f.Problems) > 0, Active: SitesPath, Body: f})
}

func (a *Admin) createSite(w http.ResponseWriter, r *http.Request) {
	a.saveSite(w, r, a.house.CreateSite)
}

func (a *Admin) updateSite(w http.ResponseWriter, r *http.Request) {
	a.saveSite(w, r, a.house.UpdateSite)
}

func (a *Admin) saveSite(w http.ResponseWriter, r *http.Request, save saveFunc[Site]) {
	if !web.ReadForm(w, r) {
		return
	}
	f := a.readSiteForm(r)
	s := f.site()
	f.take(s.tidy().check(a.house.config.Languages)) // all that is wrong at once, what cannot be read included
	if len(f.Problems) == 0 {
		_, err := save(r.Context(), web.Actor(r.Context()), s)
		if err == nil {
			web.Redirect(w, r, SitesPath+"?done=site")
			return
		}
		if !f.take(err) {
			web.Problem(w, r, err)
			return
		}
	}
	a.showSite(w, r, http.StatusUnprocessableEntity, f)
}

// serviceGroup is a site with its services.
type serviceGroup struct {
	Site     string
	Services []serviceLine
}

// serviceLine is one service of a list.
type serviceLine struct {
	Path, Name                         string
	Minutes                            int
	AskBirthDate, Confidential, Active bool
}

func (a *Admin) services(w http.ResponseWriter, r *http.Request) {
	actor, own := web.Actor(r.Context()), a.pages.Words(r)
	all, err := a.house.Sites(r.Context(), actor)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	services, err := a.house.Services(r.Context(), actor, "")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var groups []serviceGroup
	for _, s := range all {
		g := serviceGroup{Site: s.Name}
		for _, v := range services {
			if v.SiteID == s.ID {
				g.Services = append(g.Services, serviceLine{ServicesPath + "/" + v.ID, v.Name, v.Minutes, v.AskBirthDate, v.Confidential, v.Active})
			}
		}
		groups = append(groups, g)
	}
	a.pages.Render(w, r, http.StatusOK, "sites/services", web.Page{Title: own.T("services.title"), Wide: true, Active: SitesPath, Body: struct {
		Groups []serviceGroup
		Done   string
	}{groups, done(r, own)}})
}

func (a *Admin) newService(w http.ResponseWriter, r *http.Request) {
	first, err := a.house.Default(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f := a.serviceForm(r, Service{SiteID: first.ID, Minutes: 30, AskBirthDate: true, Active: true})
	a.showService(w, r, http.StatusOK, f)
}

func (a *Admin) service(w http.ResponseWriter, r *http.Request) {
	s, err := a.house.ShowService(r.Context(), web.Actor(r.Context()), r.PathValue("service"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a.showService(w, r, http.StatusOK, a.serviceForm(r, s))
}

func (a *Admin) showService(w http.ResponseWriter, r *http.Request, status int, f serviceForm) {
	var err error
	if f.Sites, err = a.house.Sites(r.Context(), web.Actor(r.Context())); err != nil {
		web.Problem(w, r, err)
		return
	}
	title := f.own.T("services.new")
	if f.ID != "" {
		title = f.own.T("services.change")
	}
	a.pages.Render(w, r, status, "sites/service", web.Page{Title: title, Error: len(f.Problems) > 0, Active: SitesPath, Body: f})
}

func (a *Admin) createService(w http.ResponseWriter, r *http.Request) {
	a.saveService(w, r, a.house.CreateService)
}

func (a *Admin) updateService(w http.ResponseWriter, r *http.Request) {
	a.saveService(w, r, a.house.UpdateService)
}

func (a *Admin) saveService(w http.ResponseWriter, r *http.Request, save saveFunc[Service]) {
	if !web.ReadForm(w, r) {
		return
	}
	f := a.readServiceForm(r)
	s := f.service()
	f.take(s.tidy().check(nil)) // the others' names the House knows
	if len(f.Problems) == 0 {
		_, err := save(r.Context(), web.Actor(r.Context()), s)
		if err == nil {
			web.Redirect(w, r, ServicesPath+"?done=service")
			return
		}
		if !f.take(err) {
			web.Problem(w, r, err)
			return
		}
	}
	a.showService(w, r, http.StatusUnprocessableEntity, f)
}

func sitePath(id string) string { return SitesPath + "/" + id }

// checked says whether a box of a form is ticked.
func checked(r *http.Request, field, value string) bool {
	return slices.Contains(r.PostForm[field], value)
}
