package sfu

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// PeerEvents tell what becomes of a peer. Each is called at most once, on a goroutine of its own, with no lock of this package held; nil is
// allowed. Lost says that the peer ended by itself: its network was gone for long, or the other side closed. It isn't called after Close.
type PeerEvents struct{ Connected, Lost func() }

// Peer is one participant's transport: what it publishes comes in, what its slots show goes out.
type Peer struct {
	engine    *Engine
	events    PeerEvents
	transport transport

	negotiating sync.Mutex // one Answer at a time
	renamed     int        // streams that offers put in the place of others; guarded by negotiating

	up         atomic.Bool  // packets can be sent
	trip       atomic.Int64 // round trip, ns; 0: unknown
	way        atomic.Pointer[Way]
	fresh      atomic.Int64 // what came before this, by the engine's clock, is not shown to the peer any more, nor what it sent; 0: all may be
	negotiated atomic.Pointer[numbers]
	feedback   feedback

	waking  chan struct{} // wakes the reporting goroutine; holds one
	done    chan struct{} // closed by Close
	running sync.WaitGroup
	once    struct{ connected, lost, closed sync.Once }

	mu           sync.Mutex // under it only a publication's mu may be taken
	ended        bool
	streams      map[uint32]stream // by the SSRC they come with
	outgoing     map[uint32]*Slot  // by SSRC
	opened       int               // SSRCs that ever came in
	told         int               // streams that only packets told of
	publications []*Publication    // by m-line
	slots        []*Slot           // by m-line
}

// numbers are the payload types and header-extension ids a peer negotiated; with BUNDLE they mean the same on every m-line (RFC 9143 section 9.1).
type numbers struct {
	codecs                  [128]codec
	mid, level, transportCC uint8 // header extensions; 0: not negotiated
}

func newPeer(e *Engine, events PeerEvents) *Peer {
	p := &Peer{
		engine: e, events: events,
		waking: make(chan struct{}, 1), done: make(chan struct{}),
		streams: map[uint32]stream{}, outgoing: map[uint32]*Slot{},
	}
	p.negotiated.Store(&numbers{})
	return p
}

