package queue_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"housecall/auth"
	"housecall/visits/queue"
)

// TestLateWithOthers: who begins a visit late chooses which of their own next ones begin late, too, and hears when not all could be told.
func TestLateWithOthers(t *testing.T) {
	c := newClinic(t)
	ada, ben := c.signIn("Ada Sample", auth.Clinician), c.signIn("Ben Sample", auth.Clinician)
	v := c.book(ada, 0)
	before, others := c.book(ada, -30), c.book(ben, 40)
	next, last := c.book(ada, 30), c.book(ada, 90)
	path := "/queue/visits/" + v.ID + "/late"
	page := ada.get(path).body
	wants(t, page, "also-"+next.ID, "also-"+last.ID)
	wantsNot(t, page, "also-"+before.ID, "also-"+others.ID, "also-"+v.ID)
	for _, want := range []struct {
		begun, done string
		also, late  []string
	}{
		{"", "late", nil, []string{v.ID}},
		{"", "late", []string{last.ID}, []string{v.ID, last.ID}},
		{next.ID, "late-part", []string{next.ID, last.ID}, []string{v.ID, next.ID, last.ID}},
		{"", "late-part", []string{others.ID}, []string{v.ID}},
	} {
		c.begun, c.lateOf = want.begun, nil
		r := ada.send(http.MethodPost, path, url.Values{"minutes": {"20"}, "also": want.also})
		if r.Header.Get("Location") != queue.Path+"?done="+want.done || !slices.Equal(c.lateOf, want.late) {
			t.Errorf("late with others: %d %s %v, want %v", r.StatusCode, r.Header.Get("Location"), c.lateOf, want.late)
		}
	}
	wants(t, ada.get(queue.Path+"?done=late").body, `class="notice good"`)
	wants(t, ada.get(queue.Path+"?done=late-part").body, `class="notice warn"`)
	wants(t, ada.get(queue.Path+"?done=late-none").body, `class="notice warn"`)
}
