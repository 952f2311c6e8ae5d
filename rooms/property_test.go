package rooms

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// crowd plays many people who do anything at any time, and checks after every step that nobody gets anything from a place they
// are not in: no slot shows it and no message tells of it. It believes only what the members themselves were told of
// their place, and what the slots really show.
type crowd struct {
	*house
	random *rand.Rand
	offer  string // of everybody: nobody connects, so one will do
	mids   map[string]Source
	here   []*player
	gone   []*player
}

// player is one connection of the crowd.
type player struct {
	*guest
	invitation string
	role       auth.Role
	media      Media
	place      Place
	roster     map[string]Place // whom the messages say is here
	read       int              // updates checked so far
	away       bool             // the connection is lost
}

func TestNobodyGetsAnythingFromElsewhere(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := newHouse(t, Limits{InVisit: 5, Waiting: 6, Chat: 20})
			client, err := sfutest.New(*both(4))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			offer, err := client.Offer()
			if err != nil {
				t.Fatal(err)
			}
			c := &crowd{house: h, random: rand.New(rand.NewPCG(seed, 1)), offer: offer}
			c.mids = (&guest{client: client}).sources()
			for step := range 150 {
				done := c.step(step)
				c.settle()
				if c.check(); t.Failed() {
					t.Fatalf("after step %d: %s", step, done)
				}
			}
			if in, out := len(c.seenEvents(EventAdmitted)), len(c.seenEvents(EventLeft)); in < 5 || out < 5 {
				t.Errorf("the crowd did too little to show anything: %d came into the visit, %d left it", in, out)
			}
		})
	}
}

// step lets somebody do something and says what.
func (c *crowd) step(n int) string {
	if len(c.here) == 0 || c.random.IntN(4) == 0 {
		return c.arrives()
	}
	p := c.here[c.random.IntN(len(c.here))]
	other := c.here[c.random.IntN(len(c.here))]
	if p.away || c.random.IntN(8) == 0 {
		return c.lineBreaks(p)
	}
	var err error
	var done string
	switch c.random.IntN(10) {
	case 0:
		c.went(p)
		if c.random.IntN(2) == 0 {
			p.seat.Lost()
			return p.id + " is cut off"
		}
		p.seat.Leave()
		return p.id + " leaves"
	case 1:
		c.host.Remove(visitID, p.invitation, c.clock.Now().Add(-time.Duration(c.random.IntN(3))*time.Millisecond))
		return p.invitation + " is withdrawn"
	case 2, 3, 4, 5:
		if i := slices.IndexFunc(c.here, func(o *player) bool { return o.role == auth.Clinician && o.place == Visit }); i >= 0 && c.random.IntN(3) > 0 {
			p = c.here[i]
		}
		err, done = p.seat.Admit(c.ctx, other.id), p.id+" admits "+other.id
	case 6:
		err, done = p.seat.Chat(c.ctx, fmt.Sprint(n), "x"), p.id+" says something"
	default:
		p.media = Media{Microphone: c.random.IntN(2) == 0, Camera: c.random.IntN(2) == 0}
		err, done = p.seat.SetMedia(c.ctx, p.media), p.id+" switches"
	}
	if err != nil && !errors.Is(err, fault.NotAllowed) && !errors.Is(err, ErrFull) {
		c.t.Errorf("%s: %v", done, err)
	}
	return done
}

// where asks the room for the place of somebody who is away and was told nothing of it.
func (c *crowd) where(p *player) Place {
	place, err := ask(c.ctx, c.room(), func() (Place, error) { return p.seat.member.place, nil })
	if err != nil {
		c.t.Fatal(err)
	}
	return place
}

// lineBreaks loses a connection, or brings one back, perhaps before the room knows that it was lost.
func (c *crowd) lineBreaks(p *player) string {
	if !p.away && c.random.IntN(4) > 0 {
		p.away = true
		p.seat.Detach(p.box)
		return p.id + " is away"
	}
	p.away = false
	p.attach(0)
	p.read = 0
	if updates, _, _ := p.box.look(); len(updates) < 2 || kinds(updates[:2]) != "[Resumed Slots]" {
		c.t.Errorf("%s is back and told %s first", p.id, kinds(updates))
	}
	return p.id + " is back"
}

// arrives lets one of a few people come, on one of a few devices, who may be here already.
func (c *crowd) arrives() string {
	roles := []auth.Role{auth.Clinician, auth.Clinician, auth.Patient, auth.Guardian, auth.Observer, auth.Interpreter, auth.Guest}
	person := c.random.IntN(len(roles))
	p := &player{
		guest:      &guest{h: c.house, id: fmt.Sprintf("person-%d-device-%d", person, c.random.IntN(4)), box: newInbox(0)},
		invitation: fmt.Sprint("person-", person), role: roles[person], roster: map[string]Place{},
		media: Media{Microphone: c.random.IntN(3) > 0, Camera: c.random.IntN(3) > 0},
	}
	if p.role == auth.Observer {
		p.media = Media{}
	}
	var err error
	if p.peer, err = c.engine.NewPeer(sfu.PeerEvents{}); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = p.peer.Close() })
	if _, err = p.peer.Answer(c.ctx, c.offer); err != nil {
		c.t.Fatal(err)
	}
	c.clock.turn(time.Millisecond) // later than any withdrawal
	p.seat, err = c.room().Join(c.ctx, Arrival{
		Session: p.id, Invitation: p.invitation, Name: "x", Role: p.role, Checked: c.clock.Now(),
		Peer: p.peer, Sources: c.mids, Media: p.media, Outbox: p.box,
	})
	if errors.Is(err, ErrFull) {
		return p.id + " is refused"
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.here = append(c.here, p)
	return p.id + " arrives"
}

