package retention

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// Path is the page.
const Path = "/admin/retention"

// Links are the page's entry of the administration.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "retention.title", Action: Write, Group: web.GroupHospital, About: "retention.about"}}
}

// Routes adds the page.
func (s *Service) Routes(routes *web.Routes) {
	write := web.Staff(Write)
	routes.HandleFunc("GET "+Path, write, s.page)
	routes.HandleFunc("POST "+Path, write, s.set)
	routes.HandleFunc("POST "+Path+"/holds", write, s.hold)
	routes.HandleFunc("POST "+Path+"/release", write, s.release)
	for _, kind := range []string{"visit", "patient"} {
		one := Path + "/" + kind + "s/{" + kind + "}"
		routes.HandleFunc("GET "+one, write, s.onePage(kind))
		routes.HandleFunc("POST "+one, write, s.holdOne(kind))
		routes.HandleFunc("POST "+one+"/release", write, s.releaseOne(kind))
	}
}

// kindView is a kind with its field.
type kindView struct {
	Kind
	Label, Hint string
	Days        string // as typed
	Would       string
}

// siteLink leads to another site.
type siteLink struct {
	Name, Path string
	Now        bool
}

type holdView struct {
	Kind, ID, Path string
	Name, More     string // as people know it; no name: the reader may not see it, or it is gone
	Tail           string // the end of its id, then
	Reason, Since  string
}

// pageView is what the page shows.
type pageView struct {
	Site            string // its id
	Seen            string // the version of the days when the form was first shown
	Name            string
	Sites           []siteLink // more than one
	Kinds           []kindView
	Holds           []holdView
	Address, Reason string // as typed
	Problems        web.Problems
	Done, Next      string
	MaxReason       int
}

// typedIn is what somebody sent with a form.
type typedIn struct {
	days            map[string]string // by kind; nil: nothing
	seen            string            // with days
	address, reason string
	problems        web.Problems
	done            string
}

func (s *Service) page(w http.ResponseWriter, r *http.Request) {
	own := s.config.Pages.Words(r)
	in := typedIn{}
	switch done := r.URL.Query().Get("done"); done {
	case "set", "held", "released":
		in.done = own.T("retention.done." + done)
	}
	s.show(w, r, http.StatusOK, r.URL.Query().Get("site"), in)
}

// daysText is days as the field has them.
func daysText(days int) string {
	if days == 0 {
		return ""
	}
	return strconv.Itoa(days)
}

func (s *Service) show(w http.ResponseWriter, r *http.Request, status int, site string, in typedIn) {
	v, err := s.view(r, site, in)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.config.Pages.Render(w, r, status, "retention/page", web.Page{Title: s.config.Pages.Words(r).T("retention.title"), Error: len(in.problems) > 0, Active: Path, Body: v})
}

func (s *Service) view(r *http.Request, site string, in typedIn) (v pageView, err error) {
	ctx, own := r.Context(), s.config.Pages.Words(r)
	all, err := s.places(ctx)
	if err != nil {
		return v, err
	}
	if site == "" && len(all) > 0 {
		site = all[0].ID
	}
	p, err := s.siteOf(ctx, site)
	if err != nil {
		return v, err
	}
	v = pageView{Site: p.ID, Name: p.Name, Address: in.address, Reason: in.reason, Problems: in.problems, Done: in.done, MaxReason: MaxReason,
		Next: own.T("desk.at_zone", "at", own.Moment(s.next().In(p.Zone)), "zone", own.Zone(p.Zone))}
	if len(all) > 1 {
		for _, one := range all {
			v.Sites = append(v.Sites, siteLink{one.Name, Path + "?" + url.Values{"site": {one.ID}}.Encode(), one.ID == p.ID})
		}
	}
	days, err := s.Days(ctx, s.config.DB, p.ID)
	if err != nil {
		return v, err
	}
	v.Seen = Version(days)
	if in.days != nil {
		v.Seen = in.seen
		if Check(number(in.days)) == nil {
			days = number(in.days)
		}
	}
	would, err := s.Preview(ctx, p.ID, days)
	if err != nil {
		return v, err
	}
	for _, k := range Kinds() {
		view := kindView{Kind: k, Label: own.T("retention.kind." + k.Name), Hint: own.T("retention.hint."+k.Name, "least", k.Least), Days: daysText(days[k.Name])}
		if text, there := in.days[k.Name]; there {
			view.Days = text
		}
		if n, asked := would[k.Name]; asked {
			view.Would = own.T("retention.would.none")
			switch day := own.Date(n.Oldest.In(p.Zone)); {
			case n.Number > 0 && k.ofPatients:
				view.Would = own.T("retention.would_patients", "count", n.Number, "day", day)
			case n.Number > 0:
				view.Would = own.N("retention.would", n.Number, "day", day)
			}
		}
		v.Kinds = append(v.Kinds, view)
	}
	v.Holds, err = s.holdViews(r, own)
	return v, err
}

