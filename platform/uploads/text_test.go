package uploads_test

import (
	"mime"
	"strings"
	"testing"

	"housecall/platform/store"
	"housecall/platform/uploads"
)

const utf8Text, anyText = "text/plain; charset=utf-8", "text/plain"

// TestText: what is a text is taken for one, whatever it begins like, and comes back byte for byte; nothing that a browser might run is.
func TestText(t *testing.T) {
	h := newHall(t, "none")
	long := strings.Repeat("Drink water, rest, and call us.\n", 3000)
	for what, c := range map[string]struct{ name, content, mediaType string }{
		"plain":                {"plan.txt", "Sample plan for sample patient.\nRest for two days.\n", utf8Text},
		"commas in lines":      {"plan.txt", "Medicine,dose,when\nSample syrup,5 ml,morning\nSample drops,2 drops,evening\n", utf8Text},
		"tabs in lines":        {"plan.txt", "Medicine\tdose\twhen\nSample syrup\t5 ml\tmorning\nSample drops\t2 drops\tevening\n", utf8Text},
		"like a mail":          {"plan.txt", "From: Sample clinic\nTo: Sample family\nSubject: Your visit\n\nRest for two days.\n", utf8Text},
		"like JSON":            {"plan.txt", `{"plan": "rest", "days": 2}`, utf8Text},
		"like a list of JSON":  {"plan.txt", "{\"plan\": \"rest\"}\n{\"plan\": \"drink\"}\n", utf8Text},
		"like subtitles":       {"plan.txt", "1\n00:00:01,000 --> 00:00:02,000\nRest.\n", utf8Text},
		"like a program":       {"plan.txt", "#!/usr/bin/env python\nimport rest\n", utf8Text},
		"like a picture":       {"plan.txt", "BMI: 17.4, as it should be.\nBMI in a year: to be measured.\n", utf8Text},
		"like a portable map":  {"plan.txt", "P1 2 2\nSample plan\n", utf8Text},
		"Spanish":              {"plan.TXT", "Descanse dos días, beba agua, y llámenos si tiene fiebre.\nMañana, también.\n", utf8Text},
		"Chinese":              {"plan.txt", "请休息两天，多喝水。\n如果发烧，请给我们打电话。\n", utf8Text},
		"a mark of UTF-8":      {"plan.txt", "\ufeffMedicine,dose\nSample syrup,5 ml\nSample drops,2 drops\n", utf8Text},
		"Windows-1252":         {"plan.txt", "Descanse dos d\xedas \x96 ma\xf1ana tambi\xe9n.\n", anyText},
		"later Windows-1252":   {"plan.txt", long + "ma\xf1ana\n", anyText},
		"cut in a letter":      {"plan.txt", "Mañana, ma\xc3", anyText},
		"UTF-16":               {"plan.txt", "\xff\xfeR\x00e\x00s\x00t\x00.\x00", anyText},
		"letters at all seams": {"plan.txt", "x" + strings.Repeat("é请", 20000), utf8Text},
		"by another name":      {"plan.pdf", "Rest for two days.\n", utf8Text},
		"a PDF called text":    {"plan.txt", "%PDF-1.7\n% Sample\n", "application/pdf"},

		"a page":                 {"plan.txt", "<!doctype html><script>alert(1)</script>", ""},
		"a page without a head":  {"plan.txt", "<script>alert(1)</script>", ""},
		"a picture with scripts": {"plan.txt", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, ""},
		"XML":                    {"plan.txt", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`, ""},
		"a table":                {"plan.csv", "Medicine,dose\nSample syrup,5 ml\nSample drops,2 drops\n", ""},
		"a program":              {"plan.py", "#!/usr/bin/env python\nimport rest\n", ""},
		"a picture":              {"plan.txt", "GIF89a\x00\x00", ""},
		"no text after a while":  {"plan.txt", long + "\x00", ""},
	} {
		u := h.checked(c.name, []byte(c.content))
		if want := (map[bool]uploads.State{true: uploads.Clean, false: uploads.Refused})[c.mediaType != ""]; u.State != want || want == uploads.Refused && u.Why != uploads.Type {
			t.Errorf("%s: %s %s, of type %q", what, u.State, u.Why, u.Type)
		} else if want == uploads.Clean {
			response, body := h.get("GET", u.ID, "")
			if got := response.Header.Get("Content-Type"); got != c.mediaType || string(body) != c.content {
				t.Errorf("%s: %q, %d bytes", what, got, len(body))
			}
			if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err != nil || kind != "attachment" || response.Header.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.Contains(response.Header.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("%s: %v", what, response.Header)
			}
		}
		h.tx(func(tx *store.Tx) error { return h.Cancel(t.Context(), tx, mine, u.ID) })
	}
}
