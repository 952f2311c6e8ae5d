package rooms

import (
	"slices"

	"housecall/sfu"
)

// MediaLine is how somebody's media does who is in a visit now. It carries no name.
type MediaLine struct {
	Visit      string
	Session    string
	Invitation string
	Away       bool // the websocket is lost
	Media      Media
	Alone      bool // nobody else is in the visit
	Way        sfu.Way
	Stats      sfu.Stats // of their peer, since it was made
}

// memberLine is what a room knows of it, for whoever is not its goroutine.
type memberLine struct {
	session, invitation string
	away                bool
	media               Media
	peer                *sfu.Peer
}

// noticeLines keeps whose media is in the visit.
func (r *Room) noticeLines() {
	var all []memberLine
	for _, m := range r.members {
		if m.place == Visit {
			all = append(all, memberLine{m.id, m.invitation, m.isAway(), m.media, m.peer})
		}
	}
	if known := r.present.lines.Load(); known == nil || !slices.Equal(*known, all) {
		r.present.lines.Store(&all)
	}
}

// Lines gives how the media does of everybody who is in the visits that this node hosts. It asks no room, so it never waits.
func (h *Host) Lines() (all []MediaLine) {
	for visit, lines := range h.memberLines() {
		for _, l := range lines {
			all = append(all, MediaLine{Visit: visit, Session: l.session, Invitation: l.invitation, Away: l.away, Media: l.media, Alone: len(lines) == 1,
				Way: l.peer.Way(), Stats: l.peer.Stats()})
		}
	}
	return all
}

func (h *Host) memberLines() map[string][]memberLine {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string][]memberLine{}
	for visit, entry := range h.rooms {
		if r := entry.room; r != nil {
			if lines := r.present.lines.Load(); lines != nil {
				all[visit] = *lines
			}
		}
	}
	return all
}
