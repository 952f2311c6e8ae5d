package sfu

import "encoding/binary"

// vp8Header is the payload descriptor at the head of each VP8 packet (RFC 7741 section 4.2), and what a key frame says of itself.
type vp8Header struct {
	keyFrame    bool   // the first packet of a key frame
	pictureIDAt int    // where the picture id is in the payload; 0: there is none
	wide        bool   // the picture id has 15 bits, not 7
	pictureID   uint16 // without its length bit
	layerAt     int    // where TL0PICIDX is; 0: there is none
	layer       uint8  // TL0PICIDX

	width, height uint16 // of a key frame, in pixels; 0: the packet does not say
}

// parseVP8 reads the descriptor; false: the payload is no VP8.
func parseVP8(payload []byte) (h vp8Header, ok bool) {
	if len(payload) < 2 {
		return h, false
	}
	first := payload[0]
	at := 1
	if first&0x80 != 0 { // X: extended control bits
		extended := payload[1]
		at = 2
		if extended&0x80 != 0 { // I: picture id
			if at >= len(payload) {
				return h, false
			}
			h.pictureIDAt = at
			if payload[at]&0x80 != 0 { // M: two bytes
				if at+1 >= len(payload) {
					return h, false
				}
				h.wide = true
				h.pictureID = binary.BigEndian.Uint16(payload[at:]) & 0x7FFF
				at += 2
			} else {
				h.pictureID = uint16(payload[at])
				at++
			}
		}
		if extended&0x40 != 0 { // L: TL0PICIDX
			if at >= len(payload) {
				return h, false
			}
			h.layerAt = at
			h.layer = payload[at]
			at++
		}
		if extended&0x30 != 0 { // T or K: layer and key index
			at++
		}
	}
	if at >= len(payload) {
		return h, false
	}
	startsFrame := first&0x10 != 0 && first&0x07 == 0 // S, first partition
	h.keyFrame = startsFrame && payload[at]&0x01 == 0 // P of the VP8 frame header, RFC 6386 section 9.1
	if h.keyFrame {
		h.width, h.height = keyFrameSize(payload[at:])
	}
	return h, true
}

// keyFrameSize reads how large the picture of a key frame is (RFC 6386 section 9.1); 0: the packet does not say.
func keyFrameSize(frame []byte) (width, height uint16) {
	const size = 0x3FFF // the two bits above it ask whoever shows the picture to scale it up
	if len(frame) < 10 || frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A {
		return 0, 0
	}
	return binary.LittleEndian.Uint16(frame[6:]) & size, binary.LittleEndian.Uint16(frame[8:]) & size
}

// pictures keeps picture ids continuous for a receiver while the sources behind its slot change. A source's ids are shifted by what is
// fixed at its first key frame: nothing of a source is left out on purpose, so a retransmission is written as the original was.
type pictures struct {
	known      bool   // a picture id was sent
	lastID     uint16 // newest sent
	lastLayer  uint8  // newest TL0PICIDX sent
	shiftID    uint16 // added to a source's ids
	shiftLayer uint8
}

// begin joins a new source, whose first packet has header h, to what was sent before.
func (p *pictures) begin(h vp8Header) {
	p.shiftID, p.shiftLayer = 0, 0
	if !p.known {
		return
	}
	if h.pictureIDAt != 0 {
		p.shiftID = p.lastID + 1 - h.pictureID
	}
	if h.layerAt != 0 {
		p.shiftLayer = p.lastLayer + 1 - h.layer
	}
}

// changes says whether rewrite would change the payload.
func (p *pictures) changes(h vp8Header) bool {
	return h.pictureIDAt != 0 && p.shiftID != 0 || h.layerAt != 0 && p.shiftLayer != 0
}

// shifted gives h's picture id and TL0PICIDX as the receiver sees them.
func (p *pictures) shifted(h vp8Header) (id uint16, layer uint8) {
	id = (h.pictureID + p.shiftID) & 0x7F
	if h.wide {
		id = (h.pictureID + p.shiftID) & 0x7FFF
	}
	return id, h.layer + p.shiftLayer
}

// sent remembers the newest packet that went out.
func (p *pictures) sent(h vp8Header) {
	if h.pictureIDAt == 0 {
		return
	}
	id, layer := p.shifted(h)
	p.known, p.lastID = true, id
	if h.layerAt != 0 {
		p.lastLayer = layer
	}
}

// rewrite changes the payload, which must be a copy of our own, in place.
func (p *pictures) rewrite(h vp8Header, payload []byte) {
	id, layer := p.shifted(h)
	if h.pictureIDAt != 0 {
		if h.wide {
			binary.BigEndian.PutUint16(payload[h.pictureIDAt:], id|0x8000)
		} else {
			payload[h.pictureIDAt] = byte(id)
		}
	}
	if h.layerAt != 0 {
		payload[h.layerAt] = layer
	}
}
