package consents

import (
	"reflect"
	"testing"
)

// TestBlocks: the same as the families' page makes of a text (static/test/outside.test.js).
func TestBlocks(t *testing.T) {
	for text, want := range map[string][]block{
		"":                           nil,
		"One,\r\ntwo.\r\n\r\nX":      {{Text: "One, two."}, {Text: "X"}},
		"# A title #\nText":          {{Heading: "A title"}, {Text: "Text"}},
		"See:\n- one\n  more\n* two": {{Text: "See:"}, {Items: []string{"one more", "two"}}},
		"- one\n\n- two":             {{Items: []string{"one"}}, {Items: []string{"two"}}},
		"<b>& #1":                    {{Text: "<b>& #1"}},
	} {
		if got := blocksOf(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
