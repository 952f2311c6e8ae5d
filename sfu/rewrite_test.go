package sfu

import (
	"math/rand/v2"
	"testing"
	"time"
)

// receiver drives a rewriter as a slot does.
type receiver struct {
	rewriter
	t   *testing.T
	out map[uint64]uint64 // source number by out number: each may be given once
}

func (r *receiver) packet(ext uint64, padding bool) (out uint64, sent bool) {
	r.t.Helper()
	newest := r.newest(ext)
	if newest {
		r.bridge(ext)
	}
	out, ok := r.place(ext)
	if !ok {
		return 0, false
	}
	if padding && newest {
		r.skip(ext)
		return 0, false
	}
	r.sent(ext, out, uint32(ext*3000), int64(ext)*int64(time.Second)/30)
	if other, ok := r.out[out]; ok {
		r.t.Fatalf("number %d was given to %d and to %d", out, other, ext)
	}
	r.out[out] = ext
	return out, true
}

func newReceiver(t *testing.T) *receiver {
	return &receiver{rewriter: rewriter{clock: 90_000}, t: t, out: map[uint64]uint64{}}
}

func TestRewriterKeepsPlaces(t *testing.T) {
	r := newReceiver(t)
	r.begin(100, 300_000, 0, 3000)
	base, _ := r.packet(100, false)
	for _, step := range []struct {
		ext     uint64
		padding bool
		want    int64 // relative to the first; -1: not sent
	}{
		{101, false, 1},
		{103, false, 3},
		{104, true, -1}, // skipped
		{105, false, 4},
		{102, false, 2}, // repaired: its place was kept
		{99, false, -1}, // before the beginning
		{106, true, -1},
		{107, true, -1},
		{110, true, -1}, // 108 and 109 are missing
		{111, false, 7},
		{109, false, 6},
		{108, true, 5}, // missed, and only padding: sent empty, so that nothing is missing
	} {
		out, sent := r.packet(step.ext, step.padding)
		if sent != (step.want >= 0) || sent && int64(out-base) != step.want {
			t.Errorf("%d: %d %v, want %d", step.ext, int64(out-base), sent, step.want)
		}
	}
	for out, ext := range r.out {
		if got, ok := r.origin(uint16(out)); !ok || got != ext {
			t.Errorf("origin of %d: %d %v, want %d", out, got, ok, ext)
		}
	}
	if _, ok := r.origin(uint16(base) - 1); ok {
		t.Error("origin of what was never sent")
	}
	if _, ok := r.origin(uint16(base) + 100); ok {
		t.Error("origin of what wasn't sent yet")
	}
	if _, ok := (&rewriter{}).origin(5); ok {
		t.Error("origin before anything")
	}
	if _, ok := r.place(104); ok {
		t.Error("what was skipped has a place")
	}
}

func TestRewriterJoinsSources(t *testing.T) {
	r := newReceiver(t)
	r.begin(500, 1_500_000, 0, 3000)
	var last uint64
	for ext := uint64(500); ext < 510; ext++ {
		last, _ = r.packet(ext, false)
	}
	lastTime := r.lastTime
	later := r.lastAt + int64(time.Second)/2
	r.begin(70_000, 99, later, 3000) // half a second on, another clock
	out, ok := r.packet(70_000, false)
	if !ok || out != last+1 {
		t.Errorf("the new source begins at %d after %d", out, last)
	}
	if got := 99 + r.shift; got-lastTime != 45_000 {
		t.Errorf("time goes on by %d ticks", got-lastTime)
	}
	r.lastAt, r.lastTime = later, 5
	r.begin(3, 1<<31, later, 3000) // at the same moment: one frame on
	if got := uint32(1<<31) + r.shift; got != 5+3000 {
		t.Errorf("time goes on to %d", got)
	}
	if _, ok := r.place(2); ok {
		t.Error("a packet from before the source's beginning has a place")
	}
}

func TestRewriterKeepsNoWideHole(t *testing.T) {
	r := newReceiver(t)
	r.begin(1000, 0, 0, 3000)
	last, _ := r.packet(1000, false)
	ext := uint64(1000)
	for range 30 { // padding after jumps: nothing is sent, and each keeps numbers free
		ext += believable
		r.packet(ext, true)
		if out, ok := r.packet(ext-believable/2, false); ok { // some of it is repaired
			if out-last > mostKept {
				t.Fatalf("number %d after %d", out, last)
			}
			last = max(last, out)
		}
	}
	out, ok := r.packet(ext+believable, false)
	if !ok || out <= last || out-last > mostKept {
		t.Errorf("number %d %v after %d", out, ok, last)
	}
	r.begin(5, 0, 0, 3000)
	if next, _ := r.packet(5, false); next != out+1 {
		t.Errorf("the next source begins at %d after %d", next, out)
	}
}

func TestRewriterForgetsOldSkips(t *testing.T) {
	r := newReceiver(t)
	r.begin(1000, 0, 0, 3000)
	r.packet(1000, false)
	for ext := uint64(1001); ext < 2000; ext++ {
		r.packet(ext, ext%2 == 0)
	}
	if len(r.spans) != rememberedSpans || cap(r.spans) != rememberedSpans {
		t.Errorf("%d spans are remembered", len(r.spans))
	}
	if _, ok := r.place(1003); ok {
		t.Error("a place that was forgotten")
	}
}

// Whatever is lost, late or padding: numbers are given once, and without a hole but for what may still come.
func TestRewriterByChance(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := newReceiver(t)
		r.begin(65_000, 0, 0, 3000)
		r.packet(65_000, false)
		skipped := map[uint64]bool{}
		late := []uint64{}
		for ext := uint64(65_001); ext < 67_000; ext++ {
			padding := random.IntN(20) == 0
			if random.IntN(10) == 0 && !padding {
				late = append(late, ext)
				continue
			}
			r.packet(ext, padding)
			skipped[ext] = padding
			if len(late) > 0 && random.IntN(3) == 0 {
				r.packet(late[0], false)
				late = late[1:]
			}
		}
		for _, ext := range late {
			r.packet(ext, false)
		}
		low := uint64(1<<16 + 1)
		for out := low; out < low+uint64(len(r.out))-1; out++ {
			if _, ok := r.out[out]; !ok {
				t.Fatalf("seed %d: a hole at %d", seed, out)
			}
			if out > low && r.out[out] <= r.out[out-1] {
				t.Fatalf("seed %d: order is lost at %d", seed, out)
			}
		}
	}
}
