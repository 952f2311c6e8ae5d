package uploads

import (
	"context"
	"net/http"
	"sync"
	"time"

	"housecall/platform/web"
)

// lockWithin is how long a request waits for the one before it to end.
const lockWithin = 20 * time.Second

// locks has the requests about one upload come one after another, on this node. Whoever comes anew has the one before it stop reading: mostly that is of a connection that nobody
// is at any more. Between nodes the rows decide. tusd has locks of its own, which interrupt by a goroutine that races with the request it is to end.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	interrupt func()
	released  chan struct{}
}

// acquire waits until nobody else has the upload. Errors: 423, by which clients try again.
func (l *locks) acquire(ctx context.Context, id string, interrupt func()) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWithin)
	defer cancel()
	own := &lock{interrupt, make(chan struct{})}
	for {
		l.mu.Lock()
		other := l.held[id]
		if other == nil {
			l.held[id] = own
		}
		l.mu.Unlock()
		if other == nil {
			return func() { l.release(id, own) }, nil
		}
		other.interrupt()
		select {
		case <-other.released:
		case <-ctx.Done():
			return nil, &web.Fault{Code: "busy", Status: http.StatusLocked, Title: "Please try again soon", Detail: "Another request about this upload has not ended yet."}
		}
	}
}

func (l *locks) release(id string, own *lock) {
	l.mu.Lock()
	delete(l.held, id)
	l.mu.Unlock()
	close(own.released)
}
