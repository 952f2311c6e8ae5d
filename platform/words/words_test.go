package words_test

import (
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"housecall/platform/words"
	"housecall/static"
)

func book(t *testing.T) *words.Book {
	t.Helper()
	b, err := words.Load(static.Locales())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBestLanguageForAReader(t *testing.T) {
	b := book(t)
	for _, c := range []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "es-MX,en;q=0.5", "es"},
		{"", "en-US,es;q=0.9", "en"},
		{"", "zh-CN", "zh-Hans"},
		{"", "zh", "zh-Hans"},
		{"", "pt-BR,pt;q=0.8", "pt"},
		{"", "ht-HT,fr;q=0.5", "ht"},
		{"", "ar-EG", "ar"},
		{"", "de,fr", "en"},
		{"", "x,;;q=9", "en"},
		{"", strings.Repeat("es,", 5000), "es"},
		{"ht", "es", "ht"},
		{"zh-Hans", "", "zh-Hans"},
		{"xx", "es", "es"},
		{"../../etc/passwd", "es", "es"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: words.Cookie, Value: c.cookie})
		}
		if got := b.For(r).Tag; got != c.want {
			t.Errorf("cookie %q, Accept-Language %.40q: %s, want %s", c.cookie, c.accept, got, c.want)
		}
	}
	for asked, want := range map[string]string{"": "en", "es-419": "es", "zh-Hant": "en", "nonsense!": "en", "ar": "ar"} {
		if got := b.In(asked).Tag; got != want {
			t.Errorf("In(%q) is %s, want %s", asked, got, want)
		}
	}
}

const small = `{"language.tag": "TAG", "language.name": "N", "language.direction": "DIR", "hello": "Hello {name}, {count}", "n.other": "{count} things", MORE}`

func catalogue(tag, direction, more string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(strings.NewReplacer("TAG", tag, "DIR", direction, "MORE", more).Replace(small))}
}

