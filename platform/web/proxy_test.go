package web

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                         {"203.0.113.7:4000", nil, "203.0.113.7:4000"},
		"a stranger's word is not taken":   {"203.0.113.7:4000", []string{"198.51.100.1"}, "203.0.113.7:4000"},
		"a proxy's word is":                {"10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"what the client wrote is not":     {"10.0.0.1:4000", []string{"192.0.2.9, 198.51.100.1"}, "198.51.100.1:0"},
		"nor in a header of its own":       {"10.0.0.1:4000", []string{"192.0.2.9", "198.51.100.1"}, "198.51.100.1:0"},
		"two proxies":                      {"10.0.0.1:4000", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1:0"},
		"a proxy that says nothing":        {"10.0.0.1:4000", nil, "10.0.0.1:4000"},
		"nonsense left of the client":      {"10.0.0.1:4000", []string{"unknown, 198.51.100.1"}, "198.51.100.1:0"},
		"nonsense alone":                   {"10.0.0.1:4000", []string{"unknown"}, "10.0.0.1:4000"},
		"IPv6":                             {"[fd00::1]:4000", []string{"2001:db8::5"}, "[2001:db8::5]:0"},
		"a proxy's IPv4 address in IPv6":   {"[::ffff:10.0.0.1]:4000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"with a port":                      {"10.0.0.1:4000", []string{"198.51.100.1:5000"}, "198.51.100.1:0"},
		"IPv6 with a port":                 {"10.0.0.1:4000", []string{"[2001:db8::5]:5000"}, "[2001:db8::5]:0"},
		"IPv6 in brackets":                 {"10.0.0.1:4000", []string{"[2001:db8::5]"}, "[2001:db8::5]:0"},
		"only proxies: the outermost":      {"10.0.0.1:4000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3:0"},
		"a proxy behind a stranger's word": {"10.0.0.1:4000", []string{"10.0.0.9, 192.0.2.9, 198.51.100.1"}, "198.51.100.1:0"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := clientAddr(r, proxies); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
