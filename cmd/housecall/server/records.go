package server

import (
	"context"
	"errors"
	"fmt"

	"housecall/rooms"
	"housecall/visits"
)

// records is where rooms keep what must last: visits, of a server that is made when the first room opens.
type records struct{ server *Server }

// Open implements rooms.Transcript.
func (r records) Open(ctx context.Context, visit string, epoch int64, latest int) (rooms.Record, error) {
	kept, private, err := r.server.Visits.OpenRoom(ctx, visit, epoch, latest)
	var used *visits.EpochUsedError
	if errors.As(err, &used) {
		return rooms.Record{}, &rooms.EpochUsedError{Highest: used.Highest}
	}
	if err != nil {
		return rooms.Record{}, err
	}
	lines := make([]rooms.Line, 0, len(kept))
	for _, l := range kept {
		lines = append(lines, rooms.Line{Audience: l.Audience, Said: rooms.Said{ID: l.ID, Text: l.Text, At: l.At,
			From: rooms.Person{ID: l.Session, Name: l.Name, Role: l.Role}}})
	}
	told, err := r.server.Visits.Told(ctx, visit) // nobody else can add to it since the room was opened with this epoch
	if err != nil {
		return rooms.Record{}, err
	}
	notices := make([]rooms.Notice, 0, len(told))
	for _, n := range told {
		notices = append(notices, rooms.Notice{By: n.By, Told: rooms.Told{Note: rooms.Note{ID: n.ID, Text: n.Text, Ready: n.Ready}, Member: n.Session, At: n.At}})
	}
	return rooms.Record{Said: lines, Private: private, Told: notices}, nil
}

// Keep implements rooms.Transcript.
func (r records) Keep(ctx context.Context, visit string, epoch int64, line rooms.Line) (rooms.Line, error) {
	kept, err := r.server.Visits.KeepLine(ctx, epoch, visits.ChatLine{Visit: visit, Session: line.From.ID, ID: line.ID, Text: line.Text, At: line.At,
		Audience: line.Audience})
	if err != nil {
		return rooms.Line{}, lostOf(err)
	}
	line.Text, line.At, line.Audience = kept.Text, kept.At, kept.Audience
	return line, nil
}

// KeepTold implements rooms.Transcript.
func (r records) KeepTold(ctx context.Context, visit string, epoch int64, notices []rooms.Notice) error {
	told := make([]visits.Notice, 0, len(notices))
	for _, n := range notices {
		told = append(told, visits.Notice{Visit: visit, Session: n.Member, By: n.By, ID: n.ID, Text: n.Text, Ready: n.Ready, At: n.At})
	}
	return lostOf(r.server.Visits.KeepTold(ctx, visit, epoch, told))
}

// write makes what happened in a room last.
func (r records) write(ctx context.Context, e rooms.Event) error {
	return lostOf(r.server.Visits.OnRoomEvent(ctx, eventOf(e)))
}

// lostOf tells a room in its own words that another node hosts it by now.
func lostOf(err error) error {
	if errors.Is(err, visits.ErrNotHost) {
		return fmt.Errorf("%w: %w", rooms.ErrLost, err)
	}
	return err
}
