package stage

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Service is where a server is that all networks reach, of each family. It is an address of the tests' own namespace, and a public one by its kind:
// Chromium takes no media from port 443 of a private address.
var (
	Service4 = netip.MustParseAddr("203.0.113.1")
	Service6 = netip.MustParseAddr("2001:db8::1")
)

// Network is a network namespace that a browser is started in: a hospital's or a home's network, with its firewall.
type Network struct {
	Name string
	// Gateway is the tests' own end of the line to it, Inside the other; Gateway6 is the former's address of IPv6.
	Gateway, Inside, Gateway6 netip.Addr
}

// networks counts those made; making guards it, and what the first one makes for all.
var (
	making   sync.Mutex
	networks byte
)

// NewNetwork makes a network whose firewall lets out what the rules accept (lines of nft, in a chain whose policy is to drop; GATEWAY is the tests' own
// end of the line); no rules: everything.
// It may have IPv6 alone. Close ends it.
func NewNetwork(only6 bool, rules ...string) (*Network, error) {
	making.Lock()
	defer making.Unlock()
	networks++
	n := &Network{
		Name:     fmt.Sprintf("visit-net%d", networks),
		Gateway:  netip.AddrFrom4([4]byte{10, 78, networks, 1}),
		Inside:   netip.AddrFrom4([4]byte{10, 78, networks, 2}),
		Gateway6: netip.AddrFrom16([16]byte{0xfd, 0x78, 15: 1, 5: networks}),
	}
	inside6 := n.Gateway6.Next()
	outer, inner := fmt.Sprintf("net%do", networks), fmt.Sprintf("net%di", networks)
	in := "netns exec " + n.Name + " ip "
	lines := []string{
		"netns add " + n.Name,
		"link add " + outer + " type veth peer name " + inner + " netns " + n.Name,
		// An address that is had later, when the kernel has made sure that it is nobody else's, makes browsers give up what they are loading.
		"link set " + outer + " addrgenmode none",
		in + "link set " + inner + " addrgenmode none",
		in + "addr add fe80::2/64 dev " + inner + " nodad",
		"addr add fe80::1/64 dev " + outer + " nodad",
		"addr add " + n.Gateway.String() + "/24 dev " + outer,
		"addr add " + n.Gateway6.String() + "/64 dev " + outer + " nodad",
		"link set " + outer + " up",
		// What the server sends from no address in particular comes from where it was sent to.
		"route replace " + netip.PrefixFrom(n.Gateway, 24).Masked().String() + " dev " + outer + " src " + Service4.String(),
		"route replace " + netip.PrefixFrom(n.Gateway6, 64).Masked().String() + " dev " + outer + " src " + Service6.String(),
		in + "link set lo up",
		in + "addr add " + n.Inside.String() + "/24 dev " + inner,
		in + "addr add " + inside6.String() + "/64 dev " + inner + " nodad",
		in + "link set " + inner + " up",
		in + "route add default via " + n.Gateway.String(),
		in + "route add default via " + n.Gateway6.String(),
	}
	if networks == 1 {
		lines = append([]string{
			"link add service type veth peer name service1",
			"link set service addrgenmode none",
			"link set service1 addrgenmode none",
			"addr add " + Service4.String() + "/32 dev service",
			"addr add " + Service6.String() + "/128 dev service nodad",
			"link set service up",
			"link set service1 up",
		}, lines...)
		if err := os.MkdirAll("/run/netns", 0o755); err != nil { // ip would make it shared with the machine's
			return nil, fmt.Errorf("network namespaces: %w", err)
		}
		if out, err := exec.Command("mount", "-t", "tmpfs", "tmpfs", "/run/netns").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("network namespaces: mount /run/netns: %w: %s", err, out)
		}
	}
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("network namespaces: ip %s: %w: %s", line, err, out)
		}
	}
	if only6 {
		// Its browser is still spoken to by IPv4, from here alone.
		rules = append(rules, "meta nfproto ipv6 accept")
	}
	if len(rules) == 0 {
		return n, nil
	}
	for i := range rules {
		rules[i] = strings.ReplaceAll(rules[i], "GATEWAY", n.Gateway.String())
	}
	script := "table inet firewall {\n chain output {\n  type filter hook output priority 0; policy drop;\n  oif lo accept\n  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n" +
		"  ct direction reply accept\n  " + strings.Join(rules, "\n  ") + "\n }\n}\n"
	return n, nft([]string{"ip", "netns", "exec", n.Name}, script)
}

// Redirect has TCP connections from the network to a port of its gateway come to another one there.
func (n *Network) Redirect(from, to int) error {
	return nft(nil, fmt.Sprintf("table ip proxies {\n chain %s {\n  type nat hook prerouting priority -100;\n  ip daddr %s tcp dport %d redirect to :%d\n }\n}\n",
		strings.ReplaceAll(n.Name, "-", ""), n.Gateway, from, to))
}

// nft has the kernel take rules, in the namespace that the words before it lead to.
func nft(before []string, script string) error {
	words := append(before, "nft", "-f", "-")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("network namespaces: nft: %w: %s", err, out)
	}
	return nil
}

// Close takes the network away.
func (n *Network) Close() error {
	if out, err := exec.Command("ip", "netns", "del", n.Name).CombinedOutput(); err != nil {
		return fmt.Errorf("network namespaces: delete %s: %w: %s", n.Name, err, out)
	}
	return nil
}
