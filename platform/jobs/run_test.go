package jobs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"housecall/platform/jobs"
	"housecall/platform/store/storetest"
)

// start runs a queue until stop, which waits for its end.
func start(n node) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// One kind that hangs holds up no other.
func TestKindsApart(t *testing.T) {
	n := newNode(t, storetest.URL(t), jobs.Config{Look: time.Millisecond})
	hangs, done := make(chan struct{}), make(chan string)
	n.HandleWith("hangs", jobs.Policy{AtOnce: 1}, func(ctx context.Context, _ jobs.Job) error {
		close(hangs) // once: there is room for one
		<-ctx.Done()
		return ctx.Err()
	})
	n.HandleWith("works", jobs.Policy{AtOnce: 2}, func(_ context.Context, j jobs.Job) error {
		done <- j.Key // both must be there at once
		return nil
	})
	defer start(n)()
	n.put(jobs.Job{Kind: "hangs", Key: "a"})
	n.put(jobs.Job{Kind: "hangs", Key: "b"})
	<-hangs
	n.put(jobs.Job{Kind: "works", Key: "a"})
	n.put(jobs.Job{Kind: "works", Key: "b"})
	for n.count(`SELECT COUNT(*) FROM jobs WHERE kind = 'works' AND claimed_until > 0`) < 2 {
		time.Sleep(time.Millisecond)
	}
	if a, b := <-done, <-done; a == b {
		t.Errorf("%s was done twice", a)
	}
}

// A handler that is longer at work than its lease keeps it; one whose job is cancelled is told.
func TestLeaseIsKept(t *testing.T) {
	url := storetest.URL(t)
	n, other := newNode(t, url, jobs.Config{Look: time.Millisecond, Lease: 5 * time.Second}), newNode(t, url, jobs.Config{Look: time.Millisecond})
	claimedUntil := func() int { return n.count(`SELECT MAX(claimed_until) FROM jobs`) }
	begun, ended := make(chan struct{}), make(chan error, 100)
	kept := sync.OnceFunc(func() { close(begun) }) // a machine that stalls for as long as the lease may have it run again
	n.Handle("long", func(ctx context.Context, j jobs.Job) error {
		first := claimedUntil()
		for claimedUntil() <= first && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		kept()
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return n.effect(context.WithoutCancel(ctx), j)
	})
	defer start(n)()
	n.put(jobs.Job{Kind: "long", Key: "a"})
	<-begun
	other.cancel("long", "a")
	if err := <-ended; !errors.Is(err, jobs.ErrLost) {
		t.Errorf("its context ended by %v", err)
	}
	for n.count(`SELECT COUNT(*) FROM jobs`) > 0 {
		time.Sleep(time.Millisecond)
	}
	if n.effects("a") != 0 {
		t.Error("a job that was cancelled had an effect")
	}
}

// A node that is told to stop gives its jobs to others, at once and without a try lost.
func TestStopped(t *testing.T) {
	url := storetest.URL(t)
	n, other := newNode(t, url, jobs.Config{Look: time.Millisecond}), newNode(t, url, jobs.Config{})
	begun := make(chan struct{})
	n.Handle("long", func(ctx context.Context, _ jobs.Job) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	})
	stop := start(n)
	n.put(jobs.Job{Kind: "long", Key: "a"})
	<-begun
	stop()
	tries := 0
	other.Handle("long", func(_ context.Context, j jobs.Job) error {
		tries = j.Try
		return nil
	})
	other.due(1)
	if tries != 1 {
		t.Errorf("the next node begins with try %d", tries)
	}
}
