package faults

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"housecall/loadtest"
)

var full = flag.Bool("full", false, "play everything as often and as long as the promises say")

// row is one line of the table: what was promised, and what was measured.
type row struct {
	fault, promise, measured string
	kept                     bool
}

// report collects rows and prints them at the end.
type report struct{ rows []row }

// note adds a row.
func (r *report) note(t *testing.T, fault, promise string, kept bool, measured string, values ...any) {
	t.Helper()
	r.rows = append(r.rows, row{fault, promise, fmt.Sprintf(measured, values...), kept})
	if !kept {
		t.Errorf("%s: promised %s, measured %s", fault, promise, r.rows[len(r.rows)-1].measured)
	}
}

func (r *report) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nFAULT\tPROMISE\tMEASURED\tKEPT")
	for _, row := range r.rows {
		kept := "yes"
		if !row.kept {
			kept = "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", row.fault, row.promise, row.measured, kept)
	}
	_ = w.Flush()
}

// ward is the visits that go on while things go wrong.
type ward struct {
	*hospital
	mu      sync.Mutex
	visits  []*visit // written under mu, by the test alone
	talking chan struct{}
	quiet   sync.WaitGroup
}

// fill has so many visits take place, in each of which everybody says something now and then.
func (h *hospital) fill(visits int) *ward {
	h.t.Helper()
	w := &ward{hospital: h, talking: make(chan struct{})}
	for range visits {
		w.visits = append(w.visits, h.plan())
	}
	w.meet(time.Time{})
	w.quiet.Go(func() {
		ticker := time.NewTicker(3 * time.Second)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-w.talking:
				return
			case <-ticker.C:
			}
			w.mu.Lock()
			visits := slices.Clone(w.visits)
			w.mu.Unlock()
			for _, v := range visits {
				v.people[n%2].Say(fmt.Sprint(n), "line")
			}
		}
	})
	return w
}

// back says whether everybody in the visit got everybody's sound and picture after a moment.
func (v *visit) back(since time.Time) bool {
	for i, viewer := range v.people {
		you := v.people[1-i].State().You
		for _, source := range []string{"microphone", "camera"} {
			if you == "" || !viewer.Last(loadtest.Flow{Member: you, Source: source}).After(since) {
				return false
			}
		}
	}
	return true
}

// halted is the longest halt of anything in the visit since begin.
func (v *visit) halted() (longest time.Duration) {
	for i, viewer := range v.people {
		you := v.people[1-i].State().You
		for flow, gap := range viewer.Gaps() {
			if flow.Member == you {
				longest = max(longest, gap)
			}
		}
	}
	return longest
}

// begin starts to measure halts.
func (w *ward) begin() time.Time {
	for _, v := range w.visits {
		for _, p := range v.people {
			p.Begin()
		}
	}
	return time.Now()
}

// meet waits until everybody in every visit gets everybody's sound and picture after a moment.
func (w *ward) meet(since time.Time) {
	w.t.Helper()
	w.until("everybody is back", func() bool {
		return !slices.ContainsFunc(w.visits, func(v *visit) bool { return !v.back(since) })
	})
}

// halts are the longest halts of each visit, shortest first.
func (w *ward) halts() (all []time.Duration) {
	for _, v := range w.visits {
		all = append(all, v.halted())
	}
	slices.Sort(all)
	return all
}

// percentile is the least value that p in a hundred are not above.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// end looks at everybody: who is where, who was let in twice, who is there twice, and what became of what they said.
func (w *ward) end(r *report, fault string) {
	w.t.Helper()
	close(w.talking)
	w.quiet.Wait()
	w.until("everything is acknowledged", func() bool {
		return !slices.ContainsFunc(w.visits, func(v *visit) bool { return v.people[0].Journey().Unsaid+v.people[1].Journey().Unsaid > 0 })
	})
	people, asked, doubled, lost, kept := 0, 0, 0, 0, 0
	for _, v := range w.visits {
		for i, p := range v.people {
			state, journey := p.State(), p.Journey()
			people++
			asked += max(0, journey.Waits-i) // patients wait once, when they come first
			if len(state.Members) != 1 || state.Doubled > 0 {
				doubled++
			}
			for _, id := range journey.Kept {
				kept++
				if !slices.Contains(state.Lines, loadtest.Line{ID: id, From: state.You}) {
					lost++
				}
			}
		}
	}
	r.note(w.t, fault, "still admitted", asked == 0, "%d of %d people had to be let in again", asked, people)
	r.note(w.t, fault, "nobody doubled, no line told twice", doubled == 0, "%d of %d people", doubled, people)
	r.note(w.t, fault, "nothing acknowledged is lost", lost == 0 && kept > 0, "%d of %d lines lost", lost, kept)
}

