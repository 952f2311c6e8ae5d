package gate

import (
	"bufio"
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"
)

// headerFirst is how much is read at once of a header, in bytes: all of it but for long extras.
const headerFirst = 512

// proxied is a connection that a proxy passes on, as its client's own.
type proxied struct {
	replayed
	client net.Addr
}

func (c *proxied) RemoteAddr() net.Addr { return c.client }

// unwrap reads the header that a proxy's connection begins with (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt), and counts the connection under its
// client's network from then on. Without a header it is nobody's, and an error.
func (g *Gate) unwrap(e *entrant) (net.Conn, error) {
	reader := bufio.NewReaderSize(e.conn, headerFirst)
	header, err := proxyproto.Read(reader)
	rest, _ := reader.Peek(reader.Buffered()) // what is buffered is there
	if err != nil {
		if len(rest) > 0 && g.mayTell(&g.missed) { // who looks whether the port is open says nothing
			g.config.Logger.Warn("a trusted proxy does not say by the PROXY protocol whose connection it passes on", "err", err)
		}
		return nil, fmt.Errorf("reading the header of the PROXY protocol: %w", err)
	}
	conn := &proxied{replayed: replayed{Conn: e.conn, first: rest}, client: e.conn.RemoteAddr()}
	if client, ok := header.SourceAddr.(*net.TCPAddr); ok && !header.Command.IsLocal() { // else it is the proxy's own
		conn.client = client
	}
	g.mu.Lock()
	gone := g.waiting.rename(e, g.network(conn))
	g.mu.Unlock()
	g.makeRoom(gone)
	return conn, nil
}