// Answer negotiates: it takes the client's offer (the first one connects) and gives the answer. Publications and slots of the offer exist when it
// returns. An error that wraps ErrOffer is the offer's fault. After an error the peer may be half negotiated: close it.
func (p *Peer) Answer(ctx context.Context, offer string) (string, error) {
	if err := CheckOffer(offer); err != nil {
		return "", err
	}
	offered := read(offer)
	if err := offered.check(); err != nil {
		return "", err
	}
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if p.isClosed() {
		return "", fmt.Errorf("sfu: answer: peer: %w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("sfu: answer: %w", err)
	}
	if err := p.countRenamed(offered); err != nil {
		return "", err
	}
	slots := p.newSlots(offered)
	answer, err := p.transport.answer(ctx, withoutCandidates(offer), slots)
	if err != nil {
		return "", fmt.Errorf("sfu: answer: %w", err)
	}
	p.learn(offered, read(answer))
	if !p.addSlots(slots) {
		return "", fmt.Errorf("sfu: answer: peer: %w", ErrClosed)
	}
	return withCandidates(answer, *p.engine.announced.Load(), p.engine.tcpPort), nil
}

// mostMID is the longest name of a m-line, in bytes; browsers count.
const mostMID = 32

// check refuses what can be read but not answered.
func (d description) check() error {
	seen := map[string]bool{}
	for _, m := range d.media {
		switch {
		case m.mid == "" || len(m.mid) > mostMID || strings.ContainsFunc(m.mid, outsideToken):
			return refuse("a m= line without a good a=mid")
		case seen[m.mid]:
			return refuse("two m= lines with one a=mid")
		case m.direction == "sendrecv":
			return refuse("a m= line that is neither send-only nor receive-only")
		}
		seen[m.mid] = true
	}
	return nil
}

// mostRenamed is how many streams of known m-lines a peer's offers may ever name anew: browsers keep the names. Each costs the memory of a new
// encoding.
const mostRenamed = 16

// countRenamed refuses an offer that names too many streams anew. Called with negotiating held.
func (p *Peer) countRenamed(offered description) error {
	have := p.Publications()
	for _, m := range offered.media {
		i := slices.IndexFunc(have, func(pub *Publication) bool { return pub.mid == m.mid })
		if i < 0 || m.direction != "sendonly" || m.ssrc == 0 || !have[i].named(m.ssrc) {
			continue
		}
		if p.renamed++; p.renamed > mostRenamed {
			return refuse("over %d streams under another a=ssrc than before", mostRenamed)
		}
	}
	return nil
}

// outsideToken says that a m-line's name may not have this character (token of RFC 8866 section 9).
func outsideToken(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]`, r)
}

// newSlots makes a slot for each receive-only line there is none for yet.
func (p *Peer) newSlots(offered description) []*Slot {
	var added []*Slot
	have := p.Slots()
	for _, m := range offered.media {
		known := slices.ContainsFunc(have, func(s *Slot) bool { return s.mid == m.mid })
		if m.direction != "recvonly" || known {
			continue
		}
		var level uint8
		if m.kind == Audio {
			level = m.extensions[extensionLevel]
		}
		added = append(added, newSlot(p, m.mid, m.kind, level))
	}
	return added
}

// learn notes what the peer publishes and the numbers that were agreed on.
func (p *Peer) learn(offered, answered description) {
	agreed := *p.negotiated.Load()
	for _, m := range answered.media {
		for payloadType, c := range m.codecs {
			if c != codecNone {
				agreed.codecs[payloadType] = c
			}
		}
		agreed.mid = max(agreed.mid, m.extensions[extensionMID])
		agreed.level = max(agreed.level, m.extensions[extensionLevel])
		agreed.transportCC = max(agreed.transportCC, m.extensions[extensionTransportCC])
	}
	p.negotiated.Store(&agreed)
	repairable := map[string]bool{}
	for _, m := range answered.media {
		repairable[m.mid] = m.nack
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range offered.media {
		if m.direction != "sendonly" {
			continue
		}
		i := slices.IndexFunc(p.publications, func(pub *Publication) bool { return pub.mid == m.mid })
		if i < 0 {
			i = len(p.publications)
			// A new list: callers hold the old one.
			p.publications = append(slices.Clone(p.publications), newPublication(p, m.mid, m.kind))
		}
		p.publications[i].repairable.Store(repairable[m.mid])
		if m.ssrc == 0 {
			continue // told by the mid extension of its first packets
		}
		e := p.publications[i].encoding(m.ssrc)
		p.carry(m.ssrc, stream{encoding: e})
		if m.repair != 0 {
			p.carry(m.repair, stream{encoding: e, repairs: true})
		}
	}
}

// addSlots makes new slots known; false: the peer was closed meanwhile.
func (p *Peer) addSlots(added []*Slot) bool {
	outgoing := map[uint32]*Slot{} // before the peer's lock: a slot that writes may come to want that, holding its own
	for _, s := range added {
		for _, ssrc := range s.sources() {
			outgoing[ssrc] = s
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.slots = append(slices.Clone(p.slots), added...)
	maps.Copy(p.outgoing, outgoing)
	return true
}

// Publications are what the peer offered to send, by m-line. Negotiation adds to them and takes none away.
func (p *Peer) Publications() []*Publication {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.publications
}

// Slots are what the peer can be shown things on, by m-line. Negotiation adds to them and takes none away.
func (p *Peer) Slots() []*Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slots
}

// BeginAfresh keeps whatever came before now from the peer, and what it sent before now from all others: no slot that is pointed from now on begins
// with a picture that is here already. Call it for somebody who comes in, before slots are pointed.
func (p *Peer) BeginAfresh() { p.fresh.Store(p.engine.clock()) }

// Close ends the peer: its slots show nothing, and no slot shows what it published. It waits until nothing of it runs any more, except
// events under way. Calling it again does nothing.
func (p *Peer) Close() error {
	var err error
	p.once.closed.Do(func() {
		p.mu.Lock()
		p.ended = true
		publications, slots := p.publications, p.slots
		p.mu.Unlock()
		close(p.done)
		for _, pub := range publications {
			pub.close()
		}
		for _, s := range slots {
			s.close()
		}
		err = p.transport.close()
		p.running.Wait()
		p.engine.forget(p)
	})
	return err
}

func (p *Peer) isClosed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// connected is the transport's word that packets can be sent now.
func (p *Peer) connected() {
	if p.isClosed() {
		return
	}
	p.up.Store(true)
	p.wake()
	for _, s := range p.Slots() {
		if pub := s.Showing(); pub != nil {
			pub.requestKeyFrame() // what came before had nowhere to go
		}
	}
	for _, pub := range p.Publications() {
		if len(*pub.slots.Load()) > 0 {
			pub.requestKeyFrame() // after an outage: what it sent meanwhile never came
		}
	}
	p.once.connected.Do(func() {
		if p.events.Connected != nil {
			p.events.Connected()
		}
	})
}

// lost is the transport's word that it has ended.
func (p *Peer) lost() {
	if p.isClosed() {
		return
	}
	p.up.Store(false)
	p.once.lost.Do(func() {
		if p.events.Lost != nil {
			p.events.Lost()
		}
	})
}

func (p *Peer) isConnected() bool { return p.up.Load() }

// roundTrip as last measured; 0: unknown.
func (p *Peer) roundTrip() time.Duration { return time.Duration(p.trip.Load()) }

// Way by which packets travel, as last looked; empty: not known yet. It never waits.
func (p *Peer) Way() Way {
	if way := p.way.Load(); way != nil {
		return *way
	}
	return ""
}

// wake makes the reporting goroutine look what is due.
func (p *Peer) wake() {
	select {
	case p.waking <- struct{}{}:
	default:
	}
}

// Stats since the peer was made.
func (p *Peer) Stats() Stats {
	s := Stats{Connected: p.isConnected(), RoundTrip: p.roundTrip()}
	for _, pub := range p.Publications() {
		s.Publications = append(s.Publications, pub.stats())
	}
	for _, slot := range p.Slots() {
		s.Slots = append(s.Slots, slot.statistics())
	}
	return s
}
