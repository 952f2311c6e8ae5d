package server

import (
	"context"
	"maps"
	"time"

	"housecall/rooms"
	"housecall/sfu"
	"housecall/visits/after"
)

// sampleEvery is how often everybody's connection is looked at for the visits' records.
const sampleEvery = 2 * time.Second

// measure has how people's connections are written down for the visits' records, until Close.
func (s *Server) measure() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	line, sampler := s.after.NewLine(), sampler{}
	take := func(ctx context.Context, all []after.Sample) {
		if err := line.Take(ctx, s.config.Now(), all); err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("how connections are could not be written", "error", err)
		}
	}
	s.work.Go(func() {
		defer close(ended)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				take(ctx, sampler.samples(s.cluster.host.Lines()))
			case <-ctx.Done():
				return
			}
		}
	})
	s.onClose(func(closing context.Context) error {
		cancel()
		<-ended
		take(closing, nil) // all go
		return nil
	})
}

// sampler makes samples of lines; it remembers what each slot had sent before.
type sampler map[string]uint64

// samples are lines as records know them. Loss towards somebody is the mean of what they report of the slots that send now.
func (before sampler) samples(lines []rooms.MediaLine) []after.Sample {
	sent := sampler{}
	var all []after.Sample
	for _, l := range lines {
		o := after.Sample{Visit: l.Visit, Session: l.Session, Invitation: l.Invitation, Connected: l.Stats.Connected && !l.Away, Way: string(l.Way), RoundTrip: l.Stats.RoundTrip,
			HasSound: l.Media.Microphone && !l.Alone, HasCamera: l.Media.Camera && !l.Alone}
		for _, p := range l.Stats.Publications {
			o.Received += p.Packets - min(p.Packets, p.Repaired)
			o.Lost += p.Repaired + p.GivenUp
			if p.Kind == sfu.Audio {
				o.Sound += p.Packets
			} else {
				o.Picture += p.Packets
			}
		}
		var lost, went float64
		for _, slot := range l.Stats.Slots {
			key := l.Session + " " + slot.MID
			now := float64(slot.Packets - min(before[key], slot.Packets))
			lost, went = lost+now*float64(slot.FractionLost)/256, went+now
			o.Sent, sent[key] = o.Sent+slot.Packets, slot.Packets
			if slot.Kind == sfu.Video {
				o.Pictures = append(o.Pictures, after.Picture{Slot: slot.MID, Lines: int(min(slot.Width, slot.Height)), Frames: slot.Frames})
			}
		}
		if went > 0 {
			o.SentLost = lost / went
		}
		all = append(all, o)
	}
	clear(before)
	maps.Copy(before, sent)
	return all
}
