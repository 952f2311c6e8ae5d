package server_test

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// pageForm is a form of a page, filled in with canaries wherever somebody may write.
type pageForm struct {
	method, action string
	fields         url.Values
	buttons        [][2]string // names and values
}

// walk visits every element of a page. What stands in a template is none yet.
func walk(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode && n.Data == "template" {
		return
	}
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// formsOf are the forms of a page.
func formsOf(page string) (all []pageForm) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil
	}
	walk(root, func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "form" {
			f := pageForm{method: strings.ToUpper(cmp.Or(attr(n, "method"), "get")), action: attr(n, "action"), fields: url.Values{}}
			walk(n, f.field)
			all = append(all, f)
		}
	})
	return all
}

// field fills a field in.
func (f *pageForm) field(n *html.Node) {
	name := attr(n, "name")
	switch {
	case n.Type != html.ElementNode || has(n, "disabled"):
	case n.Data == "button" || n.Data == "input" && attr(n, "type") == "submit":
		f.buttons = append(f.buttons, [2]string{name, attr(n, "value")})
	case name == "":
	case n.Data == "textarea" && n.FirstChild != nil && name == "holidays":
		f.fields.Set(name, n.FirstChild.Data)
	case n.Data == "textarea":
		f.fields.Set(name, "Canary "+name)
	case n.Data == "select":
		value := ""
		walk(n, func(o *html.Node) {
			if o.Type == html.ElementNode && o.Data == "option" && (value == "" || has(o, "selected")) {
				value = attr(o, "value")
			}
		})
		f.fields.Set(name, value)
	case n.Data == "input" && (attr(n, "type") == "radio" || attr(n, "type") == "checkbox"):
		if has(n, "checked") || !f.fields.Has(name) {
			f.fields.Set(name, cmp.Or(attr(n, "value"), "on"))
		}
	case n.Data == "input" && attr(n, "type") != "file":
		f.fields.Set(name, written(name, attr(n, "type"), attr(n, "value")))
	}
}

var ofContacts = regexp.MustCompile(`[-_.\d]+$`)

// written is what somebody writes into a field.
func written(name, kind, value string) string {
	bare := ofContacts.ReplaceAllString(name, "")
	switch {
	case kind == "hidden":
		return value
	case kind == "email" || strings.Contains(bare, "email"):
		return "canary." + strings.Trim(bare, "._-") + "@example.org"
	case kind == "tel" || strings.Contains(bare, "phone"):
		return canaryPhone
	case kind == "password":
		return "canary long password"
	case strings.Contains(bare, "birth") && kind == "date":
		return canaryBirth
	case kind == "url" || bare == "url":
		return "https://example.org/canary"
	case value != "":
		return value // numbers, zones, times, and what is there already
	case kind == "date" || bare == "date" || bare == "until":
		return time.Now().Add(50 * 24 * time.Hour).Format(time.DateOnly)
	case kind == "time" || bare == "time":
		return "11:00"
	case bare == "day":
		return "13"
	case bare == "month":
		return "2"
	case bare == "year":
		return "2011"
	case kind == "number" || bare == "minutes" || bare == "days" || bare == "count" || bare == "weeks":
		return "30"
	}
	return "Canary " + bare
}

// fieldsOfGet are what forms put into addresses: none may be health data.
var fieldsOfGet = []string{"view", "by", "day", "from", "to", "clinician", "state", "site", "service", "actor", "kind", "id", "consent-for", "show"}

// last are acts after which there is less to see: they come after everything else.
var last = regexp.MustCompile(`cancel|revoke|remove|/off$|sign-out|/end$|no-show|disable|new-link|hand-over|account/|accounts/|emergency/|/lock|resend|addendum`)

// step is one request that a crawl is to make.
type step struct {
	w                 who
	method, path, key string
	fields            url.Values
}

