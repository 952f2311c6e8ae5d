package rooms

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/sfu"
)

// steps is how much a crowd does at most.
const steps = 250

func TestNobodyGetsAnythingFromElsewhere(t *testing.T) {
	happened := map[EventKind]int{}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			limits := Limits{InVisit: 5, Waiting: 6, Chat: 20}
			h := newHouse(t, limits)
			stage := newStage(t, h.engine, 3+2*int(seed%2)) // too few slots, or enough
			newCrowd(h, stage, limits, rand.New(rand.NewPCG(seed, 1))).play(func() bool { return true })
			for _, e := range h.events {
				happened[e.Kind]++
			}
		})
	}
	for kind := EventAdmitted; kind <= EventChecked; kind++ {
		if kind != EventEnded && happened[kind] < 5 {
			t.Errorf("the crowd did too little to show anything: %d events of kind %d", happened[kind], kind)
		}
	}
}

// TestNobodyWaitsForTheClock: what lets somebody in lets them in at once, in visits that are soon full and rooms whose clock never ticks.
func TestNobodyWaitsForTheClock(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 190, 354, 950} { // of the last three each once waited for a tick
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			limits := Limits{InVisit: 3, Waiting: 6, Chat: 20, Tick: time.Hour}
			h := newHouse(t, limits)
			newCrowd(h, newStage(t, h.engine, 2), limits, rand.New(rand.NewPCG(seed, 3))).play(func() bool { return true })
		})
	}
}

// bytesDice decide by what a fuzzer made up; when that is used up, always alike.
type bytesDice struct{ left []byte }

func (d *bytesDice) IntN(n int) int {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return int(b) % n
}

// FuzzRoom lets a fuzzer decide what a crowd does, and checks the same as the test with seeds.
func FuzzRoom(f *testing.F) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	engine := newEngine(f)
	f.Cleanup(func() { _ = engine.Close() })
	stages := []*stage{newStage(f, engine, 2), newStage(f, engine, 5)}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		limits, dice := Limits{InVisit: 5, Waiting: 6, Chat: 20}, &bytesDice{b[1:]}
		newCrowd(newHouseOn(t, engine, limits), stages[int(b[0])%len(stages)], limits, dice).play(func() bool { return len(dice.left) > 0 })
	})
}

// play does steps, as long as there is something to go by, and checks after each.
func (c *crowd) play(goOn func() bool) {
	for step := 0; step < steps && goOn(); step++ {
		done := c.step(step)
		c.look()
		if c.check(); c.t.Failed() {
			c.t.Fatalf("after step %d: %s", step, done)
		}
	}
	for _, p := range slices.Clone(c.here) {
		p.seat.Leave()
		c.went(p)
	}
	c.look()
	c.check()
}

// check compares everything that members were told, and everything their slots show, with where they are. Where that is, it takes from what they
// were told themselves, and compares that with what the room has.
func (c *crowd) check() {
	for _, p := range slices.Clone(c.here) {
		if _, closed, _ := p.box.look(); closed != 0 && !c.facts[p.id].away {
			c.went(p)
		}
	}
	for _, p := range c.here {
		c.readOn(p)
		c.checkPlace(p)
	}
	owners := map[*sfu.Publication]*player{}
	for _, p := range c.here {
		for _, pub := range p.peer.Publications() {
			owners[pub] = p
		}
	}
	sharing := 0
	for _, p := range c.here {
		c.checkSlots(p, owners)
		c.checkRoster(p)
		if p.media.Screen {
			sharing++
		}
	}
	if sharing > 1 || len(c.facts) != len(c.here) {
		c.t.Errorf("%d share a screen; %d are here, the room has %d", sharing, len(c.here), len(c.facts))
	}
	for _, p := range c.gone {
		for _, slot := range p.peer.Slots() {
			if slot.Showing() != nil {
				c.t.Errorf("%s has gone, but is shown something", p.id)
			}
		}
		c.stage.free = append(c.stage.free, p.peer)
	}
	c.gone = nil
}

