package loadtest

import (
	"encoding/binary"
	"time"
)

// What a client sends is as heavy as one person in the measurements of other servers we compare with: 640×360 at 30 frames and
// 1.2 Mbit/s, and Opus at 50 packets a second.
const (
	frameEvery   = time.Second / 30
	frameSize    = 5000   // bytes: 1.2 Mbit/s
	keyFrameSize = 20_000 // bytes
	lightEvery   = time.Second / 10
	lightSize    = 800  // bytes, of every frame
	packetSize   = 1100 // bytes of payload, as browsers cut them
	frameTicks   = 3000 // of the 90 kHz clock
	width        = 640
	height       = 360

	soundEvery = 20 * time.Millisecond
	soundSize  = 80  // bytes: 32 kbit/s
	soundTicks = 960 // of the 48 kHz clock
)

// picture makes a stream of VP8 frames that no decoder could show but whose packets are right: descriptor (RFC 7741, section
// 4.2) and frame header (RFC 6386, section 9.1).
type picture struct {
	pictureID uint16 // 15 bits
	tl0       uint8
	buffer    []byte

	size, keySize int // bytes of a frame
}

// newPicture starts right before the picture id wraps, so that every run sees it wrap.
func newPicture() *picture {
	return &picture{pictureID: 0x7ff0, tl0: 0xf0, buffer: make([]byte, packetSize), size: frameSize, keySize: keyFrameSize}
}

// frame gives the payloads of the next frame one by one; each is overwritten by the one after it.
func (p *picture) frame(key bool, send func(payload []byte, last bool)) {
	const descriptor = 6
	left := p.size
	if key {
		left = p.keySize
	}
	header := frameHeader(key, left)
	for first := true; left > 0; first = false {
		size := min(left, packetSize-descriptor)
		payload := p.buffer[:descriptor+size]
		payload[0] = 0x80 // X: the second byte follows; partition 0
		if first {
			payload[0] |= 0x10 // S: a partition starts
		}
		payload[1] = 0xe0 // I, L, T: picture id, TL0PICIDX and layer follow
		binary.BigEndian.PutUint16(payload[2:], 0x8000|p.pictureID)
		payload[4] = p.tl0
		payload[5] = 0 // temporal layer 0
		clear(payload[descriptor:])
		if first {
			copy(payload[descriptor:], header)
		}
		left -= size
		send(payload, left == 0)
	}
	p.pictureID = (p.pictureID + 1) & 0x7fff
	p.tl0++
}

// frameHeader is how a VP8 frame of this size begins.
func frameHeader(key bool, size int) []byte {
	const tag, shown = 3, 1 << 4
	if !key {
		bits := uint32(size-tag)<<5 | shown | 1
		return []byte{byte(bits), byte(bits >> 8), byte(bits >> 16)}
	}
	bits := uint32(size-tag-7)<<5 | shown
	return []byte{
		byte(bits), byte(bits >> 8), byte(bits >> 16),
		0x9d, 0x01, 0x2a, // start code
		byte(width & 0xff), byte(width >> 8), byte(height & 0xff), byte(height >> 8),
	}
}

// sound is an Opus packet: the table of contents says one 20 ms frame of CELT, and what follows is nothing.
func sound() []byte {
	packet := make([]byte, soundSize)
	packet[0] = 0xf8
	return packet
}
