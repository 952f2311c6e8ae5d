// Package sfutest plays a browser against package sfu in tests and load: a Pion peer connection with send-only and receive-only
// lines, synthetic VP8 and Opus, and counters of what arrives.
// A Client owns its connection, its goroutines and its socket until Close; an Impaired socket loses packets by a seeded chance.
// It must never be part of the server.
package sfutest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"
)

// Options of a Client; the zero value offers nothing.
type Options struct {
	Microphones, Cameras   int // send-only lines
	AudioSlots, VideoSlots int // receive-only lines of the first offer
	// Conn is the socket to use; nil: a new one on 127.0.0.1. The client closes it.
	Conn net.PacketConn
	// TCP has the client reach the server by TCP alone, at the addresses of its answer.
	TCP bool
	// Relays, when given, are the only way: the client reaches the server through one of them.
	Relays []webrtc.ICEServer
	// Frame is the time between video frames (0: 33 ms); FrameSize and KeyFrameSize their size in bytes (0: 4000 and 12000).
	Frame                   time.Duration
	FrameSize, KeyFrameSize int
	// HideSources leaves the a=ssrc lines out of offers, as simulcast does; packets carry their mid instead.
	HideSources bool
	// OnRTP, when set, sees every media packet on the slot with this mid as it is read (repaired ones included). It must not block.
	OnRTP func(mid string, packet *rtp.Packet)
}

// Client is one Pion peer.
type Client struct {
	options    Options
	connection *webrtc.PeerConnection
	mux        ice.UDPMux
	connected  chan struct{}
	done       chan struct{}
	running    sync.WaitGroup
	close      sync.Once
	received   counters

	mu      sync.Mutex
	up      bool
	sources []*source // by m-line
	slots   []*webrtc.RTPTransceiver
}

// New makes a client that hasn't offered yet.
func New(o Options) (*Client, error) {
	if o.Conn == nil {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("sfutest: socket: %w", err)
		}
		o.Conn = conn
	}
	if sized, ok := o.Conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = sized.SetReadBuffer(1 << 20) // a busy machine loses less; less is no error
	}
	c := &Client{options: o, connected: make(chan struct{}), done: make(chan struct{})}
	c.received.init()
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	c.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: o.Conn, Logger: quiet.NewLogger("mux")})
	if err := c.connect(quiet); err != nil {
		return nil, errors.Join(err, c.mux.Close())
	}
	for _, lines := range []struct {
		count     int
		kind      webrtc.RTPCodecType
		direction webrtc.RTPTransceiverDirection
	}{
		{o.Microphones, webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionSendonly},
		{o.Cameras, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionSendonly},
		{o.AudioSlots, webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly},
		{o.VideoSlots, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly},
	} {
		for range lines.count {
			if err := c.addLine(lines.kind, lines.direction); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
	}
	return c, nil
}

func (c *Client) connect(logs logging.LoggerFactory) error {
	media, err := mediaEngine()
	if err != nil {
		return err
	}
	registry := &interceptor.Registry{}
	if err := configure(media, registry); err != nil {
		return err
	}
	settings := webrtc.SettingEngine{LoggerFactory: logs}
	settings.SetICEUDPMux(c.mux)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	if c.options.TCP {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
		settings.SetICEUDPMux(nil)
	}
	configuration := webrtc.Configuration{}
	if len(c.options.Relays) > 0 {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
		settings.SetICEUDPMux(nil)
		configuration = webrtc.Configuration{ICEServers: c.options.Relays, ICETransportPolicy: webrtc.ICETransportPolicyRelay}
	}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	settings.SetICEMaxBindingRequests(75) // in 15 s, after which browsers give a way up too
	settings.BufferFactory = func(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
		buffer := countingBuffer{Buffer: packetio.NewBuffer()}
		buffer.SetLimitSize(1 << 20)
		if kind == packetio.RTPBufferPacket {
			buffer.raw = c.received.raw(ssrc)
		}
		return buffer
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings), webrtc.WithInterceptorRegistry(registry))
	c.connection, err = api.NewPeerConnection(configuration)
	if err != nil {
		return fmt.Errorf("sfutest: peer connection: %w", err)
	}
	c.connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if state == webrtc.PeerConnectionStateConnected && !c.up {
			c.up = true
			close(c.connected)
		}
	})
	c.connection.OnTrack(c.take)
	return nil
}

// mediaEngine is a browser's: VP8 with retransmission and Opus, with the header extensions and feedback of both.
func mediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	video := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	err := errors.Join(
		m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: opusType, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}}}}, webrtc.RTPCodecTypeAudio),
		m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: vp8Type, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000, RTCPFeedback: video}}, webrtc.RTPCodecTypeVideo),
		m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: vp8Type + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90_000, SDPFmtpLine: fmt.Sprintf("apt=%d", vp8Type)}}, webrtc.RTPCodecTypeVideo),
	)
	for _, uri := range []string{midURI, levelURI} {
		err = errors.Join(err, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeAudio))
	}
	err = errors.Join(err, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: midURI}, webrtc.RTPCodecTypeVideo))
	if err != nil {
		return nil, fmt.Errorf("sfutest: codecs: %w", err)
	}
	return m, nil
}

// The client's numbers differ from what servers like to use, so that a server that doesn't heed them is found out.
const (
	opusType = 109
	vp8Type  = 120
	midURI   = "urn:ietf:params:rtp-hdrext:sdes:mid"
	levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
)

