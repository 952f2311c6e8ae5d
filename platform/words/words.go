// Package words holds the catalogues: every text that people read, by key, in every language the house speaks. A Book owns them all; it is read
// once, at the start, and only looked at afterwards. It must never hold a text that is about one person: names and times are put into
// the {places} of a text as it is said.
package words

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Fallback is the language of a reader who asks for none that we have, and of a text that a catalogue lacks.
const Fallback = "en"

// Cookie is where a browser keeps the language that its reader chose. It is no secret and decides nothing but words.
const Cookie = "housecall_language"

// Book is all catalogues. Safe for use by many goroutines.
type Book struct {
	all     []*Words // by tag, English first
	matcher language.Matcher
}

// Words is one catalogue.
type Words struct {
	Tag       string // BCP 47, and the name of its file
	Name      string // the language's own name for itself
	Direction string // ltr or rtl
	Reviewed  bool   // somebody whose language it is has read all of it

	tag      language.Tag
	texts    map[string]string
	fallback *Words // English; nil in English
}

// Load reads every TAG.json at the top of fsys: a flat object from keys to texts, with the language's own particulars under language.*. What parts of
// the house say beside that is read from parts, which have a TAG.json for each of these languages. A key stands in one place.
func Load(fsys fs.FS, parts ...fs.FS) (*Book, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("list the catalogues: %w", err)
	}
	b := &Book{}
	for _, name := range names {
		w, err := read(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", name, err)
		}
		for _, part := range parts {
			if err := w.add(part, name); err != nil {
				return nil, fmt.Errorf("catalogue %s of a part: %w", name, err)
			}
		}
		b.all = append(b.all, w)
	}
	english := slices.IndexFunc(b.all, func(w *Words) bool { return w.Tag == Fallback })
	if english < 0 {
		return nil, fmt.Errorf("there is no catalogue %s.json", Fallback)
	}
	first := b.all[english]
	b.all = slices.Insert(slices.Delete(b.all, english, english+1), 0, first)
	tags := make([]language.Tag, len(b.all))
	for i, w := range b.all {
		tags[i] = w.tag
		if w != first {
			w.fallback = first
		}
	}
	b.matcher = language.NewMatcher(tags)
	return b, nil
}

// add takes in what a part says.
func (w *Words) add(part fs.FS, name string) error {
	texts, err := readTexts(part, name)
	if err != nil {
		return err
	}
	for key, text := range texts {
		if _, twice := w.texts[key]; twice {
			return fmt.Errorf("%s stands in another catalogue too", key)
		}
		w.texts[key] = text
	}
	return nil
}

func readTexts(fsys fs.FS, name string) (texts map[string]string, err error) {
	data, err := fs.ReadFile(fsys, name)
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	return texts, err
}

func read(fsys fs.FS, name string) (w *Words, err error) {
	w = &Words{}
	if w.texts, err = readTexts(fsys, name); err != nil {
		return nil, err
	}
	w.Tag, w.Name, w.Direction = w.texts["language.tag"], w.texts["language.name"], w.texts["language.direction"]
	w.Reviewed = w.texts["language.reviewed"] == "yes"
	switch {
	case w.Tag != strings.TrimSuffix(path.Base(name), ".json"):
		return nil, fmt.Errorf("language.tag is %q", w.Tag)
	case w.Name == "":
		return nil, errors.New("language.name is missing")
	case w.Direction != "ltr" && w.Direction != "rtl":
		return nil, fmt.Errorf("language.direction is %q: want ltr or rtl", w.Direction)
	}
	w.tag, err = language.Parse(w.Tag)
	return w, err
}

// All gives every catalogue, English first, then by tag. The caller must not change it.
func (b *Book) All() []*Words { return b.all }

// Tags gives the tag of every catalogue, English first.
func (b *Book) Tags() []string {
	tags := make([]string, len(b.all))
	for i, w := range b.all {
		tags[i] = w.Tag
	}
	return tags
}

// Find gives the catalogue for a language as somebody may name it: es for es-MX, zh-Hans for zh-CN. ok is false where there is none.
func (b *Book) Find(tag string) (w *Words, ok bool) {
	asked, err := language.Parse(tag)
	if err != nil || tag == "" {
		return nil, false
	}
	_, at, confidence := b.matcher.Match(asked)
	if confidence < language.High {
		return nil, false
	}
	return b.all[at], true
}

