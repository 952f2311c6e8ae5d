package desk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/visits"
)

// moveForm is the form that moves a visit: the part of the form for a new one that says when.
type moveForm struct {
	visitForm
	Action, Back string
	Sequence     string // of the visit when the form was first shown
	About        []fact
	Told         string // who hears of it
	ZoneView     zoneView
}

func (d *Desk) moveForm(w http.ResponseWriter, r *http.Request) {
	v, err := d.config.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if !d.config.Visits.MayMove(v) {
		d.showOver(w, r, v, "desk.move.title")
		return
	}
	d.showMove(w, r, http.StatusOK, v, visitForm{}, strconv.Itoa(v.Sequence))
}

// showOver shows, in the place of a form that could not work, that a visit is over, and what can be done instead. title is the key of the page's.
func (d *Desk) showOver(w http.ResponseWriter, r *http.Request, v visits.Visit, title string) {
	d.showQuestion(w, r, v, visits.Invitation{}, func(c asked) question {
		q := question{Title: c.own.T(title), Stop: c.own.T("desk.over.ended"), Next: Path + "/new"}
		if v.State == visits.Cancelled {
			q.Stop = c.own.T("desk.over.cancelled")
		}
		if v.PatientID != "" {
			q.Next += "?" + url.Values{"patient_id": {v.PatientID}, "site_id": {v.SiteID}}.Encode()
		}
		q.About = c.aboutVisit()
		return q
	})
}

// showMove shows the form as it was typed; when nothing was, with what holds now.
func (d *Desk) showMove(w http.ResponseWriter, r *http.Request, status int, v visits.Visit, f visitForm, sequence string) {
	zone, err := d.zoneOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f.own = d.config.Pages.Words(r)
	if f.zone == nil {
		at := v.StartsAt.In(zone)
		f.Date, f.Time, f.zone = at.Format(fieldDay), at.Format(fieldClock), zone
		f.Minutes = strconv.Itoa(int(v.EndsAt.Sub(v.StartsAt) / time.Minute))
	}
	after := v.Again()
	if now := d.config.Now(); !now.Before(after.EndsAt) {
		after.EndsAt = now.Add(time.Minute) // wherever it is moved to, it is to come
	}
	told, err := d.toldWords(r.Context(), after, f.own)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	body := moveForm{visitForm: f, Told: told, Sequence: sequence, Action: visitPath(v.ID) + "/move", Back: visitPath(v.ID), ZoneView: newZoneView(f.zone, f.own),
		About: asked{visit: v, service: d.config.Visits, zone: zone, own: f.own}.aboutVisit()}
	d.config.Pages.Render(w, r, status, "desk/move", web.Page{Title: f.own.T("desk.move.title"), Error: len(f.Problems) > 0, Active: Path, Body: body})
}

func (d *Desk) move(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	ctx, actor, visit := r.Context(), web.Actor(r.Context()), r.PathValue("visit")
	f := readVisitForm(r.PostForm)
	f.own = d.config.Pages.Words(r)
	if f.zone = zoneByName(r.PostForm.Get("zone")); f.zone == nil { // that in which the form showed its times
		web.Problem(w, r, &fault.Problem{Kind: fault.NotValid, Key: "form", Detail: "The form names no time zone."})
		return
	}
	m := f.move(r.PostForm)
	if len(f.Problems) == 0 {
		_, err := d.config.Visits.Move(ctx, actor, visit, m)
		if err == nil {
			web.Redirect(w, r, visitPath(visit)+"?done=moved")
			return
		}
		f.take(err)
		f.takeOverlap(err)
		if len(f.Problems) == 0 {
			web.Problem(w, r, err)
			return
		}
	}
	v, err := d.config.Visits.Show(ctx, actor, visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showMove(w, r, http.StatusUnprocessableEntity, v, f, r.PostForm.Get("sequence"))
}

// move makes what the form asks for, and notes what is wrong.
func (f *visitForm) move(typed url.Values) visits.Move {
	m := visits.Move{StartsAt: f.readStart(f.zone), AllowOverlap: typed.Has("allow_overlap"), If: ifStill(typed.Get("sequence"))}
	var err error
	if m.Minutes, err = f.minutes(); err != nil || m.Minutes == 0 {
		f.wrong("minutes", "minutes.odd")
	}
	return m
}

// ifStill refuses to move a visit that was moved since a form was shown, for families were told of that.
func ifStill(sequence string) func(visits.Visit) error {
	return func(v visits.Visit) error {
		if strconv.Itoa(v.Sequence) != sequence {
			return fault.Changed()
		}
		return nil
	}
}

// takeOverlap notes that somebody has another visit then.
func (f *visitForm) takeOverlap(err error) {
	var p *fault.Problem
	if errors.As(err, &p) && p.Key == visits.OverlapKey {
		f.Problems = append(f.Problems, web.FieldProblem{Field: "allow_overlap", Text: f.own.T("problem." + visits.OverlapKey)})
	}
}
