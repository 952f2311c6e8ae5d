package imports

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits/desk"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Locales are the words of this package's pages, in every language.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// Path is where the pages are.
const Path = desk.Path + "/import"

// Links lead to the pages from the list of visits.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "imports.link", Action: auth.VisitSchedule}}
}

// Desk is the schedulers' pages of files. It decides nothing: the Importer does.
type Desk struct {
	importer *Importer
	pages    *web.Pages
}

// NewDesk parses the pages.
func NewDesk(i *Importer, pages *web.Pages) (*Desk, error) {
	return &Desk{i, pages}, pages.Add("imports", store.Folder(pageFiles, "pages"))
}

// A file may be twice as large in a form as it is: sealed, in letters.
const maxForm = 2*MaxBytes + 64<<10

// Routes adds the pages.
func (d *Desk) Routes(routes *web.Routes) {
	schedule := web.Staff(auth.VisitSchedule)
	routes.HandleFunc("GET "+Path, schedule, d.form)
	routes.HandleFunc("POST "+Path, schedule.Taking(maxForm), d.preview)
	routes.HandleFunc("POST "+Path+"/make", schedule.Taking(maxForm), d.make)
	routes.HandleFunc("GET "+Path+"/template.csv", schedule, d.template)
}

// formView is the page that asks for a file.
type formView struct {
	Problems web.Problems
	Columns  []columnView
	MaxRows  int
	MaxKiB   int
	Done     string
}

// columnView is one column as people read of it.
type columnView struct {
	Label, Name, Meaning string // Name is as programs write it
	Needed               bool
}

func (d *Desk) form(w http.ResponseWriter, r *http.Request) {
	own := d.pages.Words(r)
	v := formView{}
	if n, err := strconv.Atoi(r.URL.Query().Get("made")); err == nil && n > 0 && n <= MaxRows {
		v.Done = own.N("imports.made", n)
	}
	d.showForm(w, r, http.StatusOK, v)
}

func (d *Desk) showForm(w http.ResponseWriter, r *http.Request, status int, v formView) {
	own := d.pages.Words(r)
	v.MaxRows, v.MaxKiB = MaxRows, MaxBytes>>10
	needed := map[Column]bool{}
	for _, c := range Needed() {
		needed[c] = true
	}
	for _, c := range Columns() {
		v.Columns = append(v.Columns, columnView{nameOf(own, c), string(c), own.T("imports.column." + string(c)), needed[c]})
	}
	d.pages.Render(w, r, status, "imports/form", web.Page{Title: own.T("imports.title"), Error: len(v.Problems) > 0, Active: desk.Path, Body: v})
}

