// Package consents is the administration's pages of what families are asked to consent to before a visit, by site and language. It owns nothing: versions
// and their texts belong to package visits, which never changes one that was published.
package consents

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are what the pages say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Path is the page of all sites.
const Path = "/admin/consent"

const (
	sitePrefix    = Path + "/sites/"
	versionPrefix = Path + "/versions/"
)

// most is how many bytes a form has at most: a text in each language, each letter as nine characters.
const most = 4 << 20

// Links are the pages' entry of the administration.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "consents.title", Action: auth.ConsentWrite, Group: web.GroupHospital, About: "consents.about"}}
}

// Visits has the versions.
type Visits interface {
	ConsentOf(ctx context.Context, actor auth.Actor, site string) (visits.ConsentTexts, []visits.ConsentVersion, error)
	ConsentVersion(ctx context.Context, actor auth.Actor, version string) (visits.ConsentTexts, error)
	Publish(ctx context.Context, actor auth.Actor, site, seen string, texts []visits.ConsentText) (string, error)
}

// Sites knows the hospital's places.
type Sites interface {
	Sites(ctx context.Context, actor auth.Actor) ([]sites.Site, error)
}

// Desk is the pages.
type Desk struct {
	visits Visits
	sites  Sites
	pages  *web.Pages
}

// New parses the pages.
func New(v Visits, s Sites, pages *web.Pages) (*Desk, error) {
	return &Desk{v, s, pages}, pages.Add("consents", store.Folder(pageFiles, "pages"))
}

// Routes adds the pages.
func (d *Desk) Routes(routes *web.Routes) {
	write := web.Staff(auth.ConsentWrite)
	routes.HandleFunc("GET "+Path, write, d.list)
	routes.HandleFunc("GET "+sitePrefix+"{site}", write, d.site)
	routes.HandleFunc("POST "+sitePrefix+"{site}", write.Taking(most), d.publish)
	routes.HandleFunc("GET "+versionPrefix+"{version}", write, d.version)
}

// siteLine is what one site asks.
type siteLine struct {
	Path, Name, Version string // no version: nothing is asked
	Languages, Missing  string
}

func (d *Desk) list(w http.ResponseWriter, r *http.Request) {
	ctx, own := r.Context(), d.pages.Words(r)
	all, err := d.sites.Sites(ctx, web.Actor(ctx))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var lines []siteLine
	for _, s := range all {
		now, _, err := d.visits.ConsentOf(ctx, web.Actor(ctx), s.ID)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		there := languagesOf(now)
		missing := slices.DeleteFunc(slices.Clone(s.Languages), func(tag string) bool { return slices.Contains(there, tag) })
		line := siteLine{Path: sitePrefix + s.ID, Name: s.Name, Version: now.Version, Languages: d.names(there)}
		if now.Version != "" && len(missing) > 0 {
			line.Missing = d.names(missing)
		}
		lines = append(lines, line)
	}
	d.pages.Render(w, r, http.StatusOK, "consents/list", web.Page{Title: own.T("consents.title"), Wide: true, Active: Path, Body: lines})
}

func languagesOf(t visits.ConsentTexts) (all []string) {
	for _, text := range t.Texts {
		all = append(all, text.Language)
	}
	return all
}

// names are languages by their own names.
func (d *Desk) names(tags []string) string {
	var all []string
	for _, tag := range tags {
		all = append(all, d.name(tag))
	}
	return strings.Join(all, " · ")
}

// name is the language's own name, where we speak it.
func (d *Desk) name(tag string) string {
	for _, w := range d.pages.Languages() {
		if w.Tag == tag {
			return w.Name
		}
	}
	return tag
}

// textView is a text in a language: a field, and what it looks like.
type textView struct {
	Tag, Name, Direction string
	Text                 string
	Wrong                string
	Missing              bool // the site's families read it, and there is none
	Hash                 string
	Blocks               []block
}

// versionView is a version that was published.
type versionView struct {
	Path, Version, When, Languages string
	Given                          int
}

// siteView is the form of a site.
type siteView struct {
	Path, Name, Version string
	Texts               []textView
	Versions            []versionView
	Problems            web.Problems
	Preview             bool
	Done                string
	Most                int // KiB
}

func (d *Desk) site(w http.ResponseWriter, r *http.Request) {
	d.show(w, r, http.StatusOK, nil, nil, false)
}

