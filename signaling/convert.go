package signaling

import (
	"strings"
	"time"

	"housecall/auth"
	"housecall/rooms"
)

// credentials are what a client needs for its connection beside what the room tells.
type credentials struct {
	answer string // to the first offer
	token  string // takes the connection up when it is lost
}

// messageOf turns what a room tells a member into a message.
func messageOf(u rooms.Update, c credentials) ToClient {
	switch u := u.(type) {
	case rooms.Joined:
		return Joined{You: You(u.You), Token: c.token, Answer: c.answer, Position: positionOf(u.Position)}
	case rooms.Resumed:
		return Resumed{You: You(u.You), Token: c.token, Position: positionOf(u.Position)}
	case rooms.Moved:
		return Moved{positionOf(u.Position)}
	case rooms.Relocated:
		return Relocated{}
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
	case rooms.Told:
		return Told{ID: u.ID, Member: u.Member, Text: u.Text, Ready: u.Ready, At: wireTime(u.At)}
	case rooms.Private:
		return Private{momentOf(u.Since)}
	case rooms.Signing:
		return Signing(u)
	case rooms.Switched:
		return Switched{Media(u.Media)}
	case rooms.Refused:
		refused, _ := refusalOf(u.Err)
		refused.Asked, refused.About = namesOf(u.Action)[0], u.About
		return refused
	case rooms.Speaking:
		return Speaking{append([]string{}, u...)}
	}
	return nil
}

func positionOf(p rooms.Position) Position {
	out := Position{
		Place: p.Place, Why: p.Why, Since: wireTime(p.Since), May: []string{}, Members: []Member{}, Chat: []Line{}, Told: []Notice{},
		Private: momentOf(p.Private), Started: momentOf(p.Started), Signing: p.Signing,
	}
	for _, action := range p.May {
		out.May = append(out.May, namesOf(action)...)
	}
	for _, m := range p.Members {
		out.Members = append(out.Members, memberOf(m))
	}
	for _, s := range p.Chat {
		out.Chat = append(out.Chat, lineOf(s))
	}
	for _, t := range p.Told {
		out.Told = append(out.Told, Notice{ID: t.ID, Text: t.Text, Ready: t.Ready, At: wireTime(t.At)})
	}
	return out
}

// namesOf are the names of an action in the protocol: those of the messages which ask for it, where there are any.
func namesOf(a auth.Action) []string {
	if a == auth.VisitRemove {
		return []string{Decline{}.kind(), Remove{}.kind()}
	}
	return []string{strings.TrimPrefix(string(a), "visit.")}
}

func memberOf(m rooms.Member) Member {
	out := Member{
		ID: m.ID, Name: m.Name, Role: m.Role, Place: m.Place, Since: wireTime(m.Since), Media: Media(m.Media),
		Line: m.Line, Away: m.Away, Lead: m.Lead, Signing: m.Signing, Device: m.Device, Hearing: m.Hearing,
	}
	if m.Check != nil {
		check := Check(*m.Check)
		out.Check = &check
	}
	return out
}

func lineOf(s rooms.Said) Line {
	return Line{ID: s.ID, From: Sender{ID: s.From.ID, Name: s.From.Name}, Text: s.Text, At: wireTime(s.At)}
}

// wireTime is a time as the protocol has it: UTC, to the millisecond.
func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// momentOf is a time that may never have been.
func momentOf(t time.Time) moment {
	if t.IsZero() {
		return ""
	}
	return moment(wireTime(t).Format(time.RFC3339Nano))
}
