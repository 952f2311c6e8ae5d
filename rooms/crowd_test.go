package rooms

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/sfu"
	"housecall/sfu/sfutest"
)

// dice decide what a crowd does: at random, or by the bytes of a fuzzer.
type dice interface{ IntN(n int) int }

// crowd plays many people who do anything at any time, and checks after every step that nobody gets anything from a place they
// are not in: no slot shows it and no message tells of it (property_test.go).
type crowd struct {
	*house
	dice   dice
	limits Limits
	stage  *stage
	here   []*player
	gone   []*player // since the last check
	nodes  int

	private bool                       // private time is on
	facts   map[string]fact            // by session, as the room has it after a step
	last    map[string]Place           // by session: where it was when last seen
	aside   map[string]bool            // by session: whether it was out for private time, or for want of a place after it, when last seen
	roles   map[string]auth.Role       // by session
	invited [7]int                     // by person: how often they were invited anew, since they were shown out
	lines   map[string]map[string]bool // by id of a line of chat: the sessions it is meant for
	notices map[string]told            // by id
}

// stage is what crowds that play one after the other can share: everybody's lines, and peers that nobody uses any more. Nobody connects.
type stage struct {
	engine *sfu.Engine
	offer  string
	mids   map[string]Source
	free   []*sfu.Peer
}

// newStage gives everybody all they can send, and as many slots of each kind. The caller closes its engine.
func newStage(t testing.TB, engine *sfu.Engine, slots int) *stage {
	t.Helper()
	s := &stage{engine: engine, mids: map[string]Source{}}
	client, err := sfutest.New(sfutest.Options{Microphones: 2, Cameras: 2, AudioSlots: slots, VideoSlots: slots})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if s.offer, err = client.Offer(); err != nil {
		t.Fatal(err)
	}
	for i, mid := range client.MicrophoneMIDs() {
		s.mids[mid] = []Source{Microphone, ScreenAudio}[i]
	}
	for i, mid := range client.CameraMIDs() {
		s.mids[mid] = []Source{Camera, Screen}[i]
	}
	return s
}

// peer returns a peer that has answered an offer and shows nothing.
func (s *stage) peer(c *crowd) *sfu.Peer {
	if n := len(s.free); n > 0 {
		peer := s.free[n-1]
		s.free = s.free[:n-1]
		return peer
	}
	peer, err := s.engine.NewPeer(sfu.PeerEvents{})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err = peer.Answer(c.ctx, s.offer); err != nil {
		c.t.Fatal(err)
	}
	return peer
}

// told is what somebody said to those who wait.
type told struct {
	by string
	to map[string]bool
}

// fact is how the room itself sees a member.
type fact struct {
	place    Place
	media    Media
	away     bool
	admitted bool
	view     Member
}

// player is one connection of the crowd.
type player struct {
	*guest
	person     int
	invitation string
	role       auth.Role
	media      Media
	view       View
	place      Place
	roster     map[string]Member // whom the messages say is here
	read       int               // updates checked so far
}

func newCrowd(h *house, stage *stage, limits Limits, dice dice) *crowd {
	return &crowd{
		house: h, dice: dice, limits: limits, stage: stage, facts: map[string]fact{}, last: map[string]Place{}, aside: map[string]bool{},
		roles: map[string]auth.Role{}, lines: map[string]map[string]bool{}, notices: map[string]told{},
	}
}

// one picks somebody who is here, or a clinician in the visit, who can do most, if that is wished.
func (c *crowd) one(clinician bool) *player {
	if clinician {
		if i := slices.IndexFunc(c.here, func(o *player) bool { return o.role == auth.Clinician && o.place == Visit }); i >= 0 {
			return c.here[i]
		}
	}
	return c.here[c.dice.IntN(len(c.here))]
}

// step lets somebody do something and says what.
func (c *crowd) step(n int) string {
	if len(c.here) == 0 || c.dice.IntN(5) == 0 {
		return c.arrives()
	}
	p, other := c.one(c.dice.IntN(3) > 0), c.one(false)
	if c.facts[p.id].away {
		return c.comesBack(p)
	}
	if done := c.goes(p, c.dice.IntN(60)); done != "" {
		return done
	}
	done, err := c.acts(n, p, other)
	done = fmt.Sprintf("%s %s (%s): %v", p.id, done, other.id, err)
	if err != nil && !errors.Is(err, fault.NotAllowed) && !errors.Is(err, fault.NotFound) && !errors.Is(err, ErrFull) {
		c.t.Error(done)
	}
	return done
}

// goes lets a player, or everybody, lose the place or the connection; empty: nobody does this time.
func (c *crowd) goes(p *player, what int) string {
	switch what {
	case 0, 1, 2:
		c.went(p)
		p.seat.Lost()
		return p.id + " is lost"
	case 3, 4:
		c.went(p)
		p.seat.Leave()
		return p.id + " leaves"
	case 5, 6, 7, 8:
		p.seat.Detach(p.box)
		return p.id + " is cut off"
	case 9:
		c.host.Remove(visitID, p.invitation, c.removal()-int64(c.dice.IntN(3)))
		return p.invitation + " is withdrawn"
	case 10:
		c.nodes++
		c.closeHost(c.host)
		c.host = c.newHost(fmt.Sprint("another-", c.nodes), c.limits)
		return "another node takes over"
	}
	return ""
}

