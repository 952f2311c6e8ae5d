package rooms

import (
	"slices"
	"testing"

	"housecall/sfu"
)

// publications makes n distinct ones; point compares them and never looks inside.
func publications(n int) []*sfu.Publication {
	list := make([]*sfu.Publication, n)
	for i := range list {
		list[i] = new(sfu.Publication)
	}
	return list
}

// wishesOf gives each of what is sent its rank, or the last.
func wishesOf(sends []sent, ranks map[sent]rank) []wish {
	var list []wish
	for _, s := range sends {
		r, ranked := ranks[s]
		if !ranked {
			r = rankOther
		}
		list = append(list, wish{s, r})
	}
	return list
}

func TestPoint(t *testing.T) {
	p := publications(9)
	annMic, annCam := sent{"ann", Microphone, p[0]}, sent{"ann", Camera, p[1]}
	bobMic, bobCam := sent{"bob", Microphone, p[2]}, sent{"bob", Camera, p[3]}
	eveMic, eveCam := sent{"eve", Microphone, p[4]}, sent{"eve", Camera, p[5]}
	bobScreen, bobScreenAudio := sent{"bob", Screen, p[6]}, sent{"bob", ScreenAudio, p[7]}
	ranks := map[sent]rank{eveMic: rankFirst, bobScreen: rankScreen, bobScreenAudio: rankScreen} // eve interprets
	bobNewCam := sent{"bob", Camera, p[8]}
	none := sent{}
	a, v := sfu.Audio, sfu.Video
	slots := func(pairs ...any) (list []pointed) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, pointed{pairs[i].(sfu.Kind), pairs[i+1].(sent)})
		}
		return list
	}
	for _, c := range []struct {
		name  string
		slots []pointed
		sends []sent
		next  []sent
		short Need
	}{
		{"nobody", slots(a, none, v, none), nil, []sent{none, none}, Need{}},
		{"no slots", nil, []sent{bobMic, bobCam, eveCam}, []sent{}, Need{Audio: 1, Video: 2}},
		{"one comes", slots(a, none, v, none), []sent{bobMic, bobCam}, []sent{bobMic, bobCam}, Need{}},
		{"never one's own", slots(a, none, v, none), []sent{annMic, annCam, bobCam}, []sent{none, bobCam}, Need{}},
		{"own even if shown", slots(a, annMic), []sent{annMic}, []sent{none}, Need{}},
		{"audio and video apart", slots(v, none, a, none, a, none, v, none), []sent{bobMic, bobCam, eveMic, eveCam},
			[]sent{bobCam, bobMic, eveMic, eveCam}, Need{}},
		{"free slots of the other kind don't help", slots(a, none, a, none), []sent{bobCam}, []sent{none, none}, Need{Video: 1}},
		{"sticky when the first leaves", slots(v, bobCam, v, eveCam), []sent{eveCam}, []sent{none, eveCam}, Need{}},
		{"sticky whatever the order", slots(v, eveCam, v, bobCam), []sent{bobCam, eveCam}, []sent{eveCam, bobCam}, Need{}},
		{"a freed slot is used again", slots(v, none, v, eveCam), []sent{eveCam, bobCam}, []sent{bobCam, eveCam}, Need{}},
		{"a new publication of the same person", slots(v, bobCam, v, eveCam), []sent{bobNewCam, eveCam}, []sent{bobNewCam, eveCam}, Need{}},
		{"what is shown stays when slots run out", slots(v, eveCam), []sent{bobCam, eveCam}, []sent{eveCam}, Need{Video: 1}},
		{"muted", slots(a, bobMic, v, bobCam), []sent{bobCam}, []sent{none, bobCam}, Need{}},
		{"not twice", slots(v, bobCam, v, bobCam), []sent{bobCam}, []sent{bobCam, none}, Need{}},
		{"listed twice", slots(v, none, v, none), []sent{bobCam, bobCam}, []sent{bobCam, none}, Need{}},
		{"an interpreter is never left out", slots(a, bobMic), []sent{bobMic, eveMic}, []sent{eveMic}, Need{Audio: 1}},
		{"nor moved while heard", slots(a, bobMic, a, eveMic), []sent{bobMic, eveMic}, []sent{bobMic, eveMic}, Need{}},
		{"a screen before a face", slots(v, eveCam), []sent{eveCam, bobScreen}, []sent{bobScreen}, Need{Video: 1}},
		{"its sound before a voice, after the interpreter's", slots(a, none, a, none), []sent{bobMic, bobScreenAudio, eveMic},
			[]sent{bobScreenAudio, eveMic}, Need{Audio: 1}},
		{"a slot of a wrong kind is emptied", slots(a, bobCam, v, none), []sent{bobCam}, []sent{none, bobCam}, Need{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.slots)
			next, short := point("ann", c.slots, wishesOf(c.sends, ranks))
			if !slices.Equal(next, c.next) || short != c.short {
				t.Errorf("got %v, short %v\nwant %v, short %v", next, short, c.next, c.short)
			}
			if !slices.Equal(before, c.slots) {
				t.Error("changed its argument")
			}
			again := slices.Clone(c.slots)
			for i := range again {
				again[i].shows = next[i]
			}
			if settled, _ := point("ann", again, wishesOf(c.sends, ranks)); !slices.Equal(settled, next) {
				t.Errorf("not settled: %v, then %v", next, settled)
			}
		})
	}
}