// configure adds what a browser's engine does by itself: repair, reports, transport-wide numbers on what it sends.
func configure(m *webrtc.MediaEngine, r *interceptor.Registry) error {
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(10*time.Millisecond), nack.GeneratorMaxNacksPerPacket(10))
	if err != nil {
		return fmt.Errorf("sfutest: interceptors: %w", err)
	}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return fmt.Errorf("sfutest: interceptors: %w", err)
	}
	r.Add(responder)
	r.Add(generator)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		m.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, kind)
	}
	if err := errors.Join(webrtc.ConfigureRTCPReports(r), webrtc.ConfigureTWCCHeaderExtensionSender(m, r)); err != nil {
		return fmt.Errorf("sfutest: interceptors: %w", err)
	}
	return nil
}

func (c *Client) addLine(kind webrtc.RTPCodecType, direction webrtc.RTPTransceiverDirection) error {
	init := webrtc.RTPTransceiverInit{Direction: direction}
	if direction == webrtc.RTPTransceiverDirectionRecvonly {
		transceiver, err := c.connection.AddTransceiverFromKind(kind, init)
		if err != nil {
			return fmt.Errorf("sfutest: add %s slot: %w", kind, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.slots = append(c.slots, transceiver)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := newSource(c, kind, len(c.sources))
	if err != nil {
		return err
	}
	transceiver, err := c.connection.AddTransceiverFromTrack(s.track, init)
	if err != nil {
		return fmt.Errorf("sfutest: add %s: %w", kind, err)
	}
	s.transceiver = transceiver
	c.sources = append(c.sources, s)
	c.running.Go(s.listen)
	return nil
}

// AddSlots adds receive-only lines to the next offer.
func (c *Client) AddSlots(audio, video int) error {
	for range audio {
		if err := c.addLine(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly); err != nil {
			return err
		}
	}
	for range video {
		if err := c.addLine(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly); err != nil {
			return err
		}
	}
	return nil
}

// AddSources adds send-only lines to the next offer.
func (c *Client) AddSources(microphones, cameras int) error {
	for range microphones {
		if err := c.addLine(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionSendonly); err != nil {
			return err
		}
	}
	for range cameras {
		if err := c.addLine(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionSendonly); err != nil {
			return err
		}
	}
	return nil
}

// Offer makes an offer and sets it as local description, without waiting for candidates. One that was not answered is given again.
func (c *Client) Offer() (string, error) { return c.offer(nil) }

// Restart makes an offer that restarts ICE.
func (c *Client) Restart() (string, error) { return c.offer(&webrtc.OfferOptions{ICERestart: true}) }

func (c *Client) offer(options *webrtc.OfferOptions) (string, error) {
	if pending := c.connection.PendingLocalDescription(); pending != nil { // its answer was lost
		return pending.SDP, nil
	}
	offer, err := c.connection.CreateOffer(options)
	if err != nil {
		return "", fmt.Errorf("sfutest: offer: %w", err)
	}
	if err := c.connection.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("sfutest: offer: %w", err)
	}
	if !c.options.HideSources {
		return offer.SDP, nil
	}
	var b strings.Builder
	for line := range strings.Lines(offer.SDP) {
		if !strings.HasPrefix(line, "a=ssrc") {
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

// Accept takes the server's answer.
func (c *Client) Accept(answer string) error {
	c.received.learn(answer)
	if err := c.connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("sfutest: accept answer: %w", err)
	}
	return nil
}

// WaitConnected waits until media can flow.
func (c *Client) WaitConnected(ctx context.Context) error {
	select {
	case <-c.connected:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sfutest: connect: %w", ctx.Err())
	}
}

// MicrophoneMIDs and its like name the lines in the order they were added; they are known after Offer.
func (c *Client) MicrophoneMIDs() []string { return c.sourceMIDs(webrtc.RTPCodecTypeAudio) }

// CameraMIDs are the lines on which video can be sent.
func (c *Client) CameraMIDs() []string { return c.sourceMIDs(webrtc.RTPCodecTypeVideo) }

// AudioSlotMIDs are the lines on which audio can arrive.
func (c *Client) AudioSlotMIDs() []string { return c.slotMIDs(webrtc.RTPCodecTypeAudio) }

// VideoSlotMIDs are the lines on which video can arrive.
func (c *Client) VideoSlotMIDs() []string { return c.slotMIDs(webrtc.RTPCodecTypeVideo) }

func (c *Client) sourceMIDs(kind webrtc.RTPCodecType) (mids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if s.kind == kind {
			mids = append(mids, s.transceiver.Mid())
		}
	}
	return mids
}

func (c *Client) slotMIDs(kind webrtc.RTPCodecType) (mids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.slots {
		if t.Kind() == kind {
			mids = append(mids, t.Mid())
		}
	}
	return mids
}

func (c *Client) source(mid string) *source {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if s.transceiver.Mid() == mid {
			return s
		}
	}
	return nil
}

// Send starts or stops synthetic media on a send-only line. Video starts with a key frame.
func (c *Client) Send(mid string, on bool) {
	if s := c.source(mid); s != nil {
		s.send(on)
	}
}

// KeyFrameRequests counts PLI and FIR that came for a send-only line.
func (c *Client) KeyFrameRequests(mid string) uint64 {
	if s := c.source(mid); s != nil {
		return s.requests.Load()
	}
	return 0
}

// Connection is the peer connection itself, for what the client doesn't offer.
func (c *Client) Connection() *webrtc.PeerConnection { return c.connection }

// Close ends the client and waits for its goroutines. Calling it again does nothing.
func (c *Client) Close() error {
	var err error
	c.close.Do(func() {
		close(c.done)
		err = c.connection.GracefulClose()
		c.running.Wait()
		err = errors.Join(err, c.mux.Close())
	})
	return err
}
