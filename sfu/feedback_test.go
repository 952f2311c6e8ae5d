package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// reported are the transport-wide numbers that the packets cover, come or not.
func reported(packets []rtcp.Packet) (numbers int) {
	for _, p := range packets {
		if r, ok := p.(*rtcp.TransportLayerCC); ok {
			numbers += int(r.PacketStatusCount)
		}
	}
	return numbers
}

func TestFeedbackIsBoundByWhatCame(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    uint16
		most    int // numbers reported on in all
		atLeast int
		reports int
	}{
		{"in order", 1, 2048, 2048, 4},
		{"a tenth comes", 10, 20_480, 20_471, 4},
		{"jumps", 32_000, 4, 4, 4},
		{"jumps back", 40_000, 4, 4, 4},
		{"just too far", farApart + 1, 4, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f feedback
			var seq uint16
			at := int64(time.Hour)
			numbers := 0
			for range c.reports {
				for range feedbackNotes {
					seq += c.step
					f.note(1, seq, at)
					at += 97_000
				}
				numbers += reported(f.packets(reportingSSRC))
			}
			if numbers > c.most || numbers < c.atLeast {
				t.Errorf("%d numbers were reported on, want %d to %d", numbers, c.atLeast, c.most)
			}
			f.note(1, seq+1, at) // whatever was before, what comes next is reported on
			if n := reported(f.packets(reportingSSRC)); n != 1 {
				t.Errorf("%d numbers were reported on, want 1", n)
			}
		})
	}
}

func TestFeedbackIsForKnownStreamsOnly(t *testing.T) {
	b := newBench(t, 0, false)
	stranger := b.publisher.openRTP(99)
	for seq := range uint16(10) {
		stranger.receive(packetBytes(99, typeVP8, seq, 0, picture(seq, true, 100)))
	}
	if b.publisher.feedback.waiting() {
		t.Error("packets of an unknown stream were noted")
	}
	b.frame(1, true)
	b.repairs.receive(packetBytes(repairSSRC, typeRepair, 2, 0, make([]byte, 100)))
	if n := reported(b.publisher.feedback.packets(reportingSSRC)); n != 2 {
		t.Errorf("%d numbers were reported on, want 2", n)
	}
}
