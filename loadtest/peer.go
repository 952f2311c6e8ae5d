package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	audioLevelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level" // RFC 6464
	loudness      = 20                                            // dBov below full scale: somebody speaks
	// helloAgain is after how long a lost DTLS flight is sent again, about as browsers do; Pion's own default is a second.
	helloAgain = 100 * time.Millisecond
	// checks is how often a way is tried before it is given up: for 15 s, about as browsers do.
	checks = 75
)

// peerEvents are called from Pion's goroutines.
type peerEvents struct {
	checked   func() // ICE has found a way
	connected func() // DTLS is done: media may flow
	keyFrame  func() // a key frame has come as a whole on some slot
	packet    func(mid string)
}

// peer is a client's peer connection: a microphone and a camera that send, and slots that receive.
type peer struct {
	connection *webrtc.PeerConnection
	events     peerEvents
	begin      time.Time
	microphone *webrtc.RTPTransceiver // nil: has none
	camera     *webrtc.RTPTransceiver // nil: has none

	sending   atomic.Bool // in the visit and connected
	keyWanted atomic.Bool
	asked     atomic.Uint64 // key-frame requests received
	sent      atomic.Uint64 // packets

	mu    sync.Mutex
	sinks map[string]*sink // by mid

	stop  context.CancelFunc
	group sync.WaitGroup
}

// newPeer makes a peer with the slots of the options. local: the server is on this machine's loopback. begin is when its clock starts.
// Where there are relays, they are the only way.
func newPeer(begin time.Time, options Options, local bool, relays []Relay, events peerEvents) (*peer, error) {
	api, err := newAPI(local, len(relays) > 0)
	if err != nil {
		return nil, err
	}
	configuration := webrtc.Configuration{}
	for _, r := range relays {
		configuration.ICETransportPolicy = webrtc.ICETransportPolicyRelay
		configuration.ICEServers = append(configuration.ICEServers, webrtc.ICEServer{URLs: r.URLs, Username: r.Username, Credential: r.Credential})
	}
	connection, err := api.NewPeerConnection(configuration)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &peer{connection: connection, events: events, begin: begin, sinks: map[string]*sink{}, stop: stop}
	connection.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			events.checked()
		}
	})
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			events.connected()
		}
	})
	connection.OnTrack(p.receive)
	if options.Sends {
		err = errors.Join(p.addMicrophone(ctx), p.addCamera(ctx, options.Light))
	}
	if err = errors.Join(err, p.addSlots(options.Audio, options.Video)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// newAPI sets Pion up as a browser that offers VP8 with retransmissions, and Opus.
func newAPI(local, relayed bool) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	vp8 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000, RTCPFeedback: feedback}
	rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90_000, SDPFmtpLine: "apt=96"}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	registry := &interceptor.Registry{}
	err := errors.Join(
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: 96}, webrtc.RTPCodecTypeVideo),
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 97}, webrtc.RTPCodecTypeVideo),
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio),
		media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio),
		webrtc.ConfigureNack(media, registry),
		webrtc.ConfigureRTCPReports(registry),
	)
	if err != nil {
		return nil, fmt.Errorf("set Pion up: %w", err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	if relayed { // to speak to the relay by TCP
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetDTLSRetransmissionInterval(helloAgain)
	settings.SetICEMaxBindingRequests(checks)
	if local {
		settings.SetIncludeLoopbackCandidate(true)
		settings.SetIPFilter(net.IP.IsLoopback)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

// addSlots adds receive-only lines, for the next offer.
func (p *peer) addSlots(audio, video int) error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for range audio {
		if _, err := p.connection.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, receive); err != nil {
			return fmt.Errorf("add a slot: %w", err)
		}
	}
	for range video {
		if _, err := p.connection.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, receive); err != nil {
			return fmt.Errorf("add a slot: %w", err)
		}
	}
	return nil
}

// widen brings the slots up to so many in all, for the next offer.
func (p *peer) widen(audio, video int) error {
	for _, transceiver := range p.connection.GetTransceivers() {
		switch {
		case transceiver.Direction() != webrtc.RTPTransceiverDirectionRecvonly:
		case transceiver.Kind() == webrtc.RTPCodecTypeAudio:
			audio--
		default:
			video--
		}
	}
	return p.addSlots(max(audio, 0), max(video, 0))
}

// offer makes the next offer, or gives the last one again when it was not answered. It has no candidates: the server learns them from the checks.
func (p *peer) offer(restart bool) (sdp string, sources map[string]string, err error) {
	description := p.connection.PendingLocalDescription()
	if description == nil {
		made, err := p.connection.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
		if err != nil {
			return "", nil, fmt.Errorf("make an offer: %w", err)
		}
		if err := p.connection.SetLocalDescription(made); err != nil {
			return "", nil, fmt.Errorf("take the own offer: %w", err)
		}
		description = &made
	}
	sources = map[string]string{}
	if p.microphone != nil {
		sources[p.microphone.Mid()] = sourceMicrophone
	}
	if p.camera != nil {
		sources[p.camera.Mid()] = sourceCamera
	}
	return description.SDP, sources, nil
}

func (p *peer) accept(answer string) error {
	err := p.connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	return nil
}

// receive reads one slot until the peer is closed. Pion calls it on a goroutine of its own when the first packet comes.
func (p *peer) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	video := track.Kind() == webrtc.RTPCodecTypeVideo
	mid := p.mid(receiver)
	s := p.sink(mid)
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		at := time.Since(p.begin)
		if s.take(packet, video, at) {
			p.events.keyFrame()
		}
		p.events.packet(mid)
		if video && s.mustAsk(at) {
			// An error means that the connection is going down: the next read says so.
			_ = p.connection.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
		}
	}
}