func (d *Desk) template(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="visits.csv"`)
	_, _ = w.Write(Template(d.pages.Words(r))) // whoever is gone gets nothing
}

// previewView is the page that shows what a file would make.
type previewView struct {
	Lines           []lineView
	Wrong           []wrongView
	Sealed          string
	Before          string // when the same file was made; "": never
	Overlaps        bool
	NoAgain, NoMore bool // who may decide did not
	Visits, News    string
}

// lineView is one line of a file, in words.
type lineView struct {
	Number                 int
	Patient, Service, When string
	Closed                 string // why the site does not work on that day; empty: it does
	New, Overlaps          bool
	Elsewhere, Unreached   bool
	Wrong                  []wrongView
}

type wrongView struct{ Where, Text string }

func (d *Desk) preview(w http.ResponseWriter, r *http.Request) {
	own := d.pages.Words(r)
	file, err := readFile(r)
	if errors.Is(err, http.ErrMissingFile) {
		d.showForm(w, r, http.StatusUnprocessableEntity, formView{Problems: web.Problems{{Field: "file", Text: own.T("imports.wrong.none")}}})
		return
	}
	if err != nil {
		web.Unreadable(w, r, err)
		return
	}
	p, err := d.importer.Preview(r.Context(), web.Actor(r.Context()), file)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.show(w, r, p, previewView{})
}

// readFile reads the file of a form, which stays in memory.
func readFile(r *http.Request) ([]byte, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, http.ErrMissingFile
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		return io.ReadAll(io.LimitReader(part, MaxBytes+1)) // what is larger is refused for that
	}
}

// show shows what a file would make, or what is wrong with it.
func (d *Desk) show(w http.ResponseWriter, r *http.Request, p Preview, v previewView) {
	own := d.pages.Words(r)
	if len(p.Lines) == 0 { // no file of visits at all
		f := formView{}
		for _, e := range p.Wrong {
			f.Problems = append(f.Problems, web.FieldProblem{Field: "file", Text: lineWords(own, e)})
		}
		d.showForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	v.Sealed, v.Overlaps = p.Sealed, p.Overlaps() > 0
	if !p.Before.IsZero() {
		zone := p.Lines[0].Site.Zone
		v.Before = own.T("desk.at_zone", "at", own.Moment(p.Before.In(zone)), "zone", own.Zone(zone))
	}
	byLine := map[int][]wrongView{}
	for _, e := range p.Wrong {
		one := wrongView{Text: wrongWords(own, e)}
		if e.Column != "" {
			one.Where = nameOf(own, e.Column)
		}
		byLine[e.Line] = append(byLine[e.Line], one)
	}
	news := 0
	for _, l := range p.Lines {
		line := lineView{Number: l.Number, Patient: l.Patient, New: l.New, Service: l.Service, Overlaps: l.Overlaps > 0, Elsewhere: l.Elsewhere, Unreached: l.Unreached, Wrong: byLine[l.Number]}
		if !l.Request.StartsAt.IsZero() {
			at := l.Request.StartsAt.In(l.Site.Zone)
			line.When = own.T("desk.at_zone", "at", own.T("date.moment", "date", own.Day(at), "time", own.Clock(at)), "zone", own.Zone(l.Site.Zone))
			line.Closed = desk.ClosedWords(l.Site.Calendar, sites.DayOf(at, l.Site.Zone), own)
		}
		if l.New {
			news++
		}
		v.Lines = append(v.Lines, line)
	}
	v.Visits, v.News = own.N("imports.visits", len(p.Lines)), own.N("imports.news", news)
	status := http.StatusOK
	if len(p.Wrong) > 0 || v.NoAgain || v.NoMore {
		status = http.StatusUnprocessableEntity
	}
	title := own.T("imports.preview")
	d.pages.Render(w, r, status, "imports/preview", web.Page{Title: title, Error: status != http.StatusOK, Wide: true, Active: desk.Path, Body: v})
}

// wrongWords says what is wrong.
func wrongWords(own *words.Words, e Wrong) string {
	values := slices.Clone(e.Values)
	for i, v := range values {
		if c, ok := v.(Column); ok {
			values[i] = nameOf(own, c)
		}
	}
	return own.T(e.Key, values...)
}

// lineWords says what is wrong with a file, and in which line.
func lineWords(own *words.Words, e Wrong) string {
	text := wrongWords(own, e)
	if e.Line > 0 {
		text = own.T("imports.line", "line", e.Line, "text", text)
	}
	return text
}

func (d *Desk) make(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	decision := Decision{AllowOverlap: r.PostForm.Has("allow_overlap"), Again: r.PostForm.Has("again")}
	made, p, err := d.importer.Make(r.Context(), web.Actor(r.Context()), r.PostForm.Get("sealed"), decision)
	var stale *fault.Problem
	switch {
	case errors.As(err, &stale) && stale.Key != "":
		d.showForm(w, r, http.StatusUnprocessableEntity, formView{Problems: web.Problems{{Field: "file", Text: d.pages.Words(r).T("problem." + stale.Key)}}})
	case err != nil:
		web.Problem(w, r, err)
	case made == nil:
		d.show(w, r, p, previewView{NoAgain: !p.Before.IsZero() && !decision.Again, NoMore: p.Overlaps() > 0 && !decision.AllowOverlap})
	default:
		web.Redirect(w, r, Path+"?made="+strconv.Itoa(len(made)))
	}
}