// soonAfter is how long after a fault packets from before it may still arrive.
const soonAfter = 300 * time.Millisecond

// killing kills the fullest node and starts it anew, until so many visits were recovered, and returns how long each took.
func (w *ward) killing(recoveries int) (took, others []time.Duration) {
	w.t.Helper()
	for len(took) < recoveries {
		n, rooms := w.fullest()
		killed := w.begin()
		n.kill()
		w.meet(killed.Add(soonAfter))
		halts := w.halts()
		took, others = append(took, halts[len(halts)-rooms:]...), append(others, halts[:len(halts)-rooms]...)
		w.t.Logf("node %s killed with %d visits: %v", n.name, rooms, halts)
		w.start(n)
		w.settle()
	}
	slices.Sort(took)
	slices.Sort(others)
	return took, others
}

// settle waits until every visit lives on one node.
func (w *ward) settle() {
	w.t.Helper()
	w.until("every visit has one host", func() bool {
		sum := 0
		for _, n := range w.nodes {
			sum += w.rooms(n)
		}
		return sum == len(w.visits)
	})
}

func (w *ward) kill(r *report, recoveries int) {
	took, others := w.killing(recoveries)
	p95, worst := percentile(took, 95), percentile(took, 100)
	fault := fmt.Sprintf("kill -9, %d nodes", len(w.nodes))
	r.note(w.t, fault, "two-way media ≤ 3 s p95, ≤ 6 s worst", p95 <= 3*time.Second*slack() && worst <= 6*time.Second*slack(), "%d recoveries: median %s, p95 %s, worst %s",
		len(took), ms(percentile(took, 50)), ms(p95), ms(worst))
	r.note(w.t, fault, "visits elsewhere: no gap", percentile(others, 100) <= time.Second*slack(), "longest halt %s of %d visits", ms(percentile(others, 100)), len(others))
}

// slack is how many times as long everything may take in the short run, which goes on beside other tests: figures are for the long one.
func slack() time.Duration {
	if *full {
		return 1
	}
	return 5
}

// drain stops every node once, as an upgrade does.
func (w *ward) drain(r *report) {
	var halts, ends []time.Duration
	moved := 0
	for _, n := range w.nodes {
		rooms := w.rooms(n)
		begin := w.begin()
		n.signal(w.t, syscall.SIGTERM)
		<-n.ended
		ends = append(ends, time.Since(begin))
		w.meet(time.Now())
		halts = append(halts, w.halts()...)
		moved += rooms
		w.t.Logf("node %s drained with %d visits in %v: %v", n.name, rooms, ends[len(ends)-1], w.halts())
		w.start(n)
		w.settle()
	}
	slices.Sort(halts)
	fault := fmt.Sprintf("SIGTERM, %d nodes", len(w.nodes))
	r.note(w.t, fault, "gap ≤ 1 s", percentile(halts, 100) <= time.Second*slack(), "longest halt %s; %d visits moved", ms(percentile(halts, 100)), moved)
	r.note(w.t, fault, "ends within 30 s", slices.Max(ends) <= 40*time.Second, "%s at most", ms(slices.Max(ends)))
}

// freeze stops a node for longer than its heartbeat lives and lets it go on: others have its visits by then.
func (w *ward) freeze(r *report) {
	n, rooms := w.fullest()
	frozen := w.begin()
	n.signal(w.t, syscall.SIGSTOP)
	w.meet(frozen.Add(soonAfter))
	halts := w.halts()
	took := halts[len(halts)-rooms:]
	n.signal(w.t, syscall.SIGCONT)
	w.settle()
	w.t.Logf("node %s frozen with %d visits: %v", n.name, rooms, halts)
	r.note(w.t, "node cut off without a word", "≤ 15 s; one host a visit", percentile(took, 100) <= 15*time.Second*slack(), "%d recoveries: median %s, worst %s; each visit on one node after",
		rooms, ms(percentile(took, 50)), ms(percentile(took, 100)))
}