// crawl follows every link and sends every form of the pages of all staff: each route some times, each with canaries wherever somebody may write.
func (p *probe) crawl() {
	const often = 4 // for each route and reader, since pages differ
	var now, later []step
	done, times := map[string]bool{}, map[string]int{}
	add := func(s step) {
		route := p.route(s.method, s.path)
		kind := s.w.name + s.key + route
		if id := s.w.name + s.method + s.path + s.key; route == "" || done[id] || times[kind] >= often {
			return
		} else {
			done[id] = true
		}
		times[kind]++
		if s.method == http.MethodPost && last.MatchString(s.path) {
			later = append(later, s)
			return
		}
		now = append(now, s)
	}
	for _, w := range p.staff {
		for _, path := range []string{"/", "/account", "/desk/schedule", "/desk/new", "/desk/import"} {
			add(step{w: w, method: http.MethodGet, path: path})
		}
		for _, visit := range []string{p.visits[0], p.visits[len(p.visits)-1]} {
			for _, path := range []string{"/desk/visits/ID/after", "/desk/visits/ID/record", "/desk/visits/ID/series", "/desk/visits/ID/note", "/desk/visits/ID/messages", "/queue/visits/ID",
				"/queue/visits/ID/numbers", "/queue/visits/ID/no-show"} {
				add(step{w: w, method: http.MethodGet, path: strings.Replace(path, "ID", visit, 1)})
			}
		}
	}
	for len(now)+len(later) > 0 {
		if len(now) == 0 {
			i := max(slices.IndexFunc(later, func(s step) bool {
				return !strings.HasPrefix(s.path, "/account/") && !strings.HasPrefix(s.path, "/admin/accounts/")
			}), 0) // what ends sessions comes last of all
			now = append(now, later[i])
			later = slices.Delete(later, i, i+1)
		}
		s := now[0]
		now = now[1:]
		var a asked
		if s.method == http.MethodPost {
			a = p.form(s.w, s.path, s.fields)
		} else {
			a = p.ask(s.w, s.method, s.path, "", http.NoBody)
		}
		if to := a.header.Get("Location"); to != "" {
			add(step{w: s.w, method: http.MethodGet, path: strings.TrimPrefix(to, p.s.URL())})
		}
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			for _, next := range p.onPage(s.w, s.path, a) {
				add(next)
			}
		}
	}
}

// onPage looks at the addresses of a page, and returns what can be asked for from it.
func (p *probe) onPage(w who, path string, a asked) (next []step) {
	here, err := url.Parse(path)
	if err != nil {
		p.t.Fatal(err)
	}
	resolve := func(ref string) string {
		u, err := here.Parse(strings.TrimPrefix(ref, p.s.URL()))
		if err != nil || u.Host != "" || u.Scheme != "" {
			return ""
		}
		return u.RequestURI()
	}
	root, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		p.t.Fatal(err)
	}
	walk(root, func(n *html.Node) {
		for _, name := range []string{"href", "src", "action", "formaction"} {
			ref := attr(n, name)
			if found := canaryIn(ref); found != "" && !strings.HasPrefix(ref, "tel:") && !strings.HasPrefix(ref, "mailto:") {
				p.t.Errorf("%s as %s: an address holds …%s…", p.route(http.MethodGet, path), w.name, found)
			}
		}
		if n.Type == html.ElementNode && n.Data == "a" && attr(n, "href") != "" && !strings.HasPrefix(attr(n, "href"), "#") {
			if to := resolve(attr(n, "href")); to != "" {
				next = append(next, step{w: w, method: http.MethodGet, path: to})
			}
		}
	})
	for _, f := range formsOf(a.body) {
		to := resolve(cmp.Or(f.action, path))
		if f.method == http.MethodGet {
			for name := range f.fields {
				if !slices.Contains(fieldsOfGet, name) {
					p.t.Errorf("%s: a form puts %q into an address: is it health data?", path, name)
				}
			}
			continue
		}
		if to == "/sign-out" || to == "/language" {
			continue
		}
		for _, b := range append([][2]string{{}}, f.buttons...) {
			fields := url.Values{}
			for name, values := range f.fields {
				fields[name] = values
			}
			if b[0] != "" {
				fields.Set(b[0], b[1])
			}
			next = append(next, step{w: w, method: http.MethodPost, path: to, key: b[0] + b[1], fields: fields})
		}
	}
	return next
}
