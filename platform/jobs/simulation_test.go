package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"housecall/platform/jobs"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
)

// world is two nodes on one database, in which one thing happens after another, as its seed has it.
type world struct {
	t     *testing.T
	url   string
	rng   *rand.Rand
	clock *testkit.Clock
	nodes [2]*worker
	calm  bool // handlers do what they should

	puts     map[string]int       // how often each key was put
	dropped  map[string]bool      // keys that were cancelled after that
	leases   map[string]time.Time // until when a handler has a key to itself
	outcomes map[string]int       // how handlers went
}

// worker is a node that may be in the middle of a job.
type worker struct {
	node
	running chan struct{} // closed when its run is over; nil: it does nothing
	paused  chan struct{} // a handler of it sleeps
	wake    chan struct{}
	dead    bool
}

func (w *world) open() *worker {
	n := &worker{paused: make(chan struct{}), wake: make(chan struct{})}
	n.node = newNode(w.t, w.url, jobs.Config{Now: w.clock.Now, Random: w.rng.Float64})
	n.HandleWith("k", jobs.Policy{Tries: 1 << 20, First: lease / 4}, func(ctx context.Context, j jobs.Job) error { return w.handle(ctx, n, j) })
	return n
}

// handle does a job, or sleeps over it, or fails, or dies.
func (w *world) handle(ctx context.Context, n *worker, j jobs.Job) error {
	now := w.clock.Now()
	if now.Before(w.leases[j.Key]) {
		w.t.Errorf("%s runs twice at a time", j.Key)
	}
	w.leases[j.Key] = now.Add(lease)
	release := func() {
		if w.leases[j.Key].Equal(now.Add(lease)) {
			delete(w.leases, j.Key)
		}
	}
	fate := "done"
	if !w.calm {
		fate = []string{"done", "done", "fails", "sleeps", "sleeps", "dies", "dies after"}[w.rng.IntN(7)]
	}
	switch fate {
	case "fails":
		release()
		w.outcomes[fate]++
		return errors.New("fails")
	case "sleeps":
		n.paused <- struct{}{}
		<-n.wake
	case "dies":
		n.dead = true
		return n.db.Close()
	}
	err := n.effect(ctx, j)
	if errors.Is(err, jobs.ErrLost) {
		fate += ", too late"
	}
	w.outcomes[fate]++
	release()
	if fate == "dies after" {
		n.dead = true
		err = errors.Join(err, n.db.Close())
	}
	return err
}

// wait waits until a node sleeps or is back, and opens another in the place of one that died.
func (w *world) wait(i int) {
	n := w.nodes[i]
	select {
	case <-n.paused:
	case <-n.running:
		n.running = nil
		if n.dead {
			w.nodes[i] = w.open()
		}
	}
}

// run has a node do what is due, or wakes it up.
func (w *world) run(i int) {
	n := w.nodes[i]
	if n.running != nil {
		n.wake <- struct{}{}
	} else {
		n.running = make(chan struct{})
		go func() {
			defer close(n.running)
			n.RunDue(context.Background())
		}()
	}
	w.wait(i)
}

// step is one thing that happens.
func (w *world) step() {
	key := fmt.Sprint("key", w.rng.IntN(3))
	at := w.clock.Now().Add(time.Duration(w.rng.Int64N(int64(lease))))
	n := w.nodes[w.rng.IntN(2)]
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		w.puts[key]++
		n.put(jobs.Job{Kind: "k", Key: key, At: at, Payload: fmt.Sprint(w.puts[key])})
		delete(w.dropped, key)
	case 3:
		before := n.effects(key)
		n.cancel("k", key)
		w.dropped[key] = w.puts[key] > 0
		if n.effects(key) != before {
			w.t.Errorf("%s was done while it was cancelled", key)
		}
	case 4, 5, 6:
		w.clock.Pass(time.Duration(w.rng.Int64N(int64(2 * lease))))
	default:
		w.run(w.rng.IntN(2))
	}
}

// TestSimulation: whatever sleeps, dies and is moved meanwhile, what was put last and not cancelled is done once, and nothing is done twice.
func TestSimulation(t *testing.T) {
	outcomes := map[string]int{}
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{t: t, url: storetest.URL(t), rng: rand.New(rand.NewPCG(seed, 5)), clock: newClock(), puts: map[string]int{}, dropped: map[string]bool{},
				leases: map[string]time.Time{}, outcomes: outcomes}
			w.nodes = [2]*worker{w.open(), w.open()}
			for range 120 {
				w.step()
			}
			w.calm = true
			for i := range w.nodes {
				for w.nodes[i].running != nil {
					w.run(i)
				}
			}
			for range 3 { // leases of the dead end
				w.clock.Pass(2 * lease)
				w.run(0)
				w.run(1)
			}
			w.judge()
		})
	}
	for _, fate := range []string{"done", "fails", "sleeps", "sleeps, too late", "dies after"} {
		if outcomes[fate] == 0 {
			t.Errorf("in no world a handler %s: %v", fate, outcomes)
		}
	}
}

func (w *world) judge() {
	n := w.nodes[0]
	if left := n.count(`SELECT COUNT(*) FROM jobs`); left != 0 {
		w.t.Errorf("%d jobs are left", left)
	}
	if twice := n.count(`SELECT COUNT(*) FROM (SELECT key FROM effects GROUP BY key, payload HAVING COUNT(*) > 1) AS twice`); twice != 0 {
		w.t.Errorf("%d jobs were done twice", twice)
	}
	for key, puts := range w.puts {
		if done := n.count(`SELECT COUNT(*) FROM effects WHERE key = ? AND payload = ?`, key, fmt.Sprint(puts)); done == 0 && !w.dropped[key] {
			w.t.Errorf("%s was put %d times, and the last was lost", key, puts)
		}
	}
}