// redisAway stops Redis for a while and empties it when it is back.
func (w *ward) redisAway(r *report, away time.Duration) {
	w.begin()
	before := w.kept()
	w.redis.signal(w.t, syscall.SIGSTOP)
	alive, refusedIn := true, time.Duration(0)
	for deadline := time.Now().Add(away); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		for _, n := range w.nodes {
			alive = alive && w.status(n.at("/livez")) == http.StatusOK
		}
		begin := time.Now()
		_ = w.status(w.url + "/v/none/ws")
		refusedIn = max(refusedIn, time.Since(begin))
	}
	talked := w.kept() - before
	halts := w.halts()
	w.redis.signal(w.t, syscall.SIGCONT)
	back := time.Now()
	w.flush()
	v := w.plan()
	fresh := &ward{hospital: w.hospital, visits: []*visit{v}}
	fresh.meet(time.Time{})
	for _, n := range w.nodes {
		w.until("ready again", func() bool { return w.status(n.at("/readyz")) == http.StatusOK })
	}
	normal := time.Since(back)
	w.mu.Lock()
	w.visits = append(w.visits, v)
	w.mu.Unlock()
	w.meet(time.Now())
	w.settle()
	fault := fmt.Sprintf("Redis hung %v, then emptied", away)
	gap := max(percentile(halts, 100), percentile(w.halts()[:len(w.visits)-1], 100))
	r.note(w.t, fault, "media gap 0", gap <= 500*time.Millisecond*slack(), "longest halt %s of %d visits", ms(gap), len(w.visits)-1)
	r.note(w.t, fault, "signaling in a room works", talked > 0, "%d lines said and acknowledged meanwhile", talked)
	r.note(w.t, fault, "/livez stays up", alive, "%v", alive)
	r.note(w.t, fault, "refused in ≤ 2 s", refusedIn <= 2*time.Second*slack(), "%s at most", ms(refusedIn))
	r.note(w.t, fault, "all normal ≤ 5 s after", normal <= 5*time.Second*slack(), "a new visit with sound and picture after %s", ms(normal))
}

// kept counts what was said and acknowledged so far.
func (w *ward) kept() (n int) {
	for _, v := range w.visits {
		for _, p := range v.people {
			n += len(p.Journey().Kept)
		}
	}
	return n
}

// databaseAway stops PostgreSQL for a while.
func (w *ward) databaseAway(r *report, away time.Duration) {
	w.begin()
	refusals := w.refusals()
	w.database.Freeze(w.t)
	frozen := time.Now()
	w.until("a line is refused", func() bool { return w.refusals() > refusals })
	refused := time.Since(frozen)
	time.Sleep(away - min(away, refused)) // this long is what is promised
	unsaid := w.unsaid()
	w.database.Thaw()
	back := time.Now()
	halts := w.halts()
	w.until("what was said is kept", func() bool { return w.unsaid() == 0 })
	normal := time.Since(back)
	fault := fmt.Sprintf("PostgreSQL hung %v", away)
	r.note(w.t, fault, "media gap 0", percentile(halts, 100) <= 500*time.Millisecond*slack(), "longest halt %s of %d visits", ms(percentile(halts, 100)), len(halts))
	r.note(w.t, fault, "writes refused visibly", unsaid > 0, "%d lines not acknowledged, the first refusal after %s; kept %s after it was back", unsaid, ms(refused), ms(normal))
}

func (w *ward) refusals() (n int) {
	for _, v := range w.visits {
		for _, p := range v.people {
			n += p.State().Messages["error"]
		}
	}
	return n
}

func (w *ward) unsaid() (n int) {
	for _, v := range w.visits {
		for _, p := range v.people {
			n += p.Journey().Unsaid
		}
	}
	return n
}

// TestFaults plays all of it. The short run plays each fault once with few visits, to show that people come through it; what it takes is the long run's.
func TestFaults(t *testing.T) {
	r := &report{}
	t.Cleanup(r.print)
	visits, recoveries, away := 3, 1, 4*time.Second
	if *full {
		visits, recoveries, away = 20, 25, time.Minute
	}
	for _, nodes := range []int{2, 3} {
		if nodes == 3 && !*full {
			continue
		}
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			w := open(t, nodes).fill(visits)
			w.kill(r, recoveries)
			w.drain(r)
			w.freeze(r)
			if nodes == 2 {
				w.redisAway(r, away)
				w.databaseAway(r, away)
			}
			w.end(r, fmt.Sprintf("all of these, %d nodes", nodes))
		})
	}
	slices.SortStableFunc(r.rows, func(a, b row) int { return cmp.Compare(a.fault, b.fault) })
}