// show draws the form; typed are texts by language as somebody sent them, nil: those that are asked now.
func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, typed map[string]string, wrong map[string]string, preview bool) {
	ctx, own := r.Context(), d.pages.Words(r)
	all, err := d.sites.Sites(ctx, web.Actor(ctx))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	i := slices.IndexFunc(all, func(s sites.Site) bool { return s.ID == r.PathValue("site") })
	if i < 0 {
		web.NotFound(w, r)
		return
	}
	now, versions, err := d.visits.ConsentOf(ctx, web.Actor(ctx), all[i].ID)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v := siteView{Path: sitePrefix + all[i].ID, Name: all[i].Name, Version: now.Version, Preview: preview, Most: visits.MaxConsentText >> 10}
	if typed != nil {
		v.Version = r.PostForm.Get("seen")
	}
	for _, language := range d.pages.Languages() {
		t := textView{Tag: language.Tag, Name: language.Name, Direction: language.Direction}
		if typed != nil {
			t.Text = typed[t.Tag]
		} else if at := slices.IndexFunc(now.Texts, func(x visits.ConsentText) bool { return x.Language == t.Tag }); at >= 0 {
			t.Text = now.Texts[at].Text
		}
		t.Missing = strings.TrimSpace(t.Text) == "" && slices.Contains(all[i].Languages, t.Tag)
		t.Blocks = blocksOf(t.Text)
		if wrong[t.Tag] != "" {
			v.Problems = append(v.Problems, web.FieldProblem{Field: "text-" + t.Tag, Text: own.T("consents.wrong", "language", t.Name, "most", v.Most)})
			t.Wrong = "text-" + t.Tag
		}
		v.Texts = append(v.Texts, t)
	}
	for _, one := range versions {
		line := versionView{Path: versionPrefix + one.Version, Version: one.Version, When: own.T("consents.folder"), Languages: d.names(one.Languages), Given: one.Given}
		if !one.Published.IsZero() {
			line.When = own.Moment(one.Published.In(zoneOf(all[i])))
		}
		v.Versions = append(v.Versions, line)
	}
	if r.URL.Query().Get("done") == "published" {
		v.Done = own.T("consents.done")
	}
	d.pages.Render(w, r, status, "consents/site", web.Page{Title: own.T("consents.one", "site", v.Name), Error: len(v.Problems) > 0, Wide: true, Active: Path, Body: v})
}

func zoneOf(s sites.Site) *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// publish publishes a version, or with "preview" shows what it looks like.
func (d *Desk) publish(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	typed := map[string]string{}
	var texts []visits.ConsentText
	for _, language := range d.pages.Languages() {
		typed[language.Tag] = r.PostForm.Get("text-" + language.Tag)
		texts = append(texts, visits.ConsentText{Language: language.Tag, Text: typed[language.Tag]})
	}
	if r.PostForm.Has("preview") {
		d.show(w, r, http.StatusOK, typed, nil, true)
		return
	}
	site := web.PathID(r, "site")
	_, err := d.visits.Publish(r.Context(), web.Actor(r.Context()), site, r.PostForm.Get("seen"), texts)
	if err == nil {
		web.Redirect(w, r, sitePrefix+site+"?done=published")
		return
	}
	fields, ok := fault.FieldsOf(err)
	if !ok {
		web.Problem(w, r, err)
		return
	}
	wrong := map[string]string{}
	for _, f := range fields {
		wrong[f.Field] = f.Detail
	}
	d.show(w, r, http.StatusUnprocessableEntity, typed, wrong, false)
}

func (d *Desk) version(w http.ResponseWriter, r *http.Request) {
	own := d.pages.Words(r)
	texts, err := d.visits.ConsentVersion(r.Context(), web.Actor(r.Context()), r.PathValue("version"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var all []textView
	for _, t := range texts.Texts {
		all = append(all, textView{Tag: t.Language, Name: d.name(t.Language), Direction: d.pages.In(t.Language).Direction, Hash: t.Hash(), Blocks: blocksOf(t.Text)})
	}
	d.pages.Render(w, r, http.StatusOK, "consents/version", web.Page{Title: own.T("consents.version", "version", texts.Version), Active: Path, Body: struct {
		Version string
		Texts   []textView
	}{texts.Version, all}})
}

// block is a paragraph, a heading or a list of a text.
type block struct {
	Heading, Text string
	Items         []string
}

var (
	blank   = regexp.MustCompile(`\n[ \t]*\n`)
	heading = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	item    = regexp.MustCompile(`^\s*[-*•]\s+(.*)$`)
)

// blocksOf parts a text as the families' page does (static/js/ui/consent.js).
func blocksOf(text string) (all []block) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for _, part := range blank.Split(strings.TrimSpace(text), -1) {
		open := false // the last block may go on
		for line := range strings.SplitSeq(part, "\n") {
			last := len(all) - 1
			if m := heading.FindStringSubmatch(line); m != nil {
				all, open = append(all, block{Heading: m[1]}), false
			} else if m := item.FindStringSubmatch(line); m != nil {
				if open && all[last].Items != nil {
					all[last].Items = append(all[last].Items, m[1])
				} else {
					all, open = append(all, block{Items: []string{m[1]}}), true
				}
			} else if line = strings.TrimSpace(line); line == "" {
				continue
			} else if !open {
				all, open = append(all, block{Text: line}), true
			} else if items := all[last].Items; items != nil {
				items[len(items)-1] += " " + line
			} else {
				all[last].Text += " " + line
			}
		}
	}
	return all
}
