package sfu

import "encoding/binary"

// packet is a view of one RTP packet (RFC 3550 section 5.1). Its slices point into the buffer it was read from, so it lives as long as
// the call that brought it.
type packet struct {
	ssrc        uint32
	timestamp   uint32
	seq         uint16
	payloadType uint8
	marker      bool
	twoByte     bool   // extensions are of the two-byte form
	extensions  []byte // header extensions of RFC 8285, without their own header; nil: none
	payload     []byte // padding is cut off
}

const (
	rtpHeaderSize     = 12
	profileOneByte    = 0xBEDE // RFC 8285 section 4.2
	profileTwoByte    = 0x1000 // RFC 8285 section 4.3, the low four bits are free
	profileTwoByteAnd = 0xFFF0
	extensionPadding  = 0
	extensionReserved = 15
)

// parse fills p from buf; false: not a packet of RTP.
func (p *packet) parse(buf []byte) bool {
	if len(buf) < rtpHeaderSize || buf[0]>>6 != 2 {
		return false
	}
	p.marker = buf[1]&0x80 != 0
	p.payloadType = buf[1] & 0x7F
	p.seq = binary.BigEndian.Uint16(buf[2:])
	p.timestamp = binary.BigEndian.Uint32(buf[4:])
	p.ssrc = binary.BigEndian.Uint32(buf[8:])
	p.extensions, p.twoByte = nil, false
	at := rtpHeaderSize + 4*int(buf[0]&0x0F) // contributing sources
	if buf[0]&0x10 != 0 {
		if len(buf) < at+4 {
			return false
		}
		profile := binary.BigEndian.Uint16(buf[at:])
		size := 4 * int(binary.BigEndian.Uint16(buf[at+2:]))
		at += 4
		if len(buf) < at+size {
			return false
		}
		switch {
		case profile == profileOneByte:
			p.extensions = buf[at : at+size]
		case profile&profileTwoByteAnd == profileTwoByte:
			p.extensions, p.twoByte = buf[at:at+size], true
		}
		at += size
	}
	end := len(buf)
	if end < at {
		return false
	}
	if buf[0]&0x20 != 0 {
		if end == at {
			return false
		}
		padding := int(buf[end-1])
		if padding == 0 || end-padding < at {
			return false
		}
		end -= padding
	}
	p.payload = buf[at:end]
	return true
}

// extension finds the header extension with this id; nil: the packet has none, or id is 0 (not negotiated).
func (p *packet) extension(id uint8) []byte {
	if id == 0 {
		return nil
	}
	rest := p.extensions
	for len(rest) > 0 {
		if rest[0] == extensionPadding {
			rest = rest[1:]
			continue
		}
		var found uint8
		var size int
		if p.twoByte {
			if len(rest) < 2 {
				return nil
			}
			found, size, rest = rest[0], int(rest[1]), rest[2:]
		} else {
			found, size, rest = rest[0]>>4, int(rest[0]&0x0F)+1, rest[1:]
			if found == extensionReserved {
				return nil
			}
		}
		if size > len(rest) {
			return nil
		}
		if found == id {
			return rest[:size:size]
		}
		rest = rest[size:]
	}
	return nil
}

// decapsulate turns a retransmission into the packet it repeats (RFC 4588 section 4); false: it repeats none, as probing with padding does.
func (p *packet) decapsulate(ssrc uint32, payloadType uint8) bool {
	if len(p.payload) < 2 {
		return false
	}
	p.seq = binary.BigEndian.Uint16(p.payload)
	p.payload = p.payload[2:]
	p.ssrc, p.payloadType = ssrc, payloadType
	return true
}
