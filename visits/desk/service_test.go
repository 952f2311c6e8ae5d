package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/sites"
	"housecall/visits/visitstest"
)

// asksService is what a page says of a service's name that is none of the site's.
const asksService = "This site has no service of this name"

// TestDeskAsksAboutAService: where the site has services, a name that none of them has may be mistyped, and what is set for the one that was meant would be lost.
// It is asked once, and of another name anew, also for a series.
func TestDeskAsksAboutAService(t *testing.T) {
	p := visitstest.NewPractice(t)
	r := newDeskOf(t, p.Hospital).signIn(auth.Scheduler)
	form := practiceForm()
	form.Set("patient_id", p.Patient.ID)
	form.Set("minutes", "30")
	form.Set("service", "Adolescnts")
	const box = `name="other_service" value="Adolescnts"`
	w := r.post("/desk/new", form)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), box) {
		t.Errorf("%d %s", w.Code, words(w))
	}
	wantWords(t, w, asksService, "Use this name all the same")

	form.Set("other_service", "Adolescnts")
	form.Set("minutes", "many")
	if w := r.post("/desk/new", form); !strings.Contains(w.Body.String(), box+" checked") || strings.Contains(words(w), asksService) {
		t.Errorf("the answer is lost: %s", words(w))
	}
	form.Set("minutes", "30")
	form.Set("service", "Cardiolgy")
	wantWords(t, r.post("/desk/new", form), asksService)

	form.Set("service", "Adolescnts")
	form.Set("repeat", "1")
	form.Set("repeat_count", "2")
	dates := r.post("/desk/new", form)
	if wantWords(t, dates, "Nothing is made yet."); !strings.Contains(dates.Body.String(), box) {
		t.Error("the dates ask again")
	}
	form.Del("other_service")
	wantWords(t, r.post("/desk/new", form), asksService)
	form.Set("other_service", "Adolescnts")
	form.Del("repeat")
	if v := made(p, r.post("/desk/new", form)); v.Service != "Adolescnts" || v.ServiceID != "" {
		t.Errorf("made %+v", v)
	}
}

// TestDeskAsksNothingWithoutServices: where the site has none, every name is as good.
func TestDeskAsksNothingWithoutServices(t *testing.T) {
	p := visitstest.NewPractice(t)
	for _, service := range []sites.Service{p.Cardiology, p.Private} {
		service.Active = false
		if _, err := p.Sites.UpdateService(t.Context(), auth.Operator(), service); err != nil {
			t.Fatal(err)
		}
	}
	form := practiceForm()
	form.Set("patient_id", p.Patient.ID)
	form.Set("minutes", "30")
	form.Set("service", "Adolescnts")
	if v := made(p, newDeskOf(t, p.Hospital).signIn(auth.Scheduler).post("/desk/new", form)); v.Service != "Adolescnts" {
		t.Errorf("made %+v", v)
	}
}

// TestDeskAsksAboutAnEditedService: a visit that is changed is asked about likewise, and changes nothing before it is answered.
func TestDeskAsksAboutAnEditedService(t *testing.T) {
	p := visitstest.NewPractice(t)
	d := newDeskOf(t, p.Hospital)
	r := d.signIn(auth.Scheduler)
	v, _, err := p.Create(t.Context(), p.Scheduler, p.Request())
	if err != nil {
		t.Fatal(err)
	}
	page := "/desk/visits/" + v.ID + "/edit"
	form := url.Values{"service": {"Adolescnts"}, "was_service": {v.Service}, "confidential": {"yes"}, "was_confidential": {"no"}}
	w := r.post(page, form)
	if wantWords(t, w, asksService); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `name="other_service" value="Adolescnts"`) || !strings.Contains(w.Body.String(), `<option value="yes" selected>`) {
		t.Errorf("%d, and what was chosen is lost: %s", w.Code, words(w))
	}
	if now := p.Shown(v.ID); now.ServiceID != p.Cardiology.ID || now.Confidential {
		t.Errorf("changed to %+v", now)
	}
	form.Set("service", "Other")
	form.Set("other_service", "Adolescnts")
	wantWords(t, r.post(page, form), asksService)
	form.Set("other_service", "Other")
	form.Set("confidential", "no")
	if w := r.post(page, form); w.Code != http.StatusSeeOther || p.Shown(v.ID).Service != "Other" || p.Shown(v.ID).ServiceID != "" {
		t.Errorf("%d %+v", w.Code, p.Shown(v.ID))
	}
	// As it is called now it is not asked about again.
	form.Set("was_service", "Other")
	form.Del("other_service")
	if w := r.post(page, form); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, words(w))
	}
}