func (p *peer) mid(receiver *webrtc.RTPReceiver) string {
	for _, transceiver := range p.connection.GetTransceivers() {
		if transceiver.Receiver() == receiver {
			return transceiver.Mid()
		}
	}
	return ""
}

func (p *peer) sink(mid string) *sink {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sinks[mid] == nil {
		p.sinks[mid] = &sink{}
	}
	return p.sinks[mid]
}

// close ends the connection and waits for everything the peer has started.
func (p *peer) close() error {
	p.stop()
	err := p.connection.GracefulClose()
	p.group.Wait()
	return err
}

// addLine adds a send-only line and the goroutine that reads the server's wishes about it.
func (p *peer) addLine(capability webrtc.RTPCodecCapability, name string) (*webrtc.RTPTransceiver, *webrtc.TrackLocalStaticRTP, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(capability, name, name)
	if err != nil {
		return nil, nil, fmt.Errorf("add a %s: %w", name, err)
	}
	line, err := p.connection.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, nil, fmt.Errorf("add a %s: %w", name, err)
	}
	p.group.Go(func() {
		for {
			packets, _, err := line.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				switch packet.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					p.asked.Add(1)
					p.keyWanted.Store(true)
				}
			}
		}
	})
	return line, track, nil
}

// addCamera adds a camera. Like a real one it makes a key frame, when asked to, of the next picture it takes.
func (p *peer) addCamera(ctx context.Context, light bool) error {
	line, track, err := p.addLine(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}, sourceCamera)
	if err != nil {
		return err
	}
	p.camera = line
	source, pace := newPicture(), frameEvery
	if light {
		source.size, source.keySize, pace = lightSize, lightSize, lightEvery
	}
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}}
	p.every(ctx, pace, func(fresh bool) {
		packet.Timestamp += uint32(pace * frameTicks / frameEvery) //nolint:gosec // thousands
		source.frame(p.keyWanted.Swap(false) || fresh, func(payload []byte, last bool) {
			packet.SequenceNumber++
			packet.Marker, packet.Payload = last, payload
			p.send(track, packet)
		})
	})
	return nil
}

func (p *peer) addMicrophone(ctx context.Context) error {
	line, track, err := p.addLine(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}, sourceMicrophone)
	if err != nil {
		return err
	}
	p.microphone = line
	level, err := rtp.AudioLevelExtension{Level: loudness, Voice: true}.Marshal()
	if err != nil {
		return fmt.Errorf("write the loudness: %w", err)
	}
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: sound()}
	p.every(ctx, soundEvery, func(fresh bool) {
		if fresh {
			// The extension's number is settled by the answer, so it is known once sending has begun.
			for _, extension := range line.Sender().GetParameters().HeaderExtensions {
				if extension.URI == audioLevelURI {
					_ = packet.SetExtension(uint8(extension.ID), level) //nolint:gosec // 1 to 14
				}
			}
		}
		packet.Timestamp += soundTicks
		packet.SequenceNumber++
		p.send(track, packet)
	})
	return nil
}

// every runs act at this pace while the peer is sending; fresh says that it was not at the turn before.
func (p *peer) every(ctx context.Context, pace time.Duration, act func(fresh bool)) {
	p.group.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for was := false; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			is := p.sending.Load()
			if is {
				act(!was)
			}
			was = is
		}
	})
}

// send writes one packet. A connection that is going down counts no more; whoever waits for media will notice.
func (p *peer) send(track *webrtc.TrackLocalStaticRTP, packet *rtp.Packet) {
	if track.WriteRTP(packet) == nil {
		p.sent.Add(1)
	}
}
