package desk_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/visits/desk"
	"housecall/visits/visitstest"
)

// TestDeskSpeaksLanguages: the page in the scheduler's language, the message in the family's, and never a key instead of words.
func TestDeskSpeaksLanguages(t *testing.T) {
	d := newDesk(t)
	r := d.signIn(auth.Scheduler)
	form := goodForm()
	form.Set("language", "es")
	w := r.post("/desk/new", form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, words(w))
	}
	made := r.get(w.Header().Get("Location"))
	wantWords(t, made, "The visit is made.", "Your video visit with Example Children's Hospital is on Wednesday 25 November 2026",
		"miércoles, 25 de noviembre de 2026")
	if n := strings.Count(made.Body.String(), `<textarea`); n != 3 || strings.Count(made.Body.String(), `lang="es" dir="ltr" readonly`) != 2 {
		t.Error("the family's messages, and no other's, should be in Spanish")
	}
	id := strings.Split(w.Header().Get("Location"), "/")[3]
	wantWords(t, r.get("/desk/visits/"+id), "Patient · Español")

	form.Set("language", "tlh")
	wantWords(t, r.post("/desk/new", form), "Choose one of the languages in the list")

	if to := r.get("/desk/visits/" + id + "/people").Header().Get("Location"); to != "/desk/visits/"+id {
		t.Errorf("the address of the form leads to %q", to)
	}
}

var keyShape = regexp.MustCompile(`\b(desk|page|problem|role|signin|setup|date|zone)\.[a-z_.]+[a-z]`)

func TestDeskShowsNoKeys(t *testing.T) {
	d := newDesk(t, visitstest.AsksConsent("1", "en"))
	r := d.signIn(auth.Scheduler)
	v, _ := d.Plan(visitstest.AskBirthDate)
	path := "/desk/visits/" + v.ID
	person := path + "/people/" + v.Invitations[2].ID
	for _, page := range []string{"/desk", "/desk?when=upcoming", "/desk?when=past", "/desk/new", path, path + "/links", path + "/links?made", path + "/cancel",
		person + "/link?new", person + "/link?added", person + "/new-link", person + "/revoke", path + "?done=revoked", path + "?done=cancelled", "/desk/nothing", "/sign-in"} {
		for _, language := range []string{"en", "ar"} {
			w := r.send("GET", page, nil, "housecall_language="+language)
			if !strings.Contains(w.Body.String(), `<html lang="`+language+`"`) && w.Code == http.StatusOK {
				t.Errorf("%s is not in %s", page, language)
			}
			if key := keyShape.FindString(words(w)); key != "" {
				t.Errorf("%s in %s shows %s", page, language, key)
			}
			if place := regexp.MustCompile(`\{\w+\}`).FindString(words(w)); place != "" {
				t.Errorf("%s in %s shows %s", page, language, place)
			}
		}
	}
}

// TestWordsNameTheButton: whoever is asked about a new link is told of the button beside it by its own words.
func TestWordsNameTheButton(t *testing.T) {
	book := visitstest.Book(t, desk.Locales())
	for _, tag := range book.Tags() {
		own := book.In(tag)
		if text, button := own.T("desk.renew.when"), own.T("desk.again"); !strings.Contains(text, button) {
			t.Errorf("%s: %q does not name %q", tag, text, button)
		}
	}
}