// checkPlace wants everybody to know where they are and what they send, the walls of private time to hold, and nobody to be kept out once they are down.
func (c *crowd) checkPlace(p *player) {
	f := c.facts[p.id]
	if f.away {
		p.place, p.media = f.place, f.media // nobody could tell them
		clear(p.roster)
	}
	if p.place != f.place || p.media != f.media {
		c.t.Errorf("%s believes to be in %s sending %+v, but is in %s sending %+v", p.id, p.place, p.media, f.place, f.media)
	}
	if p.place == Waiting && p.media.Screen {
		c.t.Errorf("%s shares a screen while waiting", p.id)
	}
	if c.walled(p.role) && p.place == Visit {
		c.t.Errorf("%s, a %s, is in the visit during private time", p.id, p.role)
	}
	inVisit := 0
	for _, o := range c.facts {
		if o.place == Visit {
			inVisit++
		}
	}
	if p.place == Waiting && f.admitted && !c.walled(p.role) && inVisit < c.limits.InVisit {
		c.t.Errorf("%s was admitted, and waits without a reason", p.id)
	}
}

// readOn follows what a player was told; only where they are now, or were moved to, may it come from.
func (c *crowd) readOn(p *player) {
	updates, _, _ := p.box.look()
	for _, u := range updates[p.read:] {
		if c.tellsPlace(p, u) {
			continue
		}
		switch u := u.(type) {
		case Changed:
			p.roster[u.Member.ID] = u.Member
		case Left:
			delete(p.roster, u.Member)
		case Said:
			c.checkLine(p, u)
		}
		if p.place != Visit && !c.toWaiting(p, u) {
			c.t.Errorf("%s waits, but was told %s", p.id, kinds([]Update{u}))
		}
		if note, ok := u.(Told); ok && p.place == Visit && c.notices[note.ID].by != p.id {
			c.t.Errorf("%s is in the visit, but was told what others said to those who wait", p.id)
		}
	}
	p.read = len(updates)
	if p.place != Visit && len(p.roster) > 0 {
		c.t.Errorf("%s waits, but knows who is here", p.id)
	}
}

// toWaiting says whether somebody who waits may be told this: what is said to them, that they share no screen, that no slot shows anything.
func (c *crowd) toWaiting(p *player, u Update) bool {
	switch u := u.(type) {
	case Told:
		return c.notices[u.ID].to[p.id] && u.Member == p.id
	case Switched:
		p.media = u.Media
		return !u.Media.Screen
	case Slots:
		return len(u) == 0
	}
	return false
}

// tellsPlace follows an update that says where a player is; false: it says something else.
func (c *crowd) tellsPlace(p *player, u Update) bool {
	var at Position
	switch u := u.(type) {
	case Joined:
		at = u.Position
	case Resumed:
		at = u.Position
	case Moved:
		at = u.Position
	case Switched:
		p.media = u.Media
		return false
	default:
		return false
	}
	p.place, p.roster = at.Place, map[string]Member{}
	for _, m := range at.Members {
		p.roster[m.ID] = m
	}
	for _, line := range at.Chat {
		c.checkLine(p, line)
	}
	for _, note := range at.Told {
		if !c.notices[note.ID].to[p.id] {
			c.t.Errorf("%s was told what was said to another", p.id)
		}
	}
	if at.Place == Visit {
		if len(at.Told) > 0 || at.Why != "" || at.Private.IsZero() == c.private {
			c.t.Errorf("%s came into the visit with %+v", p.id, at)
		}
	} else if len(at.May)+len(at.Members)+len(at.Chat) > 0 || !at.Private.IsZero() || !at.Started.IsZero() {
		c.t.Errorf("%s waits with %+v", p.id, at)
	}
	return true
}

// checkLine wants a line of chat to reach those alone who were in the visit when it was said, or expected back there.
func (c *crowd) checkLine(p *player, line Said) {
	if !c.lines[line.ID][p.id] {
		c.t.Errorf("%s was told line %s, which is not for them", p.id, line.ID)
	}
}

