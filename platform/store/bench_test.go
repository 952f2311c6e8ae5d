package store_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

// BenchmarkWrite is an act as the house does them: a transaction that reads a row, writes one, and audits. What it acknowledges is on the disk.
// Nodes are connections of their own, as several servers on one database have.
func BenchmarkWrite(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func(*testing.B) string
	}{
		{"sqlite", func(b *testing.B) string { return filepath.Join(b.TempDir(), "h.db") }},
		{"postgres", func(b *testing.B) string { return storetest.NewCluster(b).URL(b) }},
	} {
		for _, c := range []struct{ nodes, writers int }{{1, 1}, {1, 8}, {2, 8}, {4, 16}} {
			if engine.name == "sqlite" && c.nodes > 1 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d-nodes-%d-writers", engine.name, c.nodes, c.writers), func(b *testing.B) {
				url := engine.url(b)
				var nodes []*store.DB
				for range c.nodes {
					nodes = append(nodes, storetest.Open(b, url, store.Options{BusyTimeout: time.Minute}))
				}
				if _, err := nodes[0].ExecContext(b.Context(), `CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
					b.Fatal(err)
				}
				var next atomic.Int64
				b.SetParallelism(c.writers) // for each processor
				b.ResetTimer()
				b.RunParallel(func(p *testing.PB) {
					db := nodes[int(next.Add(1))%len(nodes)]
					for p.Next() {
						err := db.Tx(b.Context(), func(tx *store.Tx) error {
							var n int
							if err := tx.QueryRowContext(b.Context(), `SELECT count(*) FROM things WHERE id = ?`, "nobody").Scan(&n); err != nil {
								return err
							}
							if err := insert(b.Context(), tx, store.NewID(), n); err != nil {
								return err
							}
							return store.Audit(b.Context(), tx, act())
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}
