package sfu

import "time"

// ring keeps the newest packets of one encoding for retransmission and for receivers that start at a key frame already here.
// It grows when it would overwrite a packet younger than its window, up to a limit, so its size follows bitrate × round trip.
// Storing allocates only while the ring or its packets still grow.
type ring struct {
	cells  []stored // a power of two; the place of a packet is its number modulo the length
	most   int      // most cells
	floor  uint64   // highest number that was overwritten
	window time.Duration
}

// stored is a packet in the ring, without its padding and header extensions.
type stored struct {
	used      bool
	ext       uint64
	at        int64 // arrival, ns of the engine's clock
	timestamp uint32
	marker    bool
	level     uint8 // RFC 6464 audio level as it came; audioLevelNone: none
	payload   []byte
}

// Least and most packets in a ring: Opus has 50 packets a second; VP8 at 10 Mbit/s about 1100.
const (
	ringLeastAudio, ringMostAudio = 64, 512
	ringLeastVideo, ringMostVideo = 128, 4096

	ringLeastWindow = 500 * time.Millisecond
	ringMostWindow  = 2 * time.Second
)

func newRing(kind Kind) ring {
	if kind == Video {
		return ring{cells: make([]stored, ringLeastVideo), most: ringMostVideo, window: ringLeastWindow}
	}
	return ring{cells: make([]stored, ringLeastAudio), most: ringMostAudio, window: ringLeastWindow}
}

func (r *ring) cell(ext uint64) *stored { return &r.cells[ext&uint64(len(r.cells)-1)] }

// get finds a packet; nil: it isn't here. What it returns is good until the next put.
func (r *ring) get(ext uint64) *stored {
	if len(r.cells) == 0 {
		return nil
	}
	if c := r.cell(ext); c.used && c.ext == ext {
		return c
	}
	return nil
}

// knows says that the packet may not be put: it is here, or was and was forgotten, or others that are newer have its place. A number can be put
// once only, however the ring grows: slots make the cipher's nonce of it.
func (r *ring) knows(ext, highest uint64) bool {
	return ext <= r.floor || r.get(ext) != nil || ext+uint64(len(r.cells)) <= highest
}

// put stores a copy of the packet and forgets the one whose place it takes.
func (r *ring) put(ext uint64, at int64, p *packet, level uint8) {
	c := r.cell(ext)
	for c.used && c.ext != ext && at-c.at < int64(r.window) && len(r.cells) < r.most {
		r.grow()
		c = r.cell(ext)
	}
	if c.used {
		r.floor = max(r.floor, c.ext)
	}
	c.used, c.ext, c.at = true, ext, at
	c.timestamp, c.marker, c.level = p.timestamp, p.marker, level
	if cap(c.payload) < len(p.payload) {
		c.payload = make([]byte, 0, roomFor(len(p.payload)))
	}
	c.payload = append(c.payload[:0], p.payload...)
}

// roomFor rounds a payload's size up, so that a cell is allocated anew a few times at most.
func roomFor(size int) int {
	for _, room := range [...]int{160, 480, maxPayload} {
		if size <= room {
			return room
		}
	}
	return size
}

func (r *ring) grow() {
	old := r.cells
	r.cells = make([]stored, 2*len(old))
	for _, c := range old {
		if c.used {
			*r.cell(c.ext) = c
		}
	}
}

// release forgets everything for good.
func (r *ring) release() { *r = ring{} }

// widen makes the ring keep packets long enough for receivers with this round trip: a loss is noticed, asked for, and asked for again.
func (r *ring) widen(roundTrip time.Duration) {
	r.window = max(r.window, min(4*roundTrip, ringMostWindow))
}
