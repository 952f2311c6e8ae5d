package main

import (
	"time"

	"housecall/cmd/housecall/server"
)

// nodeOptions are the options of a node among others.
func nodeOptions(o *options, c *server.Config) {
	o.StringVar(&c.NodeListen, "node-listen", "", "`address` and port for other nodes, which share --redis, the database and the master key (default: this node is alone)")
	o.StringVar(&c.NodeAddress, "node-address", "", "`host:port` where other nodes reach --node-listen (default: --node-listen itself)")
	o.DurationVar(&c.DrainWithin, "drain-within", 30*time.Second, "how long visits may take to move to other nodes when this one is told to stop")
}
