package server

import (
	"slices"
	"testing"

	"housecall/rooms"
	"housecall/sfu"
	"housecall/visits/after"
)

// TestSamples: of what is sent to somebody, the pictures are told by their shorter side, whichever way a phone is held, and loss as the mean of what they report.
func TestSamples(t *testing.T) {
	line := rooms.MediaLine{Visit: "v", Session: "s", Stats: sfu.Stats{Slots: []sfu.SlotStats{
		{MID: "1", Kind: sfu.Audio, Packets: 100},
		{MID: "2", Kind: sfu.Video, Packets: 300, FractionLost: 64, Frames: 30, Width: 720, Height: 1280},
		{MID: "3", Kind: sfu.Video},
	}}}
	got := sampler{}.samples([]rooms.MediaLine{line})[0]
	if want := []after.Picture{{Slot: "2", Lines: 720, Frames: 30}, {Slot: "3"}}; !slices.Equal(got.Pictures, want) {
		t.Errorf("pictures %+v", got.Pictures)
	}
	if got.Sent != 400 || got.SentLost != 0.1875 {
		t.Errorf("%d packets sent, %v lost", got.Sent, got.SentLost)
	}
}