func (s *Service) holdViews(r *http.Request, own *words.Words) (all []holdView, err error) {
	holds, err := s.Holds(r.Context(), web.Actor(r.Context()))
	if err != nil || len(holds) == 0 {
		return nil, err
	}
	subjects := make([]store.Subject, len(holds))
	for i, h := range holds {
		subjects[i] = h.About
	}
	zone, err := s.firstZone(r.Context())
	if err != nil {
		return nil, err
	}
	names, err := s.config.Named(r.Context(), web.Actor(r.Context()), subjects, own)
	for _, h := range holds {
		named := names[h.About]
		all = append(all, holdView{Kind: h.About.Kind, ID: h.About.ID, Path: pageOf(h.About), Name: named.Name.Reveal(), More: named.More.Reveal(), Tail: "…" + h.About.ID[len(h.About.ID)-12:],
			Reason: h.Reason.Reveal(), Since: own.Date(h.At.In(zone))})
	}
	return all, err
}

// number reads days, an empty field as for good; what is no number is -1, which no kind may be.
func number(told map[string]string) map[string]int {
	all := map[string]int{}
	for kind, text := range told {
		if text == "" {
			all[kind] = 0
			continue
		}
		n, err := typed.Int(text)
		if err != nil || n == 0 {
			n = -1
		}
		all[kind] = n
	}
	return all
}

// set keeps days, or with "preview" shows what would go.
func (s *Service) set(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own, site := s.config.Pages.Words(r), r.PostForm.Get("site")
	in := typedIn{days: map[string]string{}, seen: r.PostForm.Get("seen")}
	for _, k := range Kinds() {
		if r.PostForm.Has(k.Name) { // what is not there was cut off, and says nothing
			in.days[k.Name] = strings.TrimSpace(r.PostForm.Get(k.Name))
		}
	}
	days := number(in.days)
	err := Check(days)
	if err == nil && r.PostForm.Has("preview") {
		s.show(w, r, http.StatusOK, site, in)
		return
	}
	if err == nil {
		err = s.Set(r.Context(), web.Actor(r.Context()), site, in.seen, days)
	}
	if err == nil {
		web.Redirect(w, r, Path+"?"+url.Values{"site": {site}, "done": {"set"}}.Encode())
		return
	}
	if fault.CodeOf(err) == fault.CodeConflict { // what was typed was meant for other days: the form shows those that hold
		s.show(w, r, http.StatusConflict, site, typedIn{problems: web.Problems{{Field: "days", Text: own.T("retention.wrong.changed")}}})
		return
	}
	fields, ok := fault.FieldsOf(err)
	if !ok {
		web.Problem(w, r, err)
		return
	}
	for _, k := range Kinds() {
		for _, f := range fields {
			if f.Field == k.Name {
				in.problems = append(in.problems, web.FieldProblem{Field: k.Name, Text: own.T("retention.wrong.days", "field", own.T("retention.kind."+k.Name), "least", k.Least)})
			}
		}
	}
	s.show(w, r, http.StatusUnprocessableEntity, site, in)
}

func (s *Service) hold(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own := s.config.Pages.Words(r)
	in := typedIn{address: strings.TrimSpace(r.PostForm.Get("address")), reason: r.PostForm.Get("reason")}
	err := s.Hold(r.Context(), web.Actor(r.Context()), subjectOf(in.address), phi.Text(in.reason))
	if err == nil {
		web.Redirect(w, r, Path+"?done=held")
		return
	}
	var held *heldError
	if errors.As(err, &held) {
		zone, err := s.firstZone(r.Context())
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		in.problems = web.Problems{heldWords(own, held.hold, zone)}
		s.show(w, r, http.StatusConflict, "", in)
		return
	}
	fields, ok := fault.FieldsOf(err)
	if !ok {
		web.Problem(w, r, err)
		return
	}
	for _, f := range fields {
		in.problems = append(in.problems, web.FieldProblem{Field: f.Field, Text: own.T("retention.wrong."+f.Field, "most", MaxReason)})
	}
	s.show(w, r, http.StatusUnprocessableEntity, "", in)
}

// heldWords say that something is held already, since when and why: a second reason is not kept.
func heldWords(own *words.Words, h Hold, zone *time.Location) web.FieldProblem {
	return web.FieldProblem{Field: "reason", Text: own.T("retention.wrong.held", "day", own.Date(h.At.In(zone)), "reason", h.Reason.Reveal())}
}

// subjectOf finds what the address of a page is about: /desk/visits/ID or /desk/patients/ID, with whatever stands before and after.
func subjectOf(address string) store.Subject {
	for kind, part := range map[string]string{"visit": "/desk/visits/", "patient": "/desk/patients/"} {
		if _, rest, found := strings.Cut(address, part); found && len(rest) >= idLength {
			return store.About(kind, rest[:idLength])
		}
	}
	return store.About("visit", "")
}

const idLength = 36 // of store.NewID

func (s *Service) release(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	err := s.Release(r.Context(), web.Actor(r.Context()), store.About(r.PostForm.Get("kind"), r.PostForm.Get("id")))
	if err != nil && !errors.Is(err, fault.NotFound) { // it is released already
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, Path+"?done=released")
}
