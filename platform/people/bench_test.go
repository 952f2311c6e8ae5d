package people_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// crowd is made up of syllables: names that nobody has, of which some are many people's and most are few people's, as names are.
type crowd struct {
	r             *rand.Rand
	zipf          *rand.Zipf
	given, family []string
}

func newCrowd() *crowd {
	r := rand.New(rand.NewPCG(50_000, 1))
	c := &crowd{r: r, zipf: rand.NewZipf(r, 1.2, 10, 1999)}
	syllables := strings.Fields("ba ca do fe gi ho ja ka li ma mar ne o per qui ro san ta u vi wa xo ya zu an el")
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(syllables[r.IntN(len(syllables))])
		}
		return b.String()
	}
	for range 2000 {
		c.given, c.family = append(c.given, word(2+r.IntN(2))), append(c.family, word(2+r.IntN(3)))
	}
	return c
}

func (c *crowd) givenName() string  { return c.given[c.zipf.Uint64()] }
func (c *crowd) familyName() string { return c.family[c.zipf.Uint64()] }

func (c *crowd) patient(i int) people.Patient {
	name := c.givenName() + " " + c.familyName()
	switch c.r.IntN(3) {
	case 0:
		name += "-" + c.familyName()
	case 1:
		name += " de " + c.familyName()
	}
	return people.Patient{ID: store.NewID(), Name: phi.Text(name), Number: phi.Text(fmt.Sprintf("MRN-%07d", 1_000_000+i)),
		BirthDate: phi.Text(fmt.Sprintf("20%02d-%02d-%02d", c.r.IntN(26), 1+c.r.IntN(12), 1+c.r.IntN(28))), Version: 1, CreatedAt: noon, ChangedAt: noon}
}

// searches are what schedulers type: each gives another one of its kind.
var searches = []struct {
	kind string
	next func(*crowd) string
}{
	{"two-letters", func(c *crowd) string { return c.familyName()[:2] }},
	{"a-name", func(c *crowd) string { return c.familyName() }},
	{"both-names", func(c *crowd) string { return c.familyName() + " " + c.givenName() }},
	{"a-name-and-letters", func(c *crowd) string { return c.givenName() + " " + c.familyName()[:2] }},
	{"common-letters", func(c *crowd) string { return "ma sa" }},
	{"name-and-year", func(c *crowd) string { return fmt.Sprintf("%s 20%02d", c.givenName(), c.r.IntN(26)) }},
	{"birth-date", func(c *crowd) string {
		return fmt.Sprintf("%d/%d/20%02d", 1+c.r.IntN(12), 1+c.r.IntN(12), c.r.IntN(26))
	}},
	{"number", func(c *crowd) string { return fmt.Sprint(1_000_000 + c.r.IntN(50_000)) }},
	{"nobody", func(c *crowd) string { return "zzzz " + c.familyName() }},
}

// BenchmarkSearch searches among 50,000 patients, on both engines; the audit rows of whom was shown are part of it, and lie on the disk.
func BenchmarkSearch(b *testing.B) {
	engine, url := "sqlite", storetest.URL(b)
	if storetest.OnPostgres() {
		engine, url = "postgres", storetest.NewCluster(b).URL(b)
	}
	b.Run(engine, func(b *testing.B) {
		d, c := newDesk(b, url), newCrowd()
		for i := range 50 {
			err := d.db.Tx(b.Context(), func(tx *store.Tx) error {
				for j := range 1000 {
					if err := people.InsertForTest(b.Context(), tx, c.patient(i*1000+j)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		for _, s := range searches {
			b.Run(s.kind, func(b *testing.B) { search(b, d, func() string { return s.next(c) }) })
		}
	})
}

func search(b *testing.B, d *desk, next func() string) {
	var took []time.Duration
	found := 0
	for b.Loop() {
		query, begin := next(), time.Now()
		f, err := d.Search(b.Context(), scheduler, query)
		if err != nil {
			b.Fatal(err)
		}
		found += len(f.Patients)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(found)/float64(len(took)), "found")
}
