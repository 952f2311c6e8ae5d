package server

import (
	"net"
	"slices"
	"strconv"
	"testing"
)

// TestListenBoth: where any port will do, one is found that is free for pages and media, however many are taken for one of them; where one is asked for
// and media can't have it, nothing is kept.
func TestListenBoth(t *testing.T) {
	// So many that the first port the system gives is often one of them.
	var taken []int
	for range 800 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		taken = append(taken, c.LocalAddr().(*net.UDPAddr).Port)
	}
	for range 100 {
		pages, media, err := listenBoth("127.0.0.1:0", 0)
		if err != nil {
			t.Fatal(err)
		}
		port := pages.Addr().(*net.TCPAddr).Port
		if media.LocalAddr().(*net.UDPAddr).Port != port || slices.Contains(taken, port) {
			t.Errorf("pages at %d, media at %v", port, media.LocalAddr())
		}
		pages.Close()
		media.Close()
	}
	for _, port := range taken {
		address := "127.0.0.1:" + strconv.Itoa(port)
		free, err := net.Listen("tcp", address)
		if err != nil {
			continue // somebody else has it
		}
		free.Close()
		if _, _, err := listenBoth(address, 0); err == nil {
			t.Fatal("listened where media can't")
		}
		again, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("the port of pages was kept: %v", err)
		}
		again.Close()
		return
	}
	t.Fatal("no port is free for pages")
}