// comesBack lets somebody whose connection was lost take it up again, or stay away for good.
func (c *crowd) comesBack(p *player) string {
	if c.dice.IntN(4) == 0 {
		c.went(p)
		p.seat.Lost()
		return p.id + " doesn't come back"
	}
	p.box, p.read = newInbox(0), 0
	if err := p.seat.Attach(c.ctx, p.box); err != nil {
		c.t.Errorf("%s resumes: %v", p.id, err)
	}
	return p.id + " resumes"
}

// acts lets a player ask for something that may concern another.
func (c *crowd) acts(n int, p, other *player) (string, error) {
	on := c.dice.IntN(2) == 0
	switch c.dice.IntN(28) {
	case 0, 1, 2, 3, 4, 5:
		return "admits", p.seat.Admit(c.ctx, other.id)
	case 6, 7, 8:
		c.lines[fmt.Sprint(n)] = c.audience()
		return "says something", p.seat.Chat(c.ctx, fmt.Sprint(n), "x")
	case 9, 10, 11:
		on = !c.private
		err := p.seat.SetPrivate(c.ctx, on)
		if err == nil {
			c.private = on
		}
		return fmt.Sprint("asks for private time ", on), err
	case 12, 13:
		return "moves back", p.seat.Return(c.ctx, other.id)
	case 14:
		return "declines", p.seat.Decline(c.ctx, other.id)
	case 15:
		err := p.seat.Remove(c.ctx, other.id)
		if err == nil {
			c.invited[other.person]++
		}
		return "removes", err
	case 16, 17:
		return "tells", c.tells(fmt.Sprint(n), p, other, on)
	case 18, 19:
		p.view = []View{ViewAll, ViewOne, ViewNone}[c.dice.IntN(3)]
		return "wants to see " + string(p.view), p.seat.SetView(c.ctx, p.view)
	case 20:
		return "says who signs", p.seat.Sign(c.ctx, other.id, on)
	case 21:
		return "says who hears", p.seat.SetHearing(c.ctx, []Hearing{HearingNobody, HearingSomebody, HearingSignal}[c.dice.IntN(3)])
	case 22, 23:
		return "hands over", p.seat.HandOver(c.ctx, other.id)
	case 24:
		return "measures", errors.Join(p.seat.SetLine(c.ctx, QualityWeak), p.seat.SetCheck(c.ctx, Check{LossPct: n}))
	}
	media := Media{Microphone: on, Camera: c.dice.IntN(2) == 0, Screen: c.dice.IntN(2) == 0}
	err := p.seat.SetMedia(c.ctx, media)
	if err == nil {
		p.media = media
	}
	return fmt.Sprintf("sends %+v", media), err
}

// tells says something to another, or to all who wait.
func (c *crowd) tells(id string, p, other *player, all bool) error {
	note, to := told{by: p.id, to: map[string]bool{}}, other.id
	if all {
		to = ""
	}
	for session, f := range c.facts {
		note.to[session] = f.place == Waiting && (all || session == to)
	}
	c.notices[id] = note
	return p.seat.Tell(c.ctx, to, Note{ID: id, Text: "x"})
}

// audience is whom a line said now may ever reach: whoever is in the visit, or was when they went, or went while private time kept them out, but for those
// whom it keeps out.
func (c *crowd) audience() map[string]bool {
	c.remember()
	audience := map[string]bool{}
	for session, place := range c.last {
		audience[session] = (place == Visit || c.aside[session]) && !c.walled(c.roles[session])
	}
	return audience
}

// remember keeps where everybody is, for when they are gone.
func (c *crowd) remember() {
	for session, f := range c.facts {
		c.last[session] = f.place
		c.aside[session] = f.place == Waiting && f.admitted
	}
}

// walled says whether private time keeps a role out. It is written out here, and not asked of the table.
func (c *crowd) walled(role auth.Role) bool {
	return c.private && (role == auth.Guardian || role == auth.Guest)
}

// arrives lets one of a few people come, on one of a few devices, who may be here already.
func (c *crowd) arrives() string {
	roles := []auth.Role{auth.Clinician, auth.Clinician, auth.Patient, auth.Guardian, auth.Observer, auth.Interpreter, auth.Guest}
	person := c.dice.IntN(len(roles))
	invitation := fmt.Sprintf("person-%d-%d", person, c.invited[person])
	p := &player{
		guest:  &guest{h: c.house, id: fmt.Sprintf("%s-device-%d", invitation, c.dice.IntN(3)), box: newInbox(0)},
		person: person, invitation: invitation, role: roles[person], roster: map[string]Member{}, view: ViewAll,
		media: Media{Microphone: c.dice.IntN(3) > 0, Camera: c.dice.IntN(3) > 0, Screen: c.dice.IntN(4) == 0},
	}
	if p.role == auth.Observer {
		p.media = Media{}
	}
	c.roles[p.id] = p.role
	p.peer = c.stage.peer(c)
	var err error
	p.seat, err = c.room().Join(c.ctx, Arrival{
		Session: p.id, Invitation: p.invitation, Name: phi.Text("Name of " + p.invitation), Role: p.role, Checked: c.removals,
		Peer: p.peer, Sources: c.stage.mids, Media: p.media, Outbox: p.box,
	})
	if errors.Is(err, ErrFull) || errors.Is(err, ErrCrowded) {
		c.gone = append(c.gone, p)
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

// look lets the room settle and sees how it has everybody now.
func (c *crowd) look() {
	room := c.room()
	facts, err := ask(c.ctx, room, func() (map[string]fact, error) {
		facts := map[string]fact{}
		for _, m := range room.members {
			facts[m.id] = fact{place: m.place, media: m.media, away: m.isAway(), admitted: room.admission(m.id) != nil, view: room.view(m)}
		}
		return facts, nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.remember()
	c.facts = facts
}
