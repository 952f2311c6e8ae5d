package sfu

import (
	"sync"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// feedback collects when packets came, by their transport-wide number, for the publisher's bandwidth estimate
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). The packet path only writes into an array; the reporting goroutine makes packets of it.
type feedback struct {
	mu    sync.Mutex
	count int
	notes [feedbackNotes]feedbackNote

	// The reporting goroutine's.
	recorder *twcc.Recorder
	last     uint16 // number recorded last
}

type feedbackNote struct {
	at   int64 // ns
	ssrc uint32
	seq  uint16
}

// feedbackNotes is the most packets noted between two reports, some 5 Mbit/s at one report in 50 ms; others are reported as not come.
const feedbackNotes = 512

// farApart is how far a transport-wide number may be from the last: further means that the sender counts anew. The recorder has a place for each
// number between, and looks at all of them for each report.
const farApart = 1000

// note one packet; true: the reporting goroutine has something to do.
func (f *feedback) note(ssrc uint32, seq uint16, at int64) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == len(f.notes) {
		return false
	}
	f.notes[f.count] = feedbackNote{at: at, ssrc: ssrc, seq: seq}
	f.count++
	return f.count == 1
}

// packets reports what was noted since the last call.
func (f *feedback) packets(sender uint32) []rtcp.Packet {
	var taken [feedbackNotes]feedbackNote
	f.mu.Lock()
	count := copy(taken[:], f.notes[:f.count])
	f.count = 0
	f.mu.Unlock()
	if count == 0 {
		return nil
	}
	for _, n := range taken[:count] {
		step := int16(n.seq - f.last) //nolint:gosec // wraps on purpose
		if f.recorder == nil || step > farApart || step < -farApart {
			f.recorder = twcc.NewRecorder(sender)
		}
		f.last = n.seq
		f.recorder.Record(n.ssrc, n.seq, n.at/1000)
	}
	return f.recorder.BuildFeedbackPacket()
}

// waiting says whether anything was noted since the last report.
func (f *feedback) waiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count > 0
}
