package sfu

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// slotTrack is what Pion takes a slot for: a local track. Binding gives the slot its outlet.
type slotTrack struct{ slot *Slot }

func (t *slotTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, repair, ok := chosen(c.CodecParameters(), t.slot.kind)
	if !ok {
		return webrtc.RTPCodecParameters{}, fmt.Errorf("m-line %q offers no codec that is forwarded: %w", t.slot.mid, webrtc.ErrUnsupportedCodec)
	}
	out := outlet{
		writer: c.WriteStream(), ssrc: uint32(c.SSRC()), payload: uint8(codec.PayloadType), clock: codec.ClockRate,
	}
	if repair != 0 {
		out.repairSSRC, out.repairPayload = uint32(c.SSRCRetransmission()), uint8(repair)
	}
	t.slot.attach(out)
	return codec, nil
}

// chosen finds our codec among the negotiated ones, and the payload type that retransmits it (0: none).
func chosen(codecs []webrtc.RTPCodecParameters, kind Kind) (codec webrtc.RTPCodecParameters, repair webrtc.PayloadType, ok bool) {
	name := webrtc.MimeTypeOpus
	if kind == Video {
		name = webrtc.MimeTypeVP8
	}
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, name) {
			codec, ok = c, true
			break
		}
	}
	for _, c := range codecs {
		if ok && strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && repairs(c.SDPFmtpLine, codec.PayloadType) {
			repair = c.PayloadType
		}
	}
	return codec, repair, ok
}

// repairs says whether parameters of a retransmission format name this payload type (apt of RFC 4588 section 8.6).
func repairs(parameters string, of webrtc.PayloadType) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		if strings.TrimSpace(parameter) == "apt="+strconv.Itoa(int(of)) {
			return true
		}
	}
	return false
}

func (t *slotTrack) Unbind(webrtc.TrackLocalContext) error {
	t.slot.detach()
	return nil
}

func (t *slotTrack) ID() string       { return "slot-" + t.slot.mid }
func (t *slotTrack) RID() string      { return "" }
func (t *slotTrack) StreamID() string { return "slot-" + t.slot.mid }

func (t *slotTrack) Kind() webrtc.RTPCodecType {
	if t.slot.kind == Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// pionLogs passes what Pion says to our log, all of it at debug level: Pion warns about every packet of garbage, and what matters to an operator
// reaches us as an event or an error anyway.
type pionLogs struct{ log *slog.Logger }

// PionLogs gives whatever else is built on Pion the same quiet log.
func PionLogs(log *slog.Logger) logging.LoggerFactory { return pionLogs{log} }

func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{l.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) say(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)                      {}
func (l pionLog) Tracef(string, ...any)             {}
func (l pionLog) Debug(msg string)                  { l.say("%s", msg) }
func (l pionLog) Debugf(format string, args ...any) { l.say(format, args...) }
func (l pionLog) Info(msg string)                   { l.say("%s", msg) }
func (l pionLog) Infof(format string, args ...any)  { l.say(format, args...) }
func (l pionLog) Warn(msg string)                   { l.say("%s", msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.say(format, args...) }
func (l pionLog) Error(msg string)                  { l.say("%s", msg) }
func (l pionLog) Errorf(format string, args ...any) { l.say(format, args...) }
