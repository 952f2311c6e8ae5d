package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store"
)

// keysSince is the version of the tables of staff from which on keys have an end.
const keysSince = 5

// apiKeys looks for keys of programs that end soon, or have ended and were used until not long ago. Of a database that does not answer, database tells.
func apiKeys(ctx context.Context, c server.Config) []Finding {
	if file := store.File(c.Database); file != "" {
		if _, err := os.Stat(file); err != nil {
			return nil
		}
	}
	db, err := store.Open(ctx, c.Database, store.Options{AsIs: true})
	if err != nil {
		return nil
	}
	defer db.Close()
	var all []staff.Key
	err = db.Snapshot(ctx, func(tx *store.Tx) error {
		versions, err := tx.Versions(ctx)
		if err != nil || versions["staff"] < keysSince {
			return err
		}
		all, err = staff.Keys(ctx, tx)
		return err
	})
	if err != nil {
		return nil
	}
	return []Finding{keysFound(all, time.Now())}
}

func keysFound(all []staff.Key, now time.Time) Finding {
	var ending, endless []string
	for _, k := range all {
		switch state := k.State(now); {
		case state == staff.KeyExpiring, state == staff.KeyExpired && now.Sub(k.UsedOn) < staff.KeyWarning:
			ending = append(ending, fmt.Sprintf("%q (%s)", k.Name, k.Expires.UTC().Format(time.DateOnly)))
		case state == staff.KeyWorks && k.Expires.IsZero():
			endless = append(endless, fmt.Sprintf("%q", k.Name))
		}
	}
	switch {
	case len(ending) > 0:
		return Finding{"API keys", Weak, "end soon, or have ended: " + strings.Join(ending, ", "), "make new ones at /admin/keys, give them to their programs, then revoke these"}
	case len(endless) > 0:
		return Finding{"API keys", Weak, "have no end: " + strings.Join(endless, ", "), "replace them at /admin/keys by keys that end and may no more than their programs need"}
	}
	return good("API keys", "none ends within %d days", int(staff.KeyWarning.Hours()/24))
}
