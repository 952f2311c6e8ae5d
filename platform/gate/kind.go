package gate

import "encoding/binary"

// kind is what a connection turns out to be by its first bytes.
type kind int

const (
	undecided kind = iota // more bytes are needed
	kindTLS
	kindHTTP
	kindICE  // STUN in the frames of RFC 4571: ICE-TCP
	kindTURN // STUN without a frame: STUN and TURN
)

const (
	tlsHandshake = 0x16       // the first byte of every TLS connection, RFC 8446 section 5.1
	magicCookie  = 0x2112A442 // in every STUN message from its fifth byte on, RFC 8489 section 5
	decidedBy    = 10         // bytes after which kindOf knows: a frame's length, and a STUN header up to its cookie's end
)

// kindOf tells what begins with b; undecided means that b is shorter than decidedBy and may be two things yet. More bytes never change an
// answer. What is nothing we know is kindHTTP, whose server says so to whoever it is.
//
// A STUN message begins with its type, and a framed one with a length: both are small numbers in two bytes, so their first byte
// is none that a method of HTTP can begin with, and neither begins as TLS does.
func kindOf(b []byte) kind {
	if len(b) == 0 {
		return undecided
	}
	switch {
	case b[0] == tlsHandshake:
		return kindTLS
	case b[0] >= ' ' || b[0] == '\r' || b[0] == '\n':
		return kindHTTP
	case len(b) < 8:
		return undecided
	case binary.BigEndian.Uint32(b[4:]) == magicCookie:
		return kindTURN
	case len(b) < decidedBy:
		return undecided
	case binary.BigEndian.Uint32(b[6:]) == magicCookie:
		return kindICE
	}
	return kindHTTP
}
