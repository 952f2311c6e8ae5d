package store_test

import (
	"slices"
	"strings"
	"testing"

	"housecall/platform/store"
)

func TestIsID(t *testing.T) {
	good := "0193a5c0-7e1d-7c3a-9b1f-0123456789ab"
	if !store.IsID(good) || !store.IsID(store.NewID()) {
		t.Error("an id is none")
	}
	bad := []string{"", good[1:], good + "0", strings.ToUpper(good), strings.ReplaceAll(good, "-", "0"), "'; DROP TABLE visits; --------------"}
	if i := slices.IndexFunc(bad, store.IsID); i >= 0 {
		t.Errorf("%q is an id", bad[i])
	}
}
