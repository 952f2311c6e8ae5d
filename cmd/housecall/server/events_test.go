package server

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/platform/store"
	"housecall/rooms"
	"housecall/visits"
)

// While another process holds the database, closing doesn't wait for it longer than it is given, and says what was not written.
func TestEventsCloseByADeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "housecall.db")
	db, err := store.Open(t.Context(), path, store.Options{BusyTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	service, err := visits.New(t.Context(), visits.Config{DB: db, LinkKey: make([]byte, 32), PublicURL: "http://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holder, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}

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
