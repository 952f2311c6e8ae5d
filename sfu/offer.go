package sfu

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of an offer (docs/protocol.md). Ten people need about a third: 12 m-lines of Chromium are 31 KB.
const (
	mostOfferBytes = 128 << 10
	mostLines      = 32
	mostCandidates = 64
	mostRIDs       = 3   // on one m-line
	mostFormats    = 128 // on one m-line; Chromium offers about 50
	mostSources    = 64  // a=ssrc on one m-line; a stream and its repair have four each
	mostAttributes = 512 // on one m-line
)

// CheckOffer refuses what nobody needs, before anything parses it. Every error wraps ErrOffer and is safe to show.
func CheckOffer(sdp string) error {
	if len(sdp) > mostOfferBytes {
		return refuse("over %d bytes", mostOfferBytes)
	}
	var media, candidates int
	var onLine struct{ rids, sources, attributes int }
	for line := range lines(sdp) {
		key, value := split(line)
		switch key {
		case "m":
			onLine.rids, onLine.sources, onLine.attributes = 0, 0, 0
			if media++; media > mostLines {
				return refuse("over %d m= lines", mostLines)
			}
			fields := strings.Fields(value)
			if len(fields) == 0 || fields[0] != "audio" && fields[0] != "video" {
				return refuse("a m= line that is neither audio nor video") // m=application: no data channels
			}
			if len(fields) > 3+mostFormats {
				return refuse("over %d formats on a m= line", mostFormats)
			}
		case "a=candidate":
			if candidates++; candidates > mostCandidates {
				return refuse("over %d candidates", mostCandidates)
			}
		case "a=rid":
			if onLine.rids++; onLine.rids > mostRIDs {
				return refuse("over %d rids on a m= line", mostRIDs)
			}
		case "a=ssrc":
			if onLine.sources++; onLine.sources > mostSources {
				return refuse("over %d a=ssrc on a m= line", mostSources)
			}
		}
		if strings.HasPrefix(key, "a=") {
			if onLine.attributes++; onLine.attributes > mostAttributes {
				return refuse("over %d attributes on a m= line", mostAttributes)
			}
		}
	}
	if media == 0 {
		return refuse("no m= line")
	}
	return nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOffer, fmt.Sprintf(format, args...))
}

// lines of an SDP. A lone carriage return ends a line too, as it does for Pion's parser: nothing may hide behind one.
func lines(sdp string) func(yield func(string) bool) {
	return strings.FieldsFuncSeq(sdp, func(r rune) bool { return r == '\r' || r == '\n' })
}

// split gives "a=mid", "0" for "a=mid:0", and "m", "audio 9 …" for "m=audio 9 …".
func split(line string) (key, value string) {
	if strings.HasPrefix(line, "a=") {
		key, value, _ = strings.Cut(line, ":")
		return key, value
	}
	key, value, _ = strings.Cut(line, "=")
	return key, value
}

// description is the little that this package itself reads of an SDP; Pion reads the rest.
type description struct{ media []mediaLine }

// mediaLine is a m-line with what is said on it.
type mediaLine struct {
	kind       Kind
	mid        string
	direction  string // "sendonly", "recvonly", "inactive"; "sendrecv" when nothing is said
	ssrc       uint32 // the first source; 0: none named
	repair     uint32 // the source that retransmits it; 0: none named
	nack       bool   // a receiver may ask for packets again
	codecs     [128]codec
	extensions map[string]uint8 // by URI
}

// codec of a payload type, as far as it matters here.
type codec uint8

const (
	codecNone codec = iota
	codecOpus
	codecVP8
	codecRepair // RFC 4588
)

