package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// countedOnce is a store.Once that counts what it is told, and writes in the act's transaction as an idempotency key does.
type countedOnce struct {
	before, after int
	refuses       error // of Before
}

func (o *countedOnce) Before(context.Context, *store.Tx) error {
	o.before++
	return o.refuses
}

func (o *countedOnce) After(ctx context.Context, tx *store.Tx, _ store.Act) error {
	o.after++
	return insert(ctx, tx, fmt.Sprint("once ", o.after), 0)
}

// rows are the rows of the audit, each as its outcome and detail.
func rows(t *testing.T, q store.Queryer) []string {
	t.Helper()
	var all []string
	found, err := q.QueryContext(t.Context(), `SELECT outcome, detail FROM audit ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var outcome, detail string
		if err := found.Scan(&outcome, &detail); err != nil {
			t.Fatal(err)
		}
		all = append(all, outcome+" "+detail)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRefusedActs: an act that writes and is refused then leaves nothing but its row, unless it says that it keeps what it wrote.
func TestRefusedActs(t *testing.T) {
	own := errors.New("broken")
	wrong := &fault.Problem{Code: fault.CodeBirthDateWrong, Kind: fault.NotAllowed}
	missing := func(ctx context.Context, tx *store.Tx) error {
		var n int
		return tx.QueryRowContext(ctx, `SELECT n FROM things WHERE id = 'nobody'`).Scan(&n)
	}
	for name, c := range map[string]struct {
		f      func(context.Context, *store.Tx) error // after it wrote
		may    bool
		keeps  bool
		goesOn bool
		want   error
		things int
		rows   []string
		after  int // calls of Once
	}{
		"done":                {may: true, things: 2, rows: []string{"allowed done"}, after: 1},
		"goes on":             {may: true, goesOn: true, things: 2, after: 1},
		"not theirs":          {want: fault.NotAllowed, rows: []string{"refused not_allowed"}},
		"not allowed":         {may: true, f: func(context.Context, *store.Tx) error { return wrong }, want: wrong, rows: []string{"refused birth_date_wrong"}},
		"not found":           {may: true, f: missing, want: fault.NotFound, rows: []string{"refused not_found"}},
		"goes on not":         {may: true, goesOn: true, f: missing, want: fault.NotFound, rows: []string{"refused not_found"}},
		"keeps":               {may: true, keeps: true, f: func(context.Context, *store.Tx) error { return wrong }, want: wrong, things: 1, rows: []string{"refused birth_date_wrong"}},
		"not valid":           {may: true, f: func(context.Context, *store.Tx) error { return fault.NotValid }, want: fault.NotValid},
		"broken":              {may: true, f: func(context.Context, *store.Tx) error { return own }, want: own},
		"keeps no other":      {may: true, keeps: true, f: func(context.Context, *store.Tx) error { return own }, want: own},
		"keeps what was done": {may: true, keeps: true, things: 2, rows: []string{"allowed done"}, after: 1},
	} {
		t.Run(name, func(t *testing.T) {
			contract(t, func(t *testing.T, _ database, db *store.DB) {
				once := &countedOnce{}
				ctx := store.WithOnce(t.Context(), once)
				err := db.Do(ctx, act(), c.may, func(tx *store.Tx, a *store.Act) error {
					a.Detail, a.Keeps, a.GoesOn = "done", c.keeps, c.goesOn
					if err := insert(ctx, tx, "one", 1); err != nil {
						return err
					}
					if c.f == nil {
						return nil
					}
					return c.f(ctx, tx)
				})
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if n, all := count(t, db, "things"), rows(t, db); n != c.things || !slices.Equal(all, c.rows) {
					t.Errorf("%d things and rows %q; want %d and %q", n, all, c.things, c.rows)
				}
				if once.after != c.after {
					t.Errorf("noted %d times that it was done, want %d", once.after, c.after)
				}
			})
		})
	}
}

// TestRefusalsThatCannotBeAudited: nobody is told a refusal that has no row, and what was done before is no refusal.
func TestRefusalsThatCannotBeAudited(t *testing.T) {
	contract(t, func(t *testing.T, _ database, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Do(ctx, act(), true, func(tx *store.Tx, _ *store.Act) error {
			defer cancel()
			return errors.Join(insert(ctx, tx, "one", 1), fault.NotFound)
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, fault.NotFound) {
			t.Errorf("the row could not be written: %v", err)
		}
		once := &countedOnce{refuses: fault.NotAllowed}
		err = db.Do(store.WithOnce(t.Context(), once), act(), true, func(*store.Tx, *store.Act) error { return nil })
		if !errors.Is(err, fault.NotAllowed) || once.before != 1 || once.after != 0 {
			t.Errorf("done before: %v", err)
		}
		if n, all := count(t, db, "things"), rows(t, db); n != 0 || len(all) != 0 {
			t.Errorf("%d things and rows %q", n, all)
		}
	})
}

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
