package store

import (
	"net"
	"testing"
	"time"
)

// TestSilentDoesNotWait: whether a connection is idle is known while somebody else waits to read from it, as the driver does after a slow write.
func TestSilentDoesNotWait(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := dialer(time.Minute)(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	read := make(chan error, 1)
	go func() {
		_, err := ours.Read(make([]byte, 1))
		read <- err
	}()
	for range 100 { // at first the other may not be reading yet
		if answer := soonAnswered(t, ours); !answer {
			t.Fatal("nothing came, and it is not silent")
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := theirs.Write([]byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if soonAnswered(t, ours) {
		t.Error("something came, and it is silent")
	}
}

func soonAnswered(t *testing.T, conn net.Conn) bool {
	t.Helper()
	answer := make(chan bool, 1)
	go func() { answer <- silent(conn) }()
	select {
	case quiet := <-answer:
		return quiet
	case <-time.After(20 * time.Second):
		t.Fatal("waits for whoever reads")
		return false
	}
}
