package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/words"
)

//go:embed pages/*.html
var ownPages embed.FS

//go:embed locales/*.json
var ownLocales embed.FS

// Locales are what the pages of this package and problems say.
func Locales() fs.FS { return must(fs.Sub(ownLocales, "locales")) }

func must(fsys fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the name is a constant
	}
	return fsys
}

// Pages are the server-rendered pages for staff: one layout, and the pages that packages add, each in every language. It is filled at start
// and only read afterwards.
type Pages struct {
	site string
	book *words.Book
	base map[string]*template.Template            // layout and shared parts, by language
	all  map[string]map[string]*template.Template // by language and "prefix/name"
}

// Page is what the layout needs of one page.
type Page struct {
	Title  string // in the tab and in screen readers' lists, in the reader's words
	Error  bool   // the title begins with "Error:", so that a reader hears it first
	Wide   bool   // a desk with a table rather than a column to read
	Active string // the entry of the reader's navigation that is this page: its Path
	Body   any    // what the page's own template gets as .Body
}

// Reader is the person who reads a page, as the layout shows them. Put into the context by whoever checks the session.
type Reader struct {
	Name    string
	SignOut string // the path a sign-out form posts to
	Account string // the path of the reader's own account; "": their name leads nowhere
	Links   []Link // navigation
	Admin   []Link // what the administration's page leads to
	Banner  Banner
	Lock    Lock
}

// Banner is what every page says to the reader first, in their words. The zero Banner says nothing.
type Banner struct{ Text, Path string }

// Lock is how a page that was left alone asks who is there. The zero Lock never asks.
type Lock struct {
	Idle     time.Duration // without anything done, until it does
	Unlock   string        // the path that takes the answer
	Password bool          // the reader has one
	Passkey  bool          // the reader has one that can be used here
}

// Link is one entry of the navigation.
type Link struct {
	Path   string
	Words  string      // a key of the catalogues
	Action auth.Action // only who may do it is shown the entry; empty: everybody
	Group  string      // of the administration's page; empty: an entry of the navigation itself
	About  string      // with a group: a key of the catalogues, what the page is for
	Absent string      // a key of the catalogues: when this page may help who finds nothing at the address of a visit or a patient; empty: it may not
}

// Problems are what is wrong with a form, in the order of its fields.
type Problems []FieldProblem

// FieldProblem says what to do about one field, in the reader's words. Field is also the id of its element, to which the summary links.
type FieldProblem struct{ Field, Text string }

