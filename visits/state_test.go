package visits

import (
	"strings"
	"testing"
)

// TestNext tries every state with every event.
func TestNext(t *testing.T) {
	events := []event{eventOpened, eventAdmitted, eventEnded, eventCancel, eventClose, eventNoShow, eventCame, "unheard of"}
	const no = State("") // not possible
	table := map[State][]State{
		//           opened      admitted    ended  cancel     close   no_show came
		Scheduled:  {Open, InProgress, Ended, Cancelled, NoShow, NoShow, Scheduled, no},
		Open:       {Open, InProgress, Ended, Cancelled, NoShow, NoShow, Open, no},
		InProgress: {InProgress, InProgress, Ended, Ended, Ended, no, InProgress, no},
		Ended:      {no, no, Ended, no, Ended, no, no, no},
		Cancelled:  {no, no, no, Cancelled, no, no, no, no},
		NoShow:     {NoShow, InProgress, NoShow, no, NoShow, NoShow, Open, no},
	}
	if len(table) != len(States()) {
		t.Fatal("the table does not have every state")
	}
	for from, row := range table {
		for i, want := range row {
			to, ok := next(from, events[i])
			if ok != (want != no) || ok && to != want || !ok && to != from {
				t.Errorf("%s, %s: %s, %v; want %q", from, events[i], to, ok, want)
			}
			if ok && from.Over() && from != NoShow && to != from {
				t.Errorf("%s, %s: a visit that was over moved", from, events[i])
			}
		}
	}
	if _, ok := next("unheard of", eventOpened); ok {
		t.Error("a state nobody knows moved")
	}
}

func TestCodes(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	seen := map[string]bool{}
	for _, invitation := range []string{"a", "b", "a|1"} {
		for generation := range 12 {
			code := linkCode(key, invitation, generation)
			if !looksLikeCode(code) || seen[code] {
				t.Errorf("code %q of %s|%d is odd or was there before", code, invitation, generation)
			}
			seen[code] = true
			if code != linkCode(key, invitation, generation) {
				t.Error("a code changed")
			}
			if code == linkCode([]byte("another key"), invitation, generation) {
				t.Error("the key does not matter")
			}
		}
	}
	good := linkCode(key, "a", 1)
	for _, bad := range []string{"", "x", good + "A", good[:21], good[:21] + "!", good[:21] + "=", strings.Repeat("A", 21) + "B", strings.Repeat("A", 1<<20)} {
		if looksLikeCode(bad) {
			t.Errorf("%.30q looks like a code", bad)
		}
	}
}
