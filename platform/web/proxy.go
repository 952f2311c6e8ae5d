package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddr is where a request comes from, as in http.Request.RemoteAddr: the connection's other end, or, when that is one of our
// proxies, what X-Forwarded-For says. Each proxy adds the address it was called from on the right, and anybody may have written what
// stands further left: so the rightmost address that is no proxy of ours is the client's.
func clientAddr(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !within(peer.Addr(), proxies) {
		return r.RemoteAddr
	}
	client := r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, ok := hopAddr(strings.TrimSpace(hop))
		if !ok {
			break // what stands left of something that is no address was not written by a proxy of ours
		}
		client = netip.AddrPortFrom(addr, 0).String()
		if !within(addr, proxies) {
			break
		}
	}
	return client
}

// hopAddr reads an address of X-Forwarded-For, which some proxies write with a port, and then IPv6 in brackets.
func hopAddr(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return addr, true
	}
	addr, err := netip.ParseAddrPort(hop)
	return addr.Addr(), err == nil
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