// Of returns what is wrong with a field, or "".
func (p Problems) Of(field string) string {
	for _, f := range p {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

type readerKey struct{}

// ReaderOf is who reads the page that a request asks for; nil: nobody we know.
func ReaderOf(ctx context.Context) *Reader {
	reader, _ := ctx.Value(readerKey{}).(*Reader)
	return reader
}

// WithReader says who reads.
func WithReader(ctx context.Context, r Reader) context.Context {
	return context.WithValue(ctx, readerKey{}, &r)
}

// NewPages returns pages that carry the name of the site, with the pages of errors, in every language of book. asset gives the address of a
// style sheet or script by its name, as in "css/base.css"; nil: below /static/.
func NewPages(site string, book *words.Book, asset func(name string) string) (*Pages, error) {
	if asset == nil {
		asset = func(name string) string { return "/static/" + name }
	}
	p := &Pages{site: site, book: book, base: map[string]*template.Template{}, all: map[string]map[string]*template.Template{}}
	for _, w := range book.All() {
		base, err := template.New("base").Funcs(template.FuncMap{
			"t":       w.T,
			"n":       w.N,
			"asset":   asset,
			"dict":    dict,
			"number":  func(i int) int { return i + 1 },
			"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		}).ParseFS(ownPages, "pages/_*.html")
		if err != nil {
			return nil, fmt.Errorf("parse the layout: %w", err)
		}
		p.base[w.Tag], p.all[w.Tag] = base, map[string]*template.Template{}
	}
	return p, p.Add("web", must(fs.Sub(ownPages, "pages")))
}

// Words are the words of who sends a request.
func (p *Pages) Words(r *http.Request) *words.Words { return p.book.For(r) }

// Languages are the words of every language there is, English first.
func (p *Pages) Languages() []*words.Words { return p.book.All() }

// In are the words of a language, for what is read by somebody else than who sends a request; English where there are none.
func (p *Pages) In(tag string) *words.Words { return p.book.In(tag) }

// Add parses every *.html at the top of fsys as a page "prefix/name"; files that begin with "_" are parts that these pages share. A page
// defines the template "content". Add is for the start of the program, before Render.
func (p *Pages) Add(prefix string, fsys fs.FS) error {
	for language, base := range p.base {
		if err := add(p.all[language], base, prefix, fsys); err != nil {
			return err
		}
	}
	return nil
}

// add parses the pages in one language.
func add(all map[string]*template.Template, base *template.Template, prefix string, fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.html")
	if err != nil {
		return fmt.Errorf("list pages of %s: %w", prefix, err)
	}
	shared, err := base.Clone()
	if err != nil {
		return fmt.Errorf("clone the layout: %w", err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			if shared, err = shared.ParseFS(fsys, name); err != nil {
				return fmt.Errorf("parse %s of %s: %w", name, prefix, err)
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			continue
		}
		own, err := shared.Clone()
		if err == nil {
			own, err = own.ParseFS(fsys, name)
		}
		if err != nil {
			return fmt.Errorf("parse %s of %s: %w", name, prefix, err)
		}
		all[path.Join(prefix, strings.TrimSuffix(name, ".html"))] = own
	}
	return nil
}

// Render writes a page. It is drawn whole before the first byte leaves, so that a fault in a template is a calm 500 and no half page.
//
// Pages let the browser say to our own server which page a form was on: under the stricter no-referrer a form's Origin is "null", which the
// refusal of cross-site writes must take for a stranger's in browsers without Sec-Fetch-Site.
// (https://fetch.spec.whatwg.org/#append-a-request-origin-header)
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, name string, page Page) {
	own := p.Words(r)
	t, ok := p.all[own.Tag][name]
	if !ok {
		p.fail(w, r, fmt.Errorf("no page %q", name))
		return
	}
	reader := ReaderOf(r.Context())
	var b bytes.Buffer
	err := t.ExecuteTemplate(&b, "layout", struct {
		Page
		Site      string
		Reader    *Reader
		Under     string // the page that leads to this one; empty: the navigation does
		Language  *words.Words
		Languages []*words.Words
	}{page, p.site, reader, under(reader, page), own, p.book.All()})
	if err != nil {
		p.fail(w, r, fmt.Errorf("draw %s: %w", name, err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", own.Tag)
	w.Header().Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever is gone gets nothing
}

// Problem draws the page of a fault. People are not told apart a page that is not there from one that is not theirs.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, f *Fault) {
	if f.Code == fault.CodeNotAllowed {
		f = FaultOf(fault.NotFound)
	}
	own := p.Words(r)
	title, detail := "problem."+f.Code+".title", "problem."+f.Code+".detail"
	if !own.Has(title) { // a code of some module's own
		title, detail = "problem.internal.title", "problem.internal.detail"
		if f.Status < http.StatusInternalServerError {
			title, detail = "problem.not_valid.title", "problem.not_valid.detail"
		}
	}
	if f.Key != "" {
		detail = "problem." + f.Key
	}
	body := problemView{Text: own.T(detail)}
	if f.Code == fault.CodeNotFound {
		body.Instead = instead(r)
	}
	p.Render(w, r, f.Status, "web/problem", Page{Title: own.T(title), Body: body})
}

// problemView is what the page of a fault says.
type problemView struct {
	Text    string
	Instead []Link // that may help
}

// instead are the pages that may help who finds nothing at the address of a visit or a patient. They follow from the address and the reader alone, so that what is
// not there and what is not theirs are answered alike.
func instead(r *http.Request) (all []Link) {
	reader, parts := ReaderOf(r.Context()), strings.Split(r.URL.Path, "/")
	at := slices.IndexFunc(parts, func(s string) bool { return s == "visits" || s == "patients" })
	if reader == nil || at < 0 || at+1 == len(parts) {
		return nil
	}
	for _, l := range reader.Links {
		if l.Absent == "" {
			continue
		}
		if parts[at] == "visits" {
			l.Path += "?" + url.Values{"visit": {parts[at+1]}}.Encode()
		}
		all = append(all, l)
	}
	return all
}

func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	NoteCause(r, err)
	http.Error(w, p.Words(r).T("problem.internal.detail"), http.StatusInternalServerError)
}

// dict makes a map of the arguments of a part: name, value, name, value.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		k, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %T is no name", pairs[i])
		}
		m[k] = pairs[i+1]
	}
	return m, nil
}