// In gives the catalogue for a language, or English.
func (b *Book) In(tag string) *Words {
	if w, ok := b.Find(tag); ok {
		return w
	}
	return b.all[0]
}

// For gives the catalogue for who sends a request: in the language they chose, else the best of those their browser asks for, else English.
func (b *Book) For(r *http.Request) *Words {
	if c, err := r.Cookie(Cookie); err == nil {
		if w, ok := b.Find(c.Value); ok {
			return w
		}
	}
	asked, _, err := language.ParseAcceptLanguage(strings.Join(r.Header.Values("Accept-Language"), ","))
	if err != nil || len(asked) == 0 {
		return b.all[0]
	}
	if _, at, confidence := b.matcher.Match(asked...); confidence != language.No {
		return b.all[at]
	}
	return b.all[0]
}

// Has tells whether there is a text of that key.
func (w *Words) Has(key string) bool {
	_, ok := w.find(key)
	return ok
}

// T gives the text of a key. values fill its places: name, value, name, value. A key that is in no catalogue gives itself: seen at once, and a
// test finds it first.
func (w *Words) T(key string, values ...any) string {
	text, ok := w.find(key)
	if !ok {
		return key
	}
	return w.fill(text, values)
}

// N gives the text of a key for a number of things, in the form that the language's plural rules of CLDR ask for (key.one, key.few, key.other);
// the number is {count}. A language that CLDR does not know has one form, other, as CLDR's root.
func (w *Words) N(key string, count int, values ...any) string {
	values = append(values, "count", count)
	for in := w; in != nil; in = in.fallback {
		for _, form := range []string{in.Form(count), "other"} {
			if text, ok := in.texts[key+"."+form]; ok {
				return w.fill(text, values)
			}
		}
	}
	return key
}

// Form is the name of the plural form for a number of things: one, few, other.
func (w *Words) Form(count int) string {
	return forms[plural.Cardinal.MatchPlural(w.tag, max(count, -count), 0, 0, 0, 0)]
}

// forms are CLDR's names of the plural forms. https://unicode.org/reports/tr35/tr35-numbers.html#Language_Plural_Rules
var forms = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}

// Keys gives every key of this catalogue itself, in order.
func (w *Words) Keys() []string { return slices.Sorted(maps.Keys(w.texts)) }

func (w *Words) find(key string) (string, bool) {
	if text, ok := w.texts[key]; ok {
		return text, true
	}
	if w.fallback != nil {
		return w.fallback.find(key)
	}
	return "", false
}

// fill puts values into the places of a text. What is put in is never looked at for places itself.
func (w *Words) fill(text string, values []any) string {
	if len(values) == 0 {
		return text
	}
	var out strings.Builder
	for {
		before, rest, opens := strings.Cut(text, "{")
		out.WriteString(before)
		if !opens {
			return out.String()
		}
		name, after, closes := strings.Cut(rest, "}")
		at := 0
		for closes && at+1 < len(values) && values[at] != name {
			at += 2
		}
		if !closes || at+1 >= len(values) { // no place of ours
			out.WriteByte('{')
			text = rest
			continue
		}
		value := w.isolate(values[at+1])
		out.WriteString(value)
		// A sentence that ends with "11:50 p.m." has its full stop.
		if strings.HasSuffix(strings.TrimSuffix(value, isolateEnd), ".") && strings.HasPrefix(after, ".") && !strings.HasPrefix(after, "..") {
			after = after[1:]
		}
		text = after
	}
}

// Around a stretch of text that runs the other way, so that what stands beside it keeps its place.
// https://www.w3.org/International/articles/inline-bidi-markup/uba-basics#isolates
const isolateBegin, isolateEnd = "\u2068", "\u2069"

func (w *Words) isolate(value any) string {
	if n, ok := value.(int); ok {
		return strconv.Itoa(n)
	}
	text, ok := value.(string)
	if !ok {
		text = fmt.Sprint(value)
	}
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return text // an address runs its own way anyhow, and whoever copies it must not take a sign along
	}
	against := runsLeft
	if w.Direction == "rtl" {
		against = func(r rune) bool { return unicode.IsLetter(r) && !runsLeft(r) }
	}
	if strings.IndexFunc(text, against) < 0 {
		return text
	}
	return isolateBegin + text + isolateEnd
}

// runsLeft tells whether a letter is of a script that is written from right to left.
func runsLeft(r rune) bool {
	const first = 0x590 // of Hebrew: no such letter is before
	return r >= first && unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam)
}
