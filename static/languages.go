package static

import (
	"io/fs"
	"slices"
	"strings"
)

// Languages are the tags of the languages there is a catalogue of, English first.
func Languages() []string {
	tags := []string{"en"}
	names, _ := fs.Glob(embedded, "locales/*.json") // the pattern is good
	for _, name := range names {
		tag := strings.TrimSuffix(strings.TrimPrefix(name, "locales/"), ".json")
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}