func TestTextsAreFilledAndCounted(t *testing.T) {
	b, err := words.Load(fstest.MapFS{
		"en.json": catalogue("en", "ltr", `"n.one": "one thing", "only": "English"`),
		"ar.json": catalogue("ar", "rtl", `"n.zero": "none", "n.two": "two", "n.few": "few"`),
		"ht.json": catalogue("ht", "ltr", `"z": ""`),
	})
	if err != nil {
		t.Fatal(err)
	}
	en, ar, ht := b.In("en"), b.In("ar"), b.In("ht")
	for got, want := range map[string]string{
		en.T("hello", "name", "{count}", "count", 3): "Hello {count}, 3",
		en.T("hello"): "Hello {name}, {count}",
		en.T("hello", "name", "سامي", "count", 1):       "Hello \u2068سامي\u2069, 1",
		ar.T("hello", "name", "Sami", "count", "15:00"): "Hello \u2068Sami\u2069, 15:00",
		ar.T("hello", "name", "سامي", "count", 1):       "Hello سامي, 1",
		en.T("no.such"):    "no.such",
		ht.T("only"):       "English",
		en.N("n", 1):       "one thing",
		en.N("n", 0):       "0 things",
		ht.N("n", 1):       "1 things",
		ar.N("n", 0):       "none",
		ar.N("n", 2):       "two",
		ar.N("n", 5):       "few",
		ar.N("n", 50):      "50 things",
		en.N("no.such", 2): "no.such",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !ht.Has("only") || ht.Has("no.such") {
		t.Error("Has is wrong")
	}
}

// TestOneFullStop: a sentence has one, also where what stands at its end has one of its own.
func TestOneFullStop(t *testing.T) {
	texts := `"at": "Starts {at}. Come in.", "more": "{at}.. {at}…"`
	b, err := words.Load(fstest.MapFS{"en.json": catalogue("en", "ltr", texts), "ar.json": catalogue("ar", "rtl", texts)})
	if err != nil {
		t.Fatal(err)
	}
	en, ar := b.In("en"), b.In("ar")
	for got, want := range map[string]string{
		en.T("at", "at", "11:50 p.m."): "Starts 11:50 p.m. Come in.",
		ar.T("at", "at", "11:50 p.m."): "Starts \u206811:50 p.m.\u2069 Come in.",
		en.T("at", "at", "15:00"):      "Starts 15:00. Come in.",
		en.T("more", "at", "1."):       "1... 1.…",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPartsBringWordsOfTheirOwn(t *testing.T) {
	house := fstest.MapFS{"en.json": catalogue("en", "ltr", `"z": ""`), "es.json": catalogue("es", "ltr", `"z": ""`)}
	b, err := words.Load(house, fstest.MapFS{"en.json": {Data: []byte(`{"own": "Mine", "more": "More"}`)}, "es.json": {Data: []byte(`{"own": "Mío"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if es := b.In("es"); es.T("own") != "Mío" || es.T("more") != "More" || es.T("hello", "name", "A", "count", 1) != "Hello A, 1" {
		t.Errorf("%q, %q", es.T("own"), es.T("more"))
	}
}

func TestDatesInWords(t *testing.T) {
	b := book(t)
	at := time.Date(2026, 11, 24, 15, 5, 0, 0, time.UTC)
	for tag, want := range map[string][3]string{
		"en":      {"Tuesday 24 November 2026", "24 November", "24 November 2026 at 15:05"},
		"es":      {"martes, 24 de noviembre de 2026", "24 de noviembre", "24 de noviembre de 2026 a las 15:05"},
		"pt":      {"terça-feira, 24 de novembro de 2026", "24 de novembro", "24 de novembro de 2026 às 15:05"},
		"ar":      {"الثلاثاء، 24 نوفمبر 2026", "24 نوفمبر", "24 نوفمبر 2026 الساعة 15:05"},
		"ht":      {"madi 24 novanm 2026", "24 novanm", "24 novanm 2026 a 15:05"},
		"zh-Hans": {"2026年11月24日星期二", "11月24日", "2026年11月24日 15:05"},
	} {
		w := b.In(tag)
		if got := [3]string{w.Day(at), w.DayMonth(at), w.Moment(at)}; got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

func TestZonesInWords(t *testing.T) {
	w := book(t).In("en")
	for name, want := range map[string]string{"Europe/Berlin": "Berlin time", "America/Argentina/Buenos_Aires": "Buenos Aires time", "UTC": "UTC", "Etc/UTC": "UTC"} {
		zone, err := time.LoadLocation(name)
		if got := w.Zone(zone); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestBadCataloguesAreRefused(t *testing.T) {
	good := catalogue("en", "ltr", `"z": ""`)
	for name, files := range map[string]fstest.MapFS{
		"no English":      {"es.json": catalogue("es", "ltr", `"z": ""`)},
		"another tag":     {"en.json": good, "es.json": catalogue("pt", "ltr", `"z": ""`)},
		"no direction":    {"en.json": good, "es.json": catalogue("es", "down", `"z": ""`)},
		"no JSON":         {"en.json": good, "es.json": {Data: []byte("{")}},
		"nested":          {"en.json": good, "es.json": catalogue("es", "ltr", `"z": {}`)},
		"no language tag": {"en.json": good, "e_.json": catalogue("e_", "ltr", `"z": ""`)},
	} {
		if _, err := words.Load(files); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	for name, part := range map[string]fstest.MapFS{
		"lacks a language":   {"es.json": {Data: []byte(`{"own": "x"}`)}},
		"says what is said":  {"en.json": {Data: []byte(`{"hello": "x"}`)}},
		"gives no JSON":      {"en.json": {Data: []byte("[")}},
		"renames a language": {"en.json": {Data: []byte(`{"language.name": "x"}`)}},
	} {
		if _, err := words.Load(fstest.MapFS{"en.json": good}, part); err == nil {
			t.Errorf("a part that %s: loaded", name)
		}
	}
	if names, _ := fs.Glob(static.Locales(), "*.json"); len(names) < 6 {
		t.Errorf("only %v", names)
	}
}
