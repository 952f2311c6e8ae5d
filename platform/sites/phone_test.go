package sites_test

import (
	"testing"

	"housecall/platform/sites"
)

// TestDialled: a telephone dials what people write, as in the tests of static/js/ui/phone.js.
func TestDialled(t *testing.T) {
	for phone, want := range map[string]string{"+1 (555) 010-0199": "+15550100199", "0555 / 010 01": "055501001", "555.0100": "5550100", "555 0100 ext. 12": "5550100,12", "555 0100 x7": "5550100,7"} {
		if got := sites.Dialled(phone); got != want {
			t.Errorf("%q dials %q, want %q", phone, got, want)
		}
	}
}
