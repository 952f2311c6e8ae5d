package static

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fallback is the language of whoever asks for none that we have.
const fallback = "en"

// Where the visit page says something in English that a catalogue says in another language.
var (
	saidIn  = regexp.MustCompile(`(data-t="([^"]+)"[^>]*>)[^<]*<`)
	labelIn = regexp.MustCompile(`(data-t-label="([^"]+)"[^>]* aria-label=")[^"]*"`)
)

// What stands in the visit page for its language. A test sees that each is there once.
const (
	pageLanguage = `<html lang="en" dir="ltr">`
	pageOption   = `<option value="en" lang="en" selected>English</option>`
	pageWords    = `/locales/en.json"`
)

// drawPages draws the visit page in every language there is a catalogue for, so that its first words are the reader's own, and names all languages
// in it.
func (t *tree) drawPages(page string) error {
	catalogues := map[string]map[string]string{}
	var tags []string
	for name, f := range t.files {
		if path.Dir(name) != "locales" {
			continue
		}
		var texts map[string]string
		if err := json.Unmarshal(f.plain, &texts); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		tag := strings.TrimSuffix(path.Base(name), ".json")
		catalogues[tag] = texts
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	t.pages = map[string]*file{}
	for _, tag := range tags {
		t.pages[tag] = newFile(t.files["visit.html"].mime, []byte(draw(page, tag, tags, catalogues)))
	}
	return nil
}

func draw(page, tag string, tags []string, catalogues map[string]map[string]string) string {
	texts := catalogues[tag]
	say := func(found, key, before, after string) string {
		if text, ok := texts[key]; ok {
			return before + html.EscapeString(text) + after
		}
		return found
	}
	page = saidIn.ReplaceAllStringFunc(page, func(found string) string {
		m := saidIn.FindStringSubmatch(found)
		return say(found, m[2], m[1], "<")
	})
	page = labelIn.ReplaceAllStringFunc(page, func(found string) string {
		m := labelIn.FindStringSubmatch(found)
		return say(found, m[2], m[1], `"`)
	})
	var options strings.Builder
	for _, each := range tags {
		selected := ""
		if each == tag {
			selected = " selected"
		}
		fmt.Fprintf(&options, `<option value="%s" lang="%s"%s>%s</option>`, each, each, selected, html.EscapeString(catalogues[each]["language.name"]))
	}
	return strings.NewReplacer(
		pageLanguage, fmt.Sprintf(`<html lang="%s" dir="%s">`, tag, texts["language.direction"]),
		pageOption, options.String(),
		pageWords, `/locales/`+tag+`.json"`,
	).Replace(page)
}

// VisitPage is the visit page in English as it is sent, the addresses in it carrying the version of this build. The caller must not change it.
func VisitPage() []byte { return load().pages[fallback].plain }

// Page serves the visit page, for /v and /v/{visit}/, in the language that pick finds for a request: the tag of a catalogue. But for that it is
// the same for everybody and holds nothing of any visit.
func Page(pick func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages := load().pages
		page, ok := pages[pick(r)]
		if !ok {
			page = pages[fallback]
		}
		w.Header().Add("Vary", "Accept-Language")
		w.Header().Add("Vary", "Cookie")
		page.serve(w, r, "no-cache")
	})
}
