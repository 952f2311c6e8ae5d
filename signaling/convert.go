package signaling

import (
	"time"

	"housecall/auth"
	"housecall/rooms"
)

// messageOf turns what a room tells a member into a message. answer is that of the member's first offer, which joined carries.
func messageOf(u rooms.Update, answer string) ToClient {
	switch u := u.(type) {
	case rooms.Joined:
		return Joined{You: You{ID: u.You.ID, Name: u.You.Name, Role: u.You.Role}, Answer: answer, Position: positionOf(u.Position)}
	case rooms.Moved:
		return Moved{positionOf(u.Position)}
	case rooms.Need:
		return Need{Audio: u.Audio, Video: u.Video}
	case rooms.Slots:
		slots := make([]Slot, 0, len(u))
		for _, s := range u {
			slots = append(slots, Slot{MID: s.MID, Member: s.Member, Source: s.Source})
		}
		return Slots{slots}
	case rooms.Changed:
		return Changed{memberOf(u.Member)}
	case rooms.Left:
		return Left{u.Member}
	case rooms.Said:
		return Said{lineOf(u)}
	case rooms.Speaking:
		return Speaking{append([]string{}, u...)}
	}
	return nil
}

func positionOf(p rooms.Position) Position {
	out := Position{Place: p.Place, Since: wireTime(p.Since), May: []string{}, Members: []Member{}, Chat: []Line{}}
	for _, action := range p.May {
		out.May = append(out.May, nameOf(action))
	}
	for _, m := range p.Members {
		out.Members = append(out.Members, memberOf(m))
	}
	for _, s := range p.Chat {
		out.Chat = append(out.Chat, lineOf(s))
	}
	return out
}

// nameOf is the name of an action in the protocol: that of the message which asks for it.
func nameOf(a auth.Action) string {
	switch a {
	case auth.VisitAdmit:
		return Admit{}.kind()
	case auth.VisitChat:
		return Chat{}.kind()
	case auth.VisitEnd:
		return End{}.kind()
	}
	return string(a)
}

func memberOf(m rooms.Member) Member {
	return Member{ID: m.ID, Name: m.Name, Role: m.Role, Place: m.Place, Since: wireTime(m.Since), Media: Media(m.Media)}
}

func lineOf(s rooms.Said) Line {
	return Line{ID: s.ID, From: Sender{ID: s.From.ID, Name: s.From.Name}, Text: s.Text, At: wireTime(s.At)}
}

// wireTime is a time as the protocol has it: UTC, to the millisecond.
func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
