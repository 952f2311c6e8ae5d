package sfu

// Totals of an engine since it was made. What a peer counted stays in them when it ends.
type Totals struct {
	Peers      int // now
	Connected  int // of them
	RoundTrips []float64
	Audio      Traffic
	Video      Traffic
}

// Traffic of all peers, of one kind.
type Traffic struct {
	Received PublicationStats // MID is empty
	Sent     SlotStats        // MID is empty; FractionLost says nothing
}

// Totals adds up what all peers count.
func (e *Engine) Totals() Totals {
	e.mu.Lock()
	total := Totals{Audio: e.finished.Audio, Video: e.finished.Video}
	var peers []*Peer
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()
	for _, p := range peers {
		s := p.Stats()
		total.add(s)
		total.Peers++
		if s.Connected {
			total.Connected++
		}
		if s.RoundTrip > 0 {
			total.RoundTrips = append(total.RoundTrips, s.RoundTrip.Seconds())
		}
	}
	return total
}

func (t *Totals) of(kind Kind) *Traffic {
	if kind == Audio {
		return &t.Audio
	}
	return &t.Video
}

// add counts what a peer did.
func (t *Totals) add(s Stats) {
	for _, p := range s.Publications {
		t.of(p.Kind).Received.add(p)
	}
	for _, slot := range s.Slots {
		t.of(slot.Kind).Sent.add(slot)
	}
}
