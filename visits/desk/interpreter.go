package desk

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"housecall/platform/fault"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// interpreterPart is the part of a form that says whether a visit has an interpreter.
type interpreterPart struct {
	Interpreter                                         string // an Interpreter
	InterpreterLanguage                                 string
	InterpreterName, InterpreterEmail, InterpreterPhone string // of who is confirmed
	Spoken                                              []choice
}

func readInterpreterPart(v url.Values) interpreterPart {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return interpreterPart{Interpreter: get("interpreter"), InterpreterLanguage: get("interpreter_language"), InterpreterName: get("interpreter_name"),
		InterpreterEmail: get("interpreter_email"), InterpreterPhone: get("interpreter_phone")}
}

// spoken are the languages that interpreters are asked for on pages; by the API, any language is.
var spoken = []string{"am", "ar", "ase", "bn", "de", "en", "es", "fa", "fr", "gu", "hi", "hmn", "ht", "hy", "it", "ja", "km", "ko", "ku", "lo", "my", "ne", "pa", "pl", "ps",
	"pt", "ro", "ru", "so", "sw", "ta", "te", "th", "ti", "tl", "tr", "uk", "ur", "vi", "yue", "zh"}

// spokenIn are these languages by their names in the reader's, in order.
func spokenIn(own *words.Words) []choice {
	var all []choice
	for _, tag := range spoken {
		all = append(all, choice{tag, languageWords(tag, own)})
	}
	slices.SortFunc(all, func(a, b choice) int { return cmp.Compare(a.Text, b.Text) })
	return all
}

// languageWords is the name of a language in the reader's; where that is not known, in English; and where not even that, its tag.
func languageWords(tag string, own *words.Words) string {
	t, err := language.Parse(tag)
	if err != nil {
		return tag
	}
	if names := display.Tags(language.Make(own.Tag)); names != nil {
		if name := names.Name(t); name != "" {
			return name
		}
	}
	return cmp.Or(display.English.Tags().Name(t), tag)
}

// InterpreterWords says whether the interpreter of a visit is confirmed, and of which language; "" where none is needed.
func InterpreterWords(v visits.Visit, own *words.Words) string {
	if v.Interpreter == visits.InterpreterNone {
		return ""
	}
	return own.T("desk.interpreter."+string(v.Interpreter)+"_tag", "language", languageWords(v.InterpreterLanguage, own))
}

// interpreterForm is the page that says whether a visit has an interpreter.
type interpreterForm struct {
	interpreterPart
	Action, Back string
	About        []fact
	Problems     web.Problems
}

func (d *Desk) interpreterForm(w http.ResponseWriter, r *http.Request) {
	v, err := d.config.Visits.Show(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if d.config.Visits.Over(v) {
		d.showOver(w, r, v, "desk.interpreter.change")
		return
	}
	d.showInterpreter(w, r, http.StatusOK, v, interpreterForm{interpreterPart: interpreterPart{Interpreter: string(v.Interpreter), InterpreterLanguage: v.InterpreterLanguage}})
}

func (d *Desk) showInterpreter(w http.ResponseWriter, r *http.Request, status int, v visits.Visit, f interpreterForm) {
	own := d.config.Pages.Words(r)
	f.Spoken = spokenIn(own)
	if tag := f.InterpreterLanguage; tag != "" && !slices.Contains(spoken, tag) { // which a program named
		f.Spoken = append(f.Spoken, choice{tag, languageWords(tag, own)})
	}
	f.Action, f.Back = visitPath(v.ID)+"/interpreter", visitPath(v.ID)
	zone, err := d.zoneOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f.About = asked{visit: v, service: d.config.Visits, zone: zone, own: own}.aboutVisit()
	d.config.Pages.Render(w, r, status, "desk/interpreter", web.Page{Title: own.T("desk.interpreter.change"), Error: len(f.Problems) > 0, Active: Path, Body: f})
}

func (d *Desk) bookInterpreter(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	ctx, actor, visit := r.Context(), web.Actor(r.Context()), r.PathValue("visit")
	f := interpreterForm{interpreterPart: readInterpreterPart(r.PostForm)}
	err := d.config.Visits.BookInterpreter(ctx, actor, visit, visits.Interpreter(f.Interpreter), f.InterpreterLanguage)
	if err == nil {
		web.Redirect(w, r, visitPath(visit)+"?done=interpreter")
		return
	}
	if _, ok := fault.FieldsOf(err); !ok {
		web.Problem(w, r, err)
		return
	}
	f.Problems = web.Problems{{Field: "interpreter_language", Text: d.config.Pages.Words(r).T("desk.wrong.interpreter.language")}}
	v, err := d.config.Visits.Show(ctx, actor, visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	d.showInterpreter(w, r, http.StatusUnprocessableEntity, v, f)
}