func (c *crowd) went(p *player) {
	c.here = slices.DeleteFunc(c.here, func(o *player) bool { return o == p })
	c.gone = append(c.gone, p)
}

// check compares everything that members were told, and everything their slots show, with where they are.
func (c *crowd) check() {
	for _, p := range slices.Clone(c.here) {
		if _, closed, _ := p.box.look(); closed != 0 {
			c.went(p)
		}
	}
	for _, p := range c.here {
		if updates, _, _ := p.box.look(); p.away && len(updates) > p.read {
			c.t.Errorf("%s is away, but was told %s", p.id, kinds(updates[p.read:]))
		}
		if c.readOn(p); p.away {
			p.place = c.where(p)
		}
	}
	owners := map[*sfu.Publication]*player{}
	for _, p := range c.here {
		for _, pub := range p.peer.Publications() {
			owners[pub] = p
		}
	}
	for _, p := range c.here {
		c.checkSlots(p, owners)
		if !p.away {
			c.checkRoster(p)
		}
	}
	for _, p := range c.gone {
		for _, slot := range p.peer.Slots() {
			if slot.Showing() != nil {
				c.t.Errorf("%s has gone, but is shown something", p.id)
			}
		}
	}
}

// readOn follows what a player was told; only where they are now, or were moved to, may it come from.
func (c *crowd) readOn(p *player) {
	updates, _, _ := p.box.look()
	for _, u := range updates[p.read:] {
		switch u := u.(type) {
		case Joined:
			p.takePosition(u.Position)
			continue
		case Resumed:
			p.takePosition(u.Position)
			continue
		case Slots:
			if p.place != Visit && len(u) == 0 {
				continue
			}
		case Moved:
			p.takePosition(u.Position)
			continue
		case Changed:
			p.roster[u.Member.ID] = u.Member.Place
		case Left:
			delete(p.roster, u.Member)
		}
		if p.place != Visit {
			c.t.Errorf("%s waits, but was told %s", p.id, kinds([]Update{u}))
		}
	}
	p.read = len(updates)
	if !p.away && p.place != Visit && len(p.roster) > 0 {
		c.t.Errorf("%s waits, but knows who is here", p.id)
	}
}

func (p *player) takePosition(at Position) {
	p.place, p.roster = at.Place, map[string]Place{}
	for _, m := range at.Members {
		p.roster[m.ID] = m.Place
	}
}

// checkSlots wants every slot to show what it may and nothing else: everything that others in the visit send, if
// the player is there too.
func (c *crowd) checkSlots(p *player, owners map[*sfu.Publication]*player) {
	shown := map[*sfu.Publication]bool{}
	for _, slot := range p.peer.Slots() {
		pub := slot.Showing()
		if pub == nil {
			continue
		}
		owner := owners[pub]
		switch {
		case owner == nil:
			c.t.Errorf("%s is shown somebody who has gone", p.id)
			continue
		case owner == p, p.place != Visit, owner.place != Visit, shown[pub]:
			c.t.Errorf("%s in %s is shown %s in %s (twice: %v)", p.id, p.place, owner.id, owner.place, shown[pub])
		case !owner.media.on(c.mids[pub.MID()]):
			c.t.Errorf("%s is shown the %s of %s, which is off", p.id, c.mids[pub.MID()], owner.id)
		}
		shown[pub] = true
	}
	for pub, owner := range owners {
		if p.away {
			break // is shown nothing new
		}
		wanted := owner != p && p.place == Visit && owner.place == Visit && owner.media.on(c.mids[pub.MID()]) && owner.role != auth.Observer
		if wanted && !shown[pub] {
			c.t.Errorf("%s is not shown the %s of %s", p.id, c.mids[pub.MID()], owner.id)
		}
	}
}

// checkRoster wants the player to know of exactly those they may.
func (c *crowd) checkRoster(p *player) {
	want := map[string]Place{}
	for _, o := range c.here {
		if o != p && p.place == Visit && (o.place == Visit || p.role == auth.Clinician) {
			want[o.id] = o.place
		}
	}
	if len(want) != len(p.roster) {
		c.t.Errorf("%s in %s knows of %v, should of %v", p.id, p.place, p.roster, want)
		return
	}
	for id, place := range want {
		if p.roster[id] != place {
			c.t.Errorf("%s believes %s in %q, who is in %q", p.id, id, p.roster[id], place)
		}
	}
}
