package signaling

import (
	"housecall/platform/phi"
	"housecall/platform/typed"
	"housecall/rooms"
)

// do does what a message asks. An error ends the connection.
func (s *Session) do(m FromClient) error {
	if _, leaves := m.(Bye); leaves {
		return errBye
	}
	err := s.ask(m)
	if err == nil {
		return nil
	}
	refused, ok := refusalOf(err)
	if !ok {
		return err
	}
	refused.Asked, refused.About = m.kind(), aboutOf(m)
	if !s.push(refused) {
		s.shut(closeSlow)
	}
	return nil
}

// ask asks the room for what a message wants.
func (s *Session) ask(m FromClient) error {
	seat := s.participant.seat
	switch m := m.(type) {
	case Offer:
		return s.offer(m)
	case SetMedia:
		return seat.SetMedia(s.ctx, rooms.Media(m.Media))
	case SetView:
		return seat.SetView(s.ctx, m.Video)
	case SetLine:
		return seat.SetLine(s.ctx, m.Line)
	case SetCheck:
		return seat.SetCheck(s.ctx, rooms.Check(m.Check))
	case Chat:
		if m.Private {
			return seat.Confide(s.ctx, m.ID, prose(m.Text))
		}
		return seat.Chat(s.ctx, m.ID, prose(m.Text))
	case Admit:
		return seat.Admit(s.ctx, m.Member)
	case Return:
		return seat.Return(s.ctx, m.Member)
	case Decline:
		return seat.Decline(s.ctx, m.Member)
	case Remove:
		return seat.Remove(s.ctx, m.Member)
	case SetPrivate:
		return seat.SetPrivate(s.ctx, m.On)
	case SetHearing:
		return seat.SetHearing(s.ctx, m.Answer)
	case Tell:
		return seat.Tell(s.ctx, m.Member, rooms.Note{ID: m.ID, Text: prose(m.Text), Ready: m.Ready})
	case Lead:
		return seat.HandOver(s.ctx, m.Member)
	case Sign:
		return seat.Sign(s.ctx, m.Member, m.On)
	case End:
		return seat.End(s.ctx)
	}
	return refuse("join or resume a second time")
}

// prose is a text without what would have it read in another order than it is written. Where nothing else is in it, it stays, for no text is empty.
func prose(text phi.Text) phi.Text {
	if plain := typed.Prose(text.Reveal()); plain != "" {
		return phi.Text(plain)
	}
	return text
}
