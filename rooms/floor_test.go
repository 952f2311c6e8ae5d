package rooms

import (
	"slices"
	"testing"
)

func TestFloor(t *testing.T) {
	type step struct {
		name    string
		heard   []heard
		order   []string
		changed bool
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"silence", []step{{"nobody", nil, nil, false}}},
		{"one begins and stops", []step{
			{"begins", []heard{{"ann", 30}}, []string{"ann"}, true},
			{"goes on", []heard{{"ann", 40}}, []string{"ann"}, false},
			{"stops", nil, nil, true},
			{"still silent", nil, nil, false},
		}},
		{"louder first", []step{{"both begin", []heard{{"ann", 40}, {"bob", 20}}, []string{"bob", "ann"}, true}}},
		{"equal: first come", []step{{"both begin", []heard{{"ann", 30}, {"bob", 30}}, []string{"ann", "bob"}, true}}},
		{"a newcomer takes its place", []step{
			{"two", []heard{{"ann", 20}, {"bob", 40}}, []string{"ann", "bob"}, true},
			{"a third", []heard{{"ann", 20}, {"bob", 40}, {"eve", 30}}, []string{"ann", "eve", "bob"}, true},
		}},
		{"a little louder changes nothing", []step{
			{"two", []heard{{"ann", 30}, {"bob", 32}}, []string{"ann", "bob"}, true},
			{"bob is louder", []heard{{"ann", 30}, {"bob", 28}}, []string{"ann", "bob"}, false},
		}},
		{"one syllable changes nothing, speech does", []step{
			{"two", []heard{{"ann", 30}, {"bob", 34}}, []string{"ann", "bob"}, true},
			{"bob coughs", []heard{{"ann", 30}, {"bob", 20}}, []string{"ann", "bob"}, false},
			{"bob goes on", []heard{{"ann", 30}, {"bob", 18}}, []string{"ann", "bob"}, false},
			{"and on", []heard{{"ann", 34}, {"bob", 18}}, []string{"bob", "ann"}, true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f floor
			for _, s := range c.steps {
				if changed := f.hear(s.heard); changed != s.changed || !slices.Equal(f.order, s.order) {
					t.Fatalf("%s: %v, changed %v; want %v, %v", s.name, f.order, changed, s.order, s.changed)
				}
			}
		})
	}
}
