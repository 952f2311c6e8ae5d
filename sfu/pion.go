package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	network "github.com/pion/transport/v5"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

// Times of the transports.
const (
	// silentFor is longer than any outage that ICE restarts are to bridge: on failure Pion forgets its candidates, and the peer is lost.
	silentFor      = 40 * time.Second
	silentParts    = 8 // of it, after the first of which a peer counts as disconnected, which changes nothing here
	iceKeepAlive   = 2 * time.Second
	dtlsRetransmit = 100 * time.Millisecond // the default second was seen to cost a second at joining
	certificateAge = 7 * 24 * time.Hour     // then new peers get another
)

// pionEngine is what the transports of all peers share: the socket's mux and the certificate.
type pionEngine struct {
	mux     *announcedMux
	paths   *pathMux
	tcp     *tcpPaths   // nil: none
	net     network.Net // what Pion takes for the machine's interfaces
	silence time.Duration
	log     pionLogs

	mu          sync.Mutex
	certificate *webrtc.Certificate
	made        time.Time
}

func newPionEngine(c Config, addresses []netip.AddrPort) (*pionEngine, error) {
	network, err := newPathNet(addresses)
	if err != nil {
		return nil, err
	}
	logs := pionLogs{c.Logger}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: c.Conn, Logger: logs.NewLogger("mux")})
	e := &pionEngine{mux: newAnnouncedMux(mux, addresses), paths: newPathMux(addresses[0].Port()), net: network, silence: c.Silence, log: logs}
	if c.TCP != nil {
		e.tcp = newTCPPaths(c.TCP, e.paths)
	}
	return e, nil
}

func (e *pionEngine) close() error {
	var err error
	if e.tcp != nil {
		err = e.tcp.close()
	}
	return errors.Join(err, e.paths.Close(), e.mux.Close())
}

// pathNet shows Pion one interface with one address for each family of the announced ones: that many ends of paths it makes a peer, and asks the
// kernel nothing.
type pathNet struct {
	*stdnet.Net
	one []*network.Interface
}

func newPathNet(addresses []netip.AddrPort) (*pathNet, error) {
	own, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("sfu: network: %w", err)
	}
	one := network.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "paths", Flags: net.FlagUp | net.FlagLoopback})
	for _, family := range []struct {
		six     bool
		address net.IP
	}{{false, net.IPv4(127, 0, 0, 1)}, {true, net.IPv6loopback}} {
		if slices.ContainsFunc(addresses, func(a netip.AddrPort) bool { return a.Addr().Is6() == family.six }) {
			bits := 8 * len(family.address)
			one.AddAddress(&net.IPNet{IP: family.address, Mask: net.CIDRMask(bits, bits)})
		}
	}
	return &pathNet{Net: own, one: []*network.Interface{one}}, nil
}

func (n *pathNet) Interfaces() ([]*network.Interface, error) { return n.one, nil }

// announcedMux shows Pion one address of each family: a candidate costs it a reading goroutine each, and several of them on one socket
// would overtake one another. Answers list all addresses; which of them a packet came to doesn't matter to one socket.
type announcedMux struct {
	*ice.UDPMuxDefault
	listen []net.Addr
}

func newAnnouncedMux(mux *ice.UDPMuxDefault, addresses []netip.AddrPort) *announcedMux {
	m := &announcedMux{UDPMuxDefault: mux}
	var have [2]bool
	for _, a := range addresses {
		family := 0
		if a.Addr().Is6() {
			family = 1
		}
		if !have[family] {
			have[family] = true
			m.listen = append(m.listen, net.UDPAddrFromAddrPort(a))
		}
	}
	return m
}

func (m *announcedMux) GetListenAddresses() []net.Addr { return m.listen }

// GetConn asks the mux with the address it knows itself by, as long as that says the same family.
func (m *announcedMux) GetConn(ufrag string, address net.Addr) (net.PacketConn, error) {
	if local, ok := m.LocalAddr().(*net.UDPAddr); ok && !local.IP.IsUnspecified() {
		address = local
	}
	return m.UDPMuxDefault.GetConn(ufrag, address)
}

// current is the certificate that new peers use.
func (e *pionEngine) current(now time.Time) (webrtc.Certificate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.certificate != nil && now.Sub(e.made) < certificateAge {
		return *e.certificate, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("sfu: make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("sfu: make certificate: %w", err)
	}
	made, err := webrtc.NewCertificate(key, x509.Certificate{
		SerialNumber: serial,
		NotBefore:    now.Add(-24 * time.Hour), NotAfter: now.Add(4 * certificateAge), // clocks differ
	})
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("sfu: make certificate: %w", err)
	}
	e.certificate, e.made = made, now
	return *made, nil
}

