package signaling

import "housecall/rooms"

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
	switch m := m.(type) {
	case Offer:
		return s.offer(m)
	case SetMedia:
		return s.seat.SetMedia(s.ctx, rooms.Media(m.Media))
	case SetView:
		return s.seat.SetView(s.ctx, m.Video)
	case SetLine:
		return s.seat.SetLine(s.ctx, m.Line)
	case SetCheck:
		return s.seat.SetCheck(s.ctx, rooms.Check(m.Check))
	case Chat:
		return s.seat.Chat(s.ctx, m.ID, m.Text)
	case Admit:
		return s.seat.Admit(s.ctx, m.Member)
	case Return:
		return s.seat.Return(s.ctx, m.Member)
	case Decline:
		return s.seat.Decline(s.ctx, m.Member)
	case Remove:
		return s.seat.Remove(s.ctx, m.Member)
	case SetPrivate:
		return s.seat.SetPrivate(s.ctx, m.On)
	case SetHearing:
		return s.seat.SetHearing(s.ctx, m.Answer)
	case Tell:
		return s.seat.Tell(s.ctx, m.ID, m.Member, m.Text)
	case Lead:
		return s.seat.HandOver(s.ctx, m.Member)
	case Sign:
		return s.seat.Sign(s.ctx, m.Member, m.On)
	case End:
		return s.seat.End(s.ctx)
	}
	return refuse("join a second time")
}
