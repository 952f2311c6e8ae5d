package loadtest

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

// soon bounds every wait: far more than any of them needs.
const soon = time.Minute

// mirror answers a peer and shows it its own microphone and camera in its first slots.
type mirror struct {
	connection *webrtc.PeerConnection
	camera     chan webrtc.SSRC
}

func newMirror(t *testing.T, offer string) (*mirror, string) {
	t.Helper()
	api, err := newAPI(true, false)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := connection.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	m := &mirror{connection: connection, camera: make(chan webrtc.SSRC, 1)}
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	back := map[webrtc.RTPCodecType]*webrtc.TrackLocalStaticRTP{}
	for kind, codec := range map[webrtc.RTPCodecType]string{webrtc.RTPCodecTypeAudio: webrtc.MimeTypeOpus, webrtc.RTPCodecTypeVideo: webrtc.MimeTypeVP8} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec}, kind.String(), "back")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := connection.AddTrack(track); err != nil {
			t.Fatal(err)
		}
		back[kind] = track
	}
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			m.camera <- track.SSRC()
		}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			packet.Extension, packet.Extensions = false, nil
			if err := back[track.Kind()].WriteRTP(packet); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("send back: %v", err)
			}
		}
	})
	gathered := webrtc.GatheringCompletePromise(connection)
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return m, connection.LocalDescription().SDP
}

// TestPeer sends to a mirror and receives what comes back.
func TestPeer(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	connected, keys := make(chan struct{}), make(chan struct{}, 1)
	p, err := newPeer(time.Now(), Options{Sends: true, Audio: 1, Video: 2}, true, nil, peerEvents{packet: func(string) {},
		checked:   func() {},
		connected: func() { close(connected) },
		keyFrame: func() {
			select {
			case keys <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	offer, sources, err := p.offer(false)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != 2 || sources["0"] != sourceMicrophone || sources["1"] != sourceCamera {
		t.Errorf("sources %v", sources)
	}
	m, answer := newMirror(t, offer)
	if err := p.accept(answer); err != nil {
		t.Fatal(err)
	}
	await(t, "the connection", connected)

	if sent := p.sent.Load(); sent != 0 {
		t.Errorf("%d packets were sent before the peer was let", sent)
	}
	p.sending.Store(true)
	ssrc := await(t, "the camera at the other side", m.camera)
	if err := m.connection.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}); err != nil {
		t.Fatal(err)
	}
	await(t, "a key frame on request", keys)
	eventually(t, "the request was counted", func() bool { return p.asked.Load() > 0 })
	for _, mid := range []string{"2", "3"} {
		eventually(t, "packets on slot "+mid, func() bool { return p.sink(mid).packets.Load() > 0 })
	}
	if n := p.sink("4").packets.Load(); n != 0 {
		t.Errorf("%d packets came on a slot that shows nothing", n)
	}

	if err := p.widen(3, 2); err != nil {
		t.Fatal(err)
	}
	if n := len(p.connection.GetTransceivers()); n != 2+3+2 {
		t.Errorf("%d lines after widening to 3 and 2 slots", n)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(soon):
		t.Fatalf("never came: %s", what)
		panic("unreachable")
	}
}
