package main

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Where keys of catalogues stand: in templates, and in code. One that ends with a dot is followed by what is known when the page is drawn.
var (
	keysInPages = regexp.MustCompile(`[ ({](?:t|n|printf) "([a-z_]+\.[a-zA-Z_.]*)(?:%s)?"`)
	keysInCode  = regexp.MustCompile(`(?:\.[TN]\(|Words: )"([a-z_]+\.[a-zA-Z_.]*)"`)
)

// TestPartsSpeakForThemselves: a part's pages say what is in its own catalogue, or in those that all share: of the layout and of the visit page. What stands above it may change its words
// without asking. Visits stand on the parts of the platform, and what comes of visits on visits and the desk.
func TestPartsSpeakForThemselves(t *testing.T) {
	catalogues := map[string][]string{} // by the part: its keys
	for _, pattern := range []string{"*/locales/en.json", "*/*/locales/en.json"} {
		for _, file := range matching(t, pattern) {
			part, err := filepath.Rel(root, filepath.Dir(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			catalogues[filepath.ToSlash(part)] = keysOf(t, file)
		}
	}
	found := 0
	for _, part := range slices.Sorted(maps.Keys(catalogues)) {
		known := slices.Concat(catalogues[part], catalogues["platform/web"], catalogues["static"])
		if strings.HasPrefix(part, "visits") { // stands on all of these
			for below, keys := range catalogues {
				if below == "visits" || below == "visits/desk" && part != "visits" || strings.HasPrefix(below, "platform/") {
					known = append(known, keys...)
				}
			}
		}
		for key, file := range usedBy(t, part) {
			found++
			if !slices.ContainsFunc(known, func(k string) bool {
				return k == key || strings.HasSuffix(key, ".") && strings.HasPrefix(k, key) || k == key+".other"
			}) {
				t.Errorf("%s says %s, which is in no catalogue of its own", file, key)
			}
		}
	}
	if found < 800 {
		t.Errorf("only %d keys were found in the pages", found)
	}
}

// usedBy are the keys that the pages and the code of a part name, and a file that does.
func usedBy(t *testing.T, part string) map[string]string {
	t.Helper()
	used := map[string]string{}
	for pattern, keys := range map[string]*regexp.Regexp{"pages/*.html": keysInPages, "*.go": keysInCode} {
		for _, file := range matching(t, path.Join(part, pattern)) {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys.FindAllStringSubmatch(string(b), -1) {
				used[key[1]] = file
			}
		}
	}
	return used
}

// matching are the files of the source that a pattern names.
func matching(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// keysOf are the keys of a catalogue.
func keysOf(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Keys(all))
}
