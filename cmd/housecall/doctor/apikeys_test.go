package doctor

import (
	"strings"
	"testing"
	"time"

	"housecall/platform/staff"
)

func TestKeysFound(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	in := func(name string, days int) staff.Key {
		return staff.Key{Name: name, Expires: now.AddDate(0, 0, days), UsedOn: now.AddDate(0, 0, -1)}
	}
	revoked, unused := in("revoked", 3), in("unused", -3)
	revoked.Revoked, unused.UsedOn = now, time.Time{}
	for want, all := range map[string][]staff.Key{
		"none ends within 30 days": {in("far", 31), revoked, unused},
		`"near" (2026-12-28)`:      {in("far", 31), in("near", 30), {Name: "old"}},
		`"gone" (2026-11-27)`:      {in("gone", -1)},
		`have no end: "old"`:       {in("far", 31), {Name: "old"}},
	} {
		f := keysFound(all, now)
		if !strings.Contains(f.Found, want) || (f.State == Good) != (f.Remedy == "") || strings.Contains(f.Found, "far") || strings.Contains(f.Found, "unused") {
			t.Errorf("want %s: %+v", want, f)
		}
	}
}
