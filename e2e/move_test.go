package e2e

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
)

// startRedis starts a real Redis that ends with the test, and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // nobody else is in these namespaces to take the port
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	redis := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := redis.Start(); err != nil {
		t.Fatalf("this test needs redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = redis.Process.Kill()
		_ = redis.Wait() // killed
	})
	return "redis://127.0.0.1:" + port
}

// A server that is about to stop sends its visits to another: nobody is told anything, no picture halts, and what is said goes on being heard.
func TestMovesToAnotherNode(t *testing.T) {
	var config server.Config
	redis := startRedis(t)
	h := openHouse(t, func(c *server.Config) {
		c.Redis, c.NodeListen, c.DrainWithin, c.Database = redis, "127.0.0.1:0", time.Minute, filepath.Join(c.Data, "housecall.db")
		config = *c
	})
	var media *net.UDPAddr
	config.Data, config.Database, config.KeyFile = t.TempDir(), filepath.Join(h.data, "housecall.db"), filepath.Join(h.data, "master.key")
	config.WrapUDP = func(conn net.PacketConn) net.PacketConn {
		media = conn.LocalAddr().(*net.UDPAddr)
		return conn
	}
	next, err := server.New(context.WithoutCancel(t.Context()), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	})

	// Their visit lives on the first server: of two with as little to do, whoever is asked takes it.
	visit := h.book(0)
	doctor, patient := chromium(t, 0, drAda, bidi.Laptop), chromium(t, 1, robin, bidi.Phone)
	admitted(t, visit, doctor, patient)
	two := []*Person{doctor, patient}
	for _, p := range two {
		p.press("button", "Chat")
		p.followsFrames()
	}
	doctor.writes("before")
	patient.reads("before")
	began := time.Now()
	h.door.lead(net.JoinHostPort("127.0.0.1", strconv.Itoa(media.Port)))
	h.server.Drain()
	patient.writes("meanwhile")
	doctor.reads("meanwhile")
	if err := h.server.Close(); err != nil {
		t.Error(err)
	}
	for _, p := range two {
		p.seesAgain(time.Now())
	}
	doctor.writes("after")
	patient.reads("after")
	for i, p := range two {
		p.in("a visit moves to another server: the picture halts", p.halted(tile(two[1-i].name), began), time.Second)
		if joins, banners := p.said("join"), p.notes("banner"); joins != 2 || len(banners) != 0 {
			t.Errorf("participant %d joined %d times and was told %q", p.who, joins, banners)
		}
		p.reaches("visit")
	}
	doctor.meets(patient) // on the phone the chat is in front
	if next.Hosting() != 1 {
		t.Errorf("%d visits on the other server", next.Hosting())
	}
}
