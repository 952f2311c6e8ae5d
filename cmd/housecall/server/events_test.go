package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/rooms"
	"housecall/visits"
)

// While another process holds the database, closing doesn't wait for it longer than it is given, and says what was not written.
func TestEventsCloseByADeadline(t *testing.T) {
	url := storetest.URL(t)
	db := storetest.Open(t, url, store.Options{BusyTimeout: time.Hour})
	service, err := visits.New(t.Context(), visits.Config{DB: db, LinkKey: make([]byte, 32), PublicURL: "http://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Hold(t, url)

	var logged strings.Builder
	q := newEventQueue(slog.New(slog.NewTextHandler(&logged, nil)))
	q.start(service)
	for range 5 {
		q.put(rooms.Event{Kind: rooms.EventEnded, Visit: store.NewID(), At: time.Now()})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := q.close(ctx); err != nil { // with no deadline it would take hours
		t.Error(err)
	}
	if n := strings.Count(logged.String(), "could not be written"); n != 5 {
		t.Errorf("%d of 5 events logged as lost:\n%s", n, logged.String())
	}
}

// Every kind of event of a room has a name in the audit.
func TestEveryKindOfEventHasAName(t *testing.T) {
	seen := map[visits.RoomEventKind]bool{"": true}
	for kind := rooms.EventOpened; kind <= rooms.EventHandedOver; kind++ {
		if seen[kinds[kind]] {
			t.Errorf("kind %d is %q, which is none or another's", kind, kinds[kind])
		}
		seen[kinds[kind]] = true
	}
	if len(kinds) != len(seen)-1 {
		t.Error("a kind of event is beyond those tried")
	}
}
