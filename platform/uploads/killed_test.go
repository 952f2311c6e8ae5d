package uploads_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"housecall/platform/store"
	"housecall/platform/uploads"
)

// What the server that is to be killed gets by its environment.
const (
	childDatabase = "UPLOADS_CHILD_DATABASE"
	childKey      = "UPLOADS_CHILD_KEY"
	childFiles    = "UPLOADS_CHILD_FILES"
	childListen   = "UPLOADS_CHILD_LISTEN"
)

// serveUntilKilled is that server.
func serveUntilKilled() error {
	ctx := context.Background()
	db, err := store.Open(ctx, os.Getenv(childDatabase), store.Options{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	none, err := uploads.ParseScanner("none")
	if err != nil {
		return err
	}
	s, _, _, err := open(ctx, db, place{master: os.Getenv(childKey), files: os.Getenv(childFiles)}, none, nil, nil)
	if err != nil {
		return err
	}
	outer, err := handler(s, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", os.Getenv(childListen))
	if err != nil {
		return err
	}
	return (&http.Server{Handler: outer, ReadHeaderTimeout: time.Minute}).Serve(listener)
}

// TestKilled: the server is killed again and again while a file comes. It goes on each time, at most one part back, and is what was sent.
func TestKilled(t *testing.T) {
	h := newHall(t, "none")
	free, err := net.Listen("tcp", "127.0.0.1:0") // the port stays the same, as it does for a server that is started again
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	var child *exec.Cmd
	start := func() {
		child = exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
		child.Env, child.Stderr = append(os.Environ(), childDatabase+"="+h.place.url, childKey+"="+h.place.master, childFiles+"="+h.place.files, childListen+"="+address), os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
	}
	kill := func() { _ = child.Process.Kill(); _ = child.Wait() } // SIGKILL
	start()
	defer func() { kill() }()

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &client{t, &http.Client{Transport: transport}, "http://" + address, mine}
	content := noise(70*mebibyte+1, 3)
	at := h.client(mine).begin("sample.bin", int64(len(content)))
	sent := int64(0)
	for _, length := range []int{3 * mebibyte, 17 * mebibyte, 33 * mebibyte, 16*mebibyte + 1} {
		have := c.offset(at)
		if have < sent {
			t.Fatalf("at %d: what was acknowledged is lost, which was %d", have, sent)
		}
		end := min(have+int64(length), int64(len(content)))
		if err := c.patchThen(at, have, content[have:], int(end-have), kill); err == nil {
			t.Error("the server was not killed in time")
		}
		start()
		sent = c.offset(at)
		if lost := end - sent; lost > 16*mebibyte+4*mebibyte { // what sockets hold was never there
			t.Errorf("%d bytes were sent, and %d of them are lost", end-have, lost)
		}
	}
	c.rest(at, content)
	h.due()
	if u := h.one(); u.State != uploads.Clean || u.SHA256 != hashOf(content) {
		t.Errorf("it is another than was sent: %+v", u)
	}
}
