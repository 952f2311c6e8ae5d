package desk

import (
	"net/http"

	"housecall/platform/web"
	"housecall/visits"
)

func (d *Desk) newForm(w http.ResponseWriter, r *http.Request) {
	f, err := d.newVisitForm(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showForm(w, r, http.StatusOK, f)
}

func (d *Desk) showForm(w http.ResponseWriter, r *http.Request, status int, f visitForm) {
	d.config.Pages.Render(w, r, status, "desk/new", web.Page{Title: f.own.T("desk.new.title"), Error: len(f.Problems) > 0, Active: Path, Body: f})
}

func (d *Desk) create(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	f, err := d.dressed(r, readVisitForm(r.PostForm))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	ready, request, err := d.readRequest(r, &f)
	if d.madeBefore(w, r, f) { // also where what was made is why nothing is ready now: the patient is kept already
		return
	}
	switch {
	case err != nil:
		web.Problem(w, r, err)
	case !ready && len(f.Problems) > 0:
		d.showForm(w, r, http.StatusUnprocessableEntity, f)
	case !ready:
		d.showForm(w, r, http.StatusOK, f)
	case f.Repeat != "":
		d.createSeries(w, r, f, request)
	default:
		d.createOne(w, r, f, request)
	}
}

// readRequest does what one of the form's buttons asks for; ready: it asks for a visit with which nothing is wrong by itself.
func (d *Desk) readRequest(r *http.Request, f *visitForm) (ready bool, request visits.Request, err error) {
	if r.PostForm.Has("change") { // back from the dates of a series
		return false, request, nil
	}
	if r.PostForm.Has("more") { // the button for one more row, without a script
		if 2+len(f.More) < visits.MaxPeople {
			f.More = append(f.More, morePerson{})
		}
		return false, request, nil
	}
	if pressed, err := d.press(r, f); pressed || err != nil {
		return false, request, err
	}
	service, err := d.resolve(r.Context(), f)
	if err != nil {
		return false, request, err
	}
	if request, err = d.request(r.Context(), f, service); err != nil || len(f.Problems) > 0 {
		return false, request, err
	}
	doubtful, err := d.doubt(r, f, request.NewPatient)
	return !doubtful, request, err
}

func (d *Desk) createOne(w http.ResponseWriter, r *http.Request, f visitForm, request visits.Request) {
	v, _, err := d.config.Visits.Create(r.Context(), web.Actor(r.Context()), request)
	if err != nil {
		d.refused(w, r, f, err)
		return
	}
	web.Redirect(w, r, visitPath(v.ID)+"/links?made")
}

// refused shows the form again with what the Service found wrong.
func (d *Desk) refused(w http.ResponseWriter, r *http.Request, f visitForm, err error) {
	f.take(err)
	f.takeOverlap(err)
	if len(f.Problems) == 0 {
		web.Problem(w, r, err)
		return
	}
	f.sortProblems()
	d.showForm(w, r, http.StatusUnprocessableEntity, f)
}
