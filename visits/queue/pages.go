package queue

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// show draws the queue.
func (q *Queue) show(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	a, err := q.ask(ctx, r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	present, unknown := q.config.Rooms.Present(ctx)
	var all []visits.Visit
	err = q.act(ctx, a.actor, Read, "queue.read", store.About("visit", ""), func(tx *store.Tx, act *store.Act) error {
		if all, err = q.read(ctx, tx, a); err != nil {
			return err
		}
		act.Detail = "visits " + strconv.Itoa(len(all))
		return nil
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if unknown != nil {
		web.NoteCause(r, unknown)
	}
	d := q.draw(a, all, present, unknown != nil)
	title := d.Title
	if d.Waiting > 0 {
		title = a.own.T("queue.title_waiting", "count", d.Waiting, "title", d.Title)
	}
	q.config.Pages.Render(w, r, http.StatusOK, "queue/queue", web.Page{Title: title, Wide: true, Active: Path, Body: struct {
		day
		Events, WaitingWords, Done string
		Undone                     bool // what Done says leaves something to do
	}{d, eventsPath + query(r), waitingWords(a.own, d.Waiting), done(r, a.own), undone(r)}})
}

func waitingWords(own *words.Words, count int) string {
	if count == 0 {
		return own.T("queue.nobody")
	}
	return own.N("queue.waiting", count)
}

// query is what a page was asked for, for the stream that belongs to it.
func query(r *http.Request) string {
	if show := r.URL.Query().Get("show"); show != "" {
		return "?" + url.Values{"show": {show}}.Encode()
	}
	return ""
}

// done says what has just been done.
func done(r *http.Request, own *words.Words) string {
	switch what := r.URL.Query().Get("done"); what {
	case "no-show", "came", "handed", "late", "late-part", "late-none", "told":
		return own.T("queue.done." + what)
	}
	return ""
}

// undone says whether what has just been done leaves somebody to be called.
func undone(r *http.Request) bool {
	what := r.URL.Query().Get("done")
	return what == "late-part" || what == "late-none"
}

// toQueue leads on who opens the address of what is only ever sent.
func (q *Queue) toQueue(w http.ResponseWriter, r *http.Request) { web.Redirect(w, r, Path) }

// one reads a visit that the reader leads and is shown, with an audit row. A refusal is told as nothing is.
func (q *Queue) one(r *http.Request, action string) (v visits.Visit, a asked, err error) {
	return q.led(r, action, false)
}

// toDo reads a visit that the reader leads and does something with: that has a row of its own, and here only a refusal has.
func (q *Queue) toDo(r *http.Request) (v visits.Visit, a asked, err error) {
	return q.led(r, "queue.visit", true)
}

// again shows a visit after all, of which something could not be done.
func (q *Queue) again(w http.ResponseWriter, r *http.Request, show func(asked, visits.Visit)) {
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	show(a, v)
}

func (q *Queue) led(r *http.Request, action string, goesOn bool) (v visits.Visit, a asked, err error) {
	ctx := r.Context()
	if a, err = q.ask(ctx, r); err != nil {
		return v, a, err
	}
	visit := web.PathID(r, "visit")
	err = q.act(ctx, a.actor, Lead, action, store.About("visit", visit), func(tx *store.Tx, act *store.Act) error {
		act.GoesOn = goesOn
		if v, err = q.config.Visits.Read(ctx, tx, visit); err != nil {
			return err
		}
		if !v.Leads(a.actor) {
			return fault.NotFound
		}
		return nil
	})
	return v, a, err
}

// about is a page about one visit.
type about struct {
	Entry    entry
	Numbers  []number
	Choices  []choice
	Also     []choice // visits that it can be done with, too
	To       string
	Keep     bool
	Live     bool
	Problems web.Problems
}

type number struct {
	Name, Role, Text string
	URL              template.URL // RFC 3966
}

func (q *Queue) page(w http.ResponseWriter, r *http.Request, status int, name, title string, a asked, v visits.Visit, b about) {
	present, _ := q.config.Rooms.Present(r.Context()) // what is not known is shown as nobody
	b.Entry, _ = q.entry(a, v, present[v.ID])
	q.config.Pages.Render(w, r, status, "queue/"+name, web.Page{Title: a.own.T(title), Error: len(b.Problems) > 0, Active: Path, Body: b})
}

// numbers shows where the family can be called, and the audit keeps that it did.
func (q *Queue) numbers(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.one(r, "queue.numbers")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	all, err := q.numbersOf(r.Context(), v, a.own)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q.page(w, r, http.StatusOK, "numbers", "queue.numbers.title", a, v, about{Numbers: all})
}

// numbersOf are the numbers of the family's invited people; of a confidential visit those alone that no guardian answers.
func (q *Queue) numbersOf(ctx context.Context, v visits.Visit, own *words.Words) (all []number, err error) {
	var patient people.Patient
	if v.PatientID != "" {
		if patient, err = q.config.Patients.Patient(ctx, v.PatientID); err != nil && !errors.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	seen := map[string]bool{}
	add := func(name, role, phone string) {
		if phone == "" || seen[phone] {
			return
		}
		seen[phone] = true
		all = append(all, number{name, role, people.PhoneWords(phi.Text(phone)).Reveal(), template.URL("tel:" + url.PathEscape(phone))}) // #nosec G203 -- escaped
	}
	for _, i := range v.Invitations {
		if i.Revoked() || !visits.OfFamily(i.Role) {
			continue
		}
		reach, err := q.config.Visits.ReachOf(ctx, v, i)
		if err != nil {
			return nil, err
		}
		add(i.Name.Reveal(), own.T("role."+string(i.Role)), reach.Phone.Reveal())
	}
	for _, c := range patient.Recipients(v.Confidential) {
		name, role := c.Name.Reveal(), auth.Guardian
		if c.Kind == people.Self {
			role = auth.Patient
		}
		if name == "" {
			name = patient.Name.Reveal()
		}
		add(name, own.T("role."+string(role)), c.Phone.Reveal())
	}
	return all, nil
}

func (q *Queue) askNoShow(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q.page(w, r, http.StatusOK, "no-show", "queue.no_show.title", a, v, about{})
}

// noShow marks a visit to which nobody came, unless somebody of the family waits this very moment.
func (q *Queue) noShow(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.toDo(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	present, err := q.config.Rooms.Present(r.Context())
	if err != nil {
		web.Problem(w, r, fault.Away(err))
		return
	}
	if e, _ := q.entry(a, v, present[v.ID]); e.Family {
		q.again(w, r, func(a asked, v visits.Visit) {
			q.page(w, r, http.StatusConflict, "no-show", "queue.no_show.title", a, v, about{})
		})
		return
	}
	q.did(w, r, "no-show", q.config.Visits.NoShow(r.Context(), a.actor, v.ID))
}

func (q *Queue) came(w http.ResponseWriter, r *http.Request) {
	q.did(w, r, "came", q.config.Visits.NotNoShow(r.Context(), web.Actor(r.Context()), web.PathID(r, "visit")))
}

// did leads back to the queue, which says what was done.
func (q *Queue) did(w http.ResponseWriter, r *http.Request, what string, err error) {
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, Path+"?done="+what)
}

// lateChoices are how many minutes later a visit can be said to begin.
var lateChoices = []int{5, 10, 15, 20, 30, 45, 60, 90}

func (q *Queue) askLate(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q.showLate(w, r, http.StatusOK, a, v)
}

func (q *Queue) showLate(w http.ResponseWriter, r *http.Request, status int, a asked, v visits.Visit) {
	b := about{To: "20"}
	for _, n := range lateChoices {
		b.Choices = append(b.Choices, choice{strconv.Itoa(n), a.own.N("queue.late.minutes", n)})
	}
	var err error
	if b.Also, err = q.after(r.Context(), a, v); err != nil {
		web.Problem(w, r, err)
		return
	}
	q.page(w, r, status, "late", "queue.late.title", a, v, b)
}

// after are the reader's own visits of today that begin with one or after it, and may begin late with it: each by its time and service, without a name.
func (q *Queue) after(ctx context.Context, a asked, v visits.Visit) (all []choice, err error) {
	a.show = showOwn
	own, err := q.read(ctx, q.config.DB, a)
	if err != nil {
		return nil, err
	}
	for _, next := range own {
		if e, _ := q.entry(a, next, nil); e.Late && next.ID != v.ID && !next.StartsAt.Before(v.StartsAt) {
			all = append(all, choice{next.ID, a.own.T("queue.late.which", "when", e.When, "service", e.Service)})
		}
	}
	return all, nil
}

// late tells the people of a visit, and of those after it that are chosen, each in an act of its own.
func (q *Queue) late(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, a, err := q.toDo(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	also, err := q.after(r.Context(), a, v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	minutes, _ := typed.Int(r.PostForm.Get("minutes")) // what is none is refused as 0
	messages, err := q.config.Lateness.Late(r.Context(), a.actor, v.ID, minutes)
	switch {
	case fault.CodeOf(err) == fault.CodeConflict:
		q.again(w, r, func(a asked, v visits.Visit) { q.showLate(w, r, http.StatusConflict, a, v) })
		return
	case err != nil:
		web.Problem(w, r, err)
		return
	}
	visited, told := 1+len(r.PostForm["also"]), min(messages, 1)
	for _, next := range also {
		if !slices.Contains(r.PostForm["also"], next.Value) {
			continue
		}
		messages, err := q.config.Lateness.Late(r.Context(), a.actor, next.Value, minutes)
		if err != nil && fault.CodeOf(err) != fault.CodeConflict { // one that has begun meanwhile is among those not told
			web.Problem(w, r, err)
			return
		}
		told += min(messages, 1)
	}
	switch told {
	case 0:
		q.did(w, r, "late-none", nil)
	case visited:
		q.did(w, r, "late", nil)
	default:
		q.did(w, r, "late-part", nil)
	}
}

func (q *Queue) askHandOver(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q.showHandOver(w, r, http.StatusOK, a, v, about{})
}

func (q *Queue) showHandOver(w http.ResponseWriter, r *http.Request, status int, a asked, v visits.Visit, b about) {
	leaders, err := q.config.Visits.Leaders(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	for _, c := range leaders {
		if c.ID != v.ClinicianID {
			b.Choices = append(b.Choices, choice{c.ID, c.Name.Reveal()})
		}
	}
	b.Live = v.State == visits.InProgress
	q.page(w, r, status, "hand-over", "queue.hand_over.title", a, v, b)
}

func (q *Queue) handOver(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, a, err := q.toDo(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	h := visits.HandOver{To: r.PostForm.Get("to"), Keep: r.PostForm.Has("keep"), AllowOverlap: r.PostForm.Has("allow_overlap")}
	b := about{To: h.To, Keep: h.Keep}
	err = q.config.Visits.HandOver(r.Context(), a.actor, v.ID, h)
	var p *fault.Problem
	switch {
	case errors.As(err, &p) && p.Key == "overlap":
		b.Problems = web.Problems{{Field: "allow_overlap", Text: a.own.T("queue.hand_over.busy")}}
	case errors.As(err, &p) && p.Code == fault.CodeNotValid:
		b.Problems = web.Problems{{Field: "to", Text: a.own.T("queue.hand_over.whom")}}
	default:
		q.did(w, r, "handed", err)
		return
	}
	q.again(w, r, func(a asked, v visits.Visit) { q.showHandOver(w, r, http.StatusUnprocessableEntity, a, v, b) })
}
