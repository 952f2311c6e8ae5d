package main

import (
	"fmt"
	"net"
	"strconv"

	"housecall/cmd/housecall/server"
)

// relayOptions are those of the relay.
func relayOptions(o *options, c *server.Config) {
	o.Func("relay-address", "`host:port` where clients reach the TCP port of this node for the relay (default: that of --public-url)", func(s string) error {
		host, port, err := net.SplitHostPort(s)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
			return fmt.Errorf("%q is no address: write it as in media1.example.org:443", s)
		}
		c.RelayAddress = s
		return nil
	})
}