// The header extensions that are negotiated.
const (
	extensionMID         = "urn:ietf:params:rtp-hdrext:sdes:mid"
	extensionLevel       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	extensionTransportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// read picks out of an SDP what this package needs; what it can't read it leaves out.
func read(sdp string) description {
	var d description
	var m *mediaLine
	for line := range lines(sdp) {
		key, value := split(line)
		if key == "m" {
			kind := Audio
			if strings.HasPrefix(value, "video") {
				kind = Video
			}
			d.media = append(d.media, mediaLine{kind: kind, direction: "sendrecv", extensions: map[string]uint8{}})
			m = &d.media[len(d.media)-1]
			continue
		}
		if m != nil {
			m.attribute(key, value)
		}
	}
	return d
}

func (m *mediaLine) attribute(key, value string) {
	switch key {
	case "a=sendonly", "a=recvonly", "a=inactive", "a=sendrecv":
		m.direction = key[2:]
	case "a=mid":
		m.mid = value
	case "a=ssrc":
		number, _, _ := strings.Cut(value, " ")
		if ssrc := parseSSRC(number); m.ssrc == 0 {
			m.ssrc = ssrc
		}
	case "a=ssrc-group":
		if fields := strings.Fields(value); len(fields) == 3 && fields[0] == "FID" && m.repair == 0 {
			m.ssrc, m.repair = parseSSRC(fields[1]), parseSSRC(fields[2])
		}
	case "a=rtcp-fb":
		_, what, _ := strings.Cut(value, " ")
		m.nack = m.nack || what == "nack"
	case "a=rtpmap":
		format, name, _ := strings.Cut(value, " ")
		if payloadType, err := strconv.ParseUint(format, 10, 7); err == nil {
			m.codecs[payloadType] = codecNamed(name)
		}
	case "a=extmap":
		number, uri, _ := strings.Cut(value, " ")
		number, _, _ = strings.Cut(number, "/") // a direction
		uri, _, _ = strings.Cut(uri, " ")
		if id, err := strconv.ParseUint(number, 10, 8); err == nil && id != 0 {
			m.extensions[uri] = uint8(id)
		}
	}
}

func parseSSRC(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

func codecNamed(rtpmap string) codec {
	name, _, _ := strings.Cut(strings.ToLower(rtpmap), "/")
	switch name {
	case "opus":
		return codecOpus
	case "vp8":
		return codecVP8
	case "rtx":
		return codecRepair
	}
	return codecNone
}

// withoutCandidates leaves out of an offer what Pion must not see: candidates, since the server would send checks to whatever address is
// written there (it learns the client's from the client's own checks), and simulcast, which is not taken yet: a browser whose
// layers aren't answered sends one.
func withoutCandidates(sdp string) string {
	var b strings.Builder
	b.Grow(len(sdp))
	for line := range lines(sdp) {
		switch key, _ := split(line); key {
		case "a=candidate", "a=end-of-candidates", "a=remote-candidates", "a=rid", "a=simulcast":
		default:
			b.WriteString(line)
			b.WriteString("\r\n")
		}
	}
	return b.String()
}

// withCandidates puts our own addresses into an answer, in place of what the transport wrote: on the first m-line that wasn't declined,
// which carries all others. tcpPort 0: no TCP.
func withCandidates(sdp string, addresses []netip.AddrPort, tcpPort uint16) string {
	var b strings.Builder
	b.Grow(len(sdp) + 200*len(addresses))
	var here, done bool
	end := func() {
		if !here || done {
			return
		}
		done = true
		for i, a := range addresses {
			// A host candidate of component 1 (RFC 8839 section 5.1; priority: RFC 8445 section 5.1.2.1).
			priority := 126<<24 | (65535-i)<<8 | 255
			fmt.Fprintf(&b, "a=candidate:%d 1 udp %d %s %d typ host\r\n", i+1, priority, a.Addr(), a.Port())
		}
		for i, a := range addresses {
			if tcpPort == 0 {
				break
			}
			// One that waits for the client to connect, below all of UDP (RFC 6544 section 4.2).
			priority := 90<<24 | (4<<13|(8191-i))<<8 | 255
			fmt.Fprintf(&b, "a=candidate:%d 1 tcp %d %s %d typ host tcptype passive\r\n", len(addresses)+i+1, priority, a.Addr(), tcpPort)
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	for line := range lines(sdp) {
		switch key, value := split(line); key {
		case "a=candidate", "a=end-of-candidates":
			continue
		case "m":
			end()
			fields := strings.Fields(value)
			here = len(fields) > 1 && fields[1] != "0"
		}
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	end()
	return b.String()
}
