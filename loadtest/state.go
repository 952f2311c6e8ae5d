package loadtest

import (
	"maps"
	"slices"
	"time"
)

// Counts is what came on one slot.
type Counts struct {
	Packets, Bytes    uint64 // RTP as read, repaired packets included; bytes of payload
	Missing           uint64 // RTP numbers between the first and the newest that did not come, or not yet
	Frames, KeyFrames uint64 // whole ones, of video
	// On the clock of Steps; zero: none yet.
	FirstPacket, FirstKeyFrame time.Duration
}

// State is what a client knows at a moment.
type State struct {
	You       string         // member id; empty before `joined`
	Place     string         // "waiting" or "visit"; empty before `joined`
	Came      string         // the place as of `joined`
	Slots     []Slot         // as the server said last
	Members   []string       // ids of the others that the server told of last
	Lines     []Line         // of chat, in the order in which they stand or came since
	Doubled   int            // lines that came though they were there
	Offers    int            // sent, the first included
	Messages  map[string]int // received, by type
	Steps     Steps
	Received  map[string]Counts // by mid, of slots on which anything came
	Sent      uint64            // RTP packets
	KeysAsked uint64            // key-frame requests received
	Closed    bool
	CloseCode int // of the websocket, when the server closed it
}

// Shows returns the counts of the slot that shows a member's microphone or camera, and whether there is one.
func (s State) Shows(member, source string) (Counts, bool) {
	for _, slot := range s.Slots {
		if slot.Member == member && slot.Source == source {
			return s.Received[slot.MID], true
		}
	}
	return Counts{}, false
}

// slot is what a slot shows now, if anything.
func (c *Client) slot(mid string) (Slot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.state.Slots, func(s Slot) bool { return s.MID == mid })
	if i < 0 {
		return Slot{}, false
	}
	return c.state.Slots[i], true
}

// State returns what the client knows now.
func (c *Client) State() State {
	c.mu.Lock()
	state := c.state
	state.Slots, state.Lines, state.Members = slices.Clone(state.Slots), slices.Clone(state.Lines), slices.Clone(state.Members)
	state.Messages = maps.Clone(state.Messages)
	c.mu.Unlock()

	state.Sent, state.KeysAsked = c.peer.sent.Load(), c.peer.asked.Load()
	state.Received = map[string]Counts{}
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	for mid, s := range c.peer.sinks {
		state.Received[mid] = s.counts()
	}
	return state
}
