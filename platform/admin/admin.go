// Package admin is the administration as one place: a page that leads to all others of it, shown by what the reader may do, and the table of who may
// do what. It owns nothing: the pages it leads to belong to the parts of the house, whose links say so.
package admin

import (
	"embed"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

// Open is to see the administration's page.
const Open auth.Action = "admin.open"

// Rules are this package's rows of the table of who may do what.
var Rules = []auth.Rule{
	{Action: Open, Meaning: "see the page of administration, and who may do what", Roles: []auth.Role{auth.Admin}},
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what the pages say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// RolesPath is the page of who may do what.
const RolesPath = web.AdminPath + "/roles"

// Links are the entries of this package.
func Links() []web.Link {
	return []web.Link{{Path: web.AdminPath, Words: "admin.title", Action: Open},
		{Path: RolesPath, Words: "admin.roles.title", Action: Open, Group: web.GroupPeople, About: "admin.roles.about"}}
}

// Desk is the pages.
type Desk struct {
	pages  *web.Pages
	policy auth.Policy
}

// New parses the pages.
func New(pages *web.Pages, policy auth.Policy) (*Desk, error) {
	return &Desk{pages, policy}, pages.Add("admin", store.Folder(pageFiles, "pages"))
}

// Routes adds the pages.
func (d *Desk) Routes(routes *web.Routes) {
	routes.HandleFunc("GET "+web.AdminPath, web.Staff(Open), d.hub)
	routes.HandleFunc("GET "+RolesPath, web.Staff(Open), d.roles)
}

// group is a part of the administration's page.
type group struct {
	Words string
	Links []web.Link
}

func (d *Desk) hub(w http.ResponseWriter, r *http.Request) {
	var groups []group
	for _, name := range web.Groups() {
		g := group{Words: name}
		for _, l := range web.ReaderOf(r.Context()).Admin {
			if l.Group == name {
				g.Links = append(g.Links, l)
			}
		}
		if len(g.Links) > 0 {
			groups = append(groups, g)
		}
	}
	d.pages.Render(w, r, http.StatusOK, "admin/hub", web.Page{Title: d.pages.Words(r).T("admin.title"), Wide: true, Active: web.AdminPath, Body: groups})
}

// table is a part of the table of who may do what: only the roles that may do any of it have a column.
type table struct {
	Title string
	Roles []string // in the reader's words
	Rows  []row
}

type row struct {
	What    string
	English bool // in the table's own words
	May     []bool
}

func (d *Desk) roles(w http.ResponseWriter, r *http.Request) {
	own := d.pages.Words(r)
	var desk, visit []auth.Rule
	for _, rule := range d.policy.Rules() {
		if inVisit(rule) {
			visit = append(visit, rule)
		} else {
			desk = append(desk, rule)
		}
	}
	tables := []table{tableOf(own, own.T("admin.roles.desk"), desk), tableOf(own, own.T("admin.roles.visit"), visit)}
	d.pages.Render(w, r, http.StatusOK, "admin/roles", web.Page{Title: own.T("admin.roles.title"), Wide: true, Active: RolesPath, Body: tables})
}

// inVisit says whether a rule is about what people do with each other in a visit.
func inVisit(rule auth.Rule) bool {
	return strings.HasPrefix(string(rule.Action), "visit.") && !slices.ContainsFunc(rule.Roles, func(role auth.Role) bool { return !role.Invited() })
}

func tableOf(own *words.Words, title string, rules []auth.Rule) table {
	t := table{Title: title}
	var roles []auth.Role
	for _, role := range auth.Roles() {
		if slices.ContainsFunc(rules, func(rule auth.Rule) bool { return slices.Contains(rule.Roles, role) }) {
			roles = append(roles, role)
			t.Roles = append(t.Roles, own.T("role."+string(role)))
		}
	}
	for _, rule := range rules {
		line := row{What: rule.Meaning, English: true}
		if key := "rule." + string(rule.Action); own.Has(key) {
			line.What, line.English = own.T(key), false
		}
		for _, role := range roles {
			line.May = append(line.May, slices.Contains(rule.Roles, role))
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}
