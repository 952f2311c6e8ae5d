package server_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"housecall/cmd/housecall/server"
)

// passedOn is somebody at an address whose connections a proxy passes on.
func passedOn(t *testing.T, address string) *http.Client {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		_, err = proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP(address), Port: 7}, conn.RemoteAddr()).WriteTo(conn)
		return conn, err
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// TestLimitsBehindAProxyThatPassesTCPOn: who tries links until no more are allowed uses up their own tries alone, whatever they say of themselves.
func TestLimitsBehindAProxyThatPassesTCPOn(t *testing.T) {
	s := open(t, server.Config{ProxyProtocol: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	try := func(client *http.Client) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/api/v1/join", strings.NewReader(`{"code": "AAAAAAAAAAAAAAAAAAAAAA"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Forwarded-For", "192.0.2.8")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	guesser, other := passedOn(t, "192.0.2.7"), passedOn(t, "192.0.2.8")
	tries := 0
	for ; try(guesser) == http.StatusNotFound; tries++ {
		if tries > 1000 {
			t.Fatal("no end of tries")
		}
	}
	if status := try(guesser); status != http.StatusTooManyRequests {
		t.Errorf("after %d tries: %d", tries, status)
	}
	if status := try(other); status != http.StatusNotFound {
		t.Errorf("another: %d", status)
	}
}
