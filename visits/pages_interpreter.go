package visits

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"housecall/platform/words"
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
