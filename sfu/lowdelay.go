package sfu

import (
	"net"
	"syscall"
)

// mostUnsent is how many bytes the kernel may hold of a connection beyond those on their way. What is more would be seconds late on a slow line.
const mostUnsent = 16 << 10

// LowDelay has the kernel take no more of a connection's media than it can send soon, where it can do so. Connections around another one are looked
// into by their NetConn method, as that of crypto/tls.
func LowDelay(conn net.Conn) {
	for {
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = inner.NetConn()
	}
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if control, err := raw.SyscallConn(); err == nil {
		_ = control.Control(limitUnsent) // less comfort, no error
	}
}