// wanted lists what a player is to be shown, with its rank: what everybody else in the visit sends, as far as they want to see it.
func (c *crowd) wanted(p *player, owners map[*sfu.Publication]*player) map[*sfu.Publication]rank {
	wanted := map[*sfu.Publication]rank{}
	for pub, owner := range owners {
		source := c.stage.mids[pub.MID()]
		unseen := source.Kind() == sfu.Video && p.view == ViewNone
		if owner == p || p.place != Visit || owner.place != Visit || !owner.media.on(source) || unseen {
			continue
		}
		wanted[pub] = rankOther
		switch {
		case owner.role == auth.Interpreter && (source == Microphone || source == Camera && c.facts[owner.id].view.Signing):
			wanted[pub] = rankFirst
		case source == Screen || source == ScreenAudio:
			wanted[pub] = rankScreen
		}
	}
	return wanted
}

// checkSlots wants every slot to show what it may and nothing else, as much as there are slots for, and nothing that matters less than something left
// out. Somebody who is away is shown no more than before.
func (c *crowd) checkSlots(p *player, owners map[*sfu.Publication]*player) {
	wanted := c.wanted(p, owners)
	slots, shown := map[sfu.Kind]int{}, map[*sfu.Publication]bool{}
	for _, slot := range p.peer.Slots() {
		slots[slot.Kind()]++
		pub := slot.Showing()
		if pub == nil {
			continue
		}
		if _, ok := wanted[pub]; !ok || shown[pub] {
			whose := "somebody who has gone"
			if owner := owners[pub]; owner != nil {
				whose = owner.id + " in " + string(owner.place)
			}
			c.t.Errorf("%s in %s is shown the %s of %s (twice: %v)", p.id, p.place, c.stage.mids[pub.MID()], whose, shown[pub])
		}
		shown[pub] = true
	}
	if c.facts[p.id].away {
		return
	}
	if p.view == ViewOne {
		slots[sfu.Video] = min(1, slots[sfu.Video])
	}
	for _, kind := range []sfu.Kind{sfu.Audio, sfu.Video} {
		least, most, n, all := rankOther, rankFirst, 0, 0 // the least that matters of what is left out, the most of what is shown
		for pub, r := range wanted {
			switch {
			case pub.Kind() != kind:
				continue
			case shown[pub]:
				most = max(most, r)
				n++
			default:
				least = min(least, r)
			}
			all++
		}
		if n != min(all, slots[kind]) || most > least {
			c.t.Errorf("%s is shown %d of %d (kind %d) in %d slots; rank %d is shown, rank %d left out", p.id, n, all, kind, slots[kind], most, least)
		}
	}
}

// checkRoster wants the player to know of exactly those they may, as they are, and nothing that is not for them.
func (c *crowd) checkRoster(p *player) {
	if c.facts[p.id].away {
		return
	}
	want := map[string]Member{}
	for _, o := range c.here {
		if o != p && p.place == Visit && (o.place == Visit || p.role == auth.Clinician) {
			m := c.facts[o.id].view
			if p.role != auth.Clinician {
				m.Hearing = ""
			}
			want[o.id] = m
		}
	}
	if len(want) != len(p.roster) {
		c.t.Errorf("%s in %s knows of %v, should of %v", p.id, p.place, p.roster, want)
		return
	}
	leads := 0
	for id, m := range want {
		got := p.roster[id]
		if got != m {
			c.t.Errorf("%s believes %+v, but it is %+v", p.id, got, m)
		}
		if got.Hearing != "" && !c.private || got.Check != nil && got.Place != Waiting || got.Place == Waiting && got.Media != (Media{}) {
			c.t.Errorf("%s was told too much: %+v", p.id, got)
		}
		if got.Lead {
			leads++
		}
	}
	if leads > 1 {
		c.t.Errorf("%s believes that %d lead", p.id, leads)
	}
}