// newTransport is an API and a peer connection of its own, so that the buffer factory knows whose packet it gets.
func (e *pionEngine) newTransport(in intake, now time.Time) (transport, error) {
	certificate, err := e.current(now)
	if err != nil {
		return nil, err
	}
	media, err := mediaEngine()
	if err != nil {
		return nil, err
	}
	settings, err := e.settings()
	if err != nil {
		return nil, err
	}
	settings.BufferFactory = func(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
		if kind == packetio.RTCPBufferPacket {
			return sinkBuffer{in.openRTCP(ssrc)}
		}
		return sinkBuffer{in.openRTP(ssrc)}
	}
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}), // repair and reports are our own
	)
	connection, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{certificate}})
	if err != nil {
		return nil, fmt.Errorf("sfu: new peer connection: %w", err)
	}
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			in.connected()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			in.lost()
		default: // disconnected is no end: the client restarts ICE
		}
	})
	return &pionTransport{connection: connection, paths: e.paths}, nil
}

func (e *pionEngine) settings() (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: e.log}
	s.SetICEUDPMux(e.mux)
	s.SetICETCPMux(e.paths)
	s.SetNet(e.net)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	s.SetIncludeLoopbackCandidate(true)
	s.DisableActiveTCP(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	disconnected := e.silence / silentParts
	s.SetICETimeouts(disconnected, e.silence-disconnected, min(iceKeepAlive, disconnected)) // Pion adds the first to the second
	s.SetDTLSRetransmissionInterval(dtlsRetransmit)
	// Who sends DTLS was already asked for an answer: the mux passes on only what comes from addresses that passed a STUN check.
	s.SetDTLSInsecureSkipHelloVerify(true)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return s, fmt.Errorf("sfu: settings: %w", err)
	}
	return s, nil
}

// mediaEngine knows the two codecs and what is negotiated with them. Answers carry the client's numbers.
func mediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	video := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"}}
	audio := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "transport-cc"}}
	codecs := []struct {
		kind webrtc.RTPCodecType
		of   webrtc.RTPCodecParameters
	}{
		{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1", RTCPFeedback: audio}}},
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000, RTCPFeedback: video}}},
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{PayloadType: 97, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90_000, SDPFmtpLine: "apt=96"}}},
	}
	for _, c := range codecs {
		if err := m.RegisterCodec(c.of, c.kind); err != nil {
			return nil, fmt.Errorf("sfu: codecs: %w", err)
		}
	}
	// Not urn:3gpp:video-orientation: without it a phone turns its picture upright before sending, and nobody has to turn it on arrival.
	for kind, extensions := range map[webrtc.RTPCodecType][]string{
		webrtc.RTPCodecTypeAudio: {extensionMID, extensionLevel, extensionTransportCC},
		webrtc.RTPCodecTypeVideo: {extensionMID, extensionTransportCC},
	} {
		for _, uri := range extensions {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return nil, fmt.Errorf("sfu: header extensions: %w", err)
			}
		}
	}
	return m, nil
}

// sinkBuffer stands where Pion would queue packets for a reader: it hands them on at once, on the goroutine that decrypted them.
// Nothing is ever there to read, which ends Pion's own readers of unknown streams.
type sinkBuffer struct{ sink packetSink }

func (b sinkBuffer) Write(buf []byte) (int, error) {
	b.sink.receive(buf)
	return len(buf), nil
}

func (sinkBuffer) Read([]byte) (int, error) { return 0, io.EOF }
func (sinkBuffer) Close() error             { return nil }

// pionTransport is the transport on one Pion peer connection.
type pionTransport struct {
	connection *webrtc.PeerConnection
	paths      *pathMux
}

func (t *pionTransport) answer(ctx context.Context, offer string, slots []*Slot) (string, error) {
	c := t.connection
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); errors.Is(err, webrtc.ErrConnectionClosed) {
		return "", fmt.Errorf("peer connection: %w", ErrClosed)
	} else if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	for _, s := range slots {
		sender, err := c.AddTrack(&slotTrack{slot: s})
		if err != nil {
			return "", fmt.Errorf("%w: m-line %q: %w", ErrOffer, s.mid, err)
		}
		if mid := t.mid(sender); mid != s.mid { // AddTrack takes the first free line of the kind
			return "", fmt.Errorf("%w: m-line %q takes no slot (%q did)", ErrOffer, s.mid, mid)
		}
	}
	answer, err := c.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(c)
	if err := c.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return c.LocalDescription().SDP, nil
}

func (t *pionTransport) mid(sender *webrtc.RTPSender) string {
	for _, transceiver := range t.connection.GetTransceivers() {
		if transceiver.Sender() == sender {
			return transceiver.Mid()
		}
	}
	return ""
}

func (t *pionTransport) writeRTCP(packets []rtcp.Packet) error {
	if err := t.connection.WriteRTCP(packets); err != nil {
		return fmt.Errorf("sfu: send RTCP: %w", err)
	}
	return nil
}

func (t *pionTransport) roundTrip() time.Duration {
	pair, ok := t.connection.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

func (t *pionTransport) way() Way {
	pair, err := t.connection.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	switch {
	case err != nil || pair == nil:
		return ""
	case pair.Remote.Protocol == webrtc.ICEProtocolUDP:
		return WayUDP
	}
	if at, err := netip.ParseAddr(pair.Remote.Address); err == nil && t.paths.isRelayed(netip.AddrPortFrom(at.Unmap(), pair.Remote.Port)) {
		return WayRelay
	}
	return WayTCP
}

func (t *pionTransport) close() error {
	if err := t.connection.GracefulClose(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("sfu: close peer connection: %w", err)
	}
	return nil
}
