package sfu

import (
	"bytes"
	"testing"
)

func TestParseVP8(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want vp8Header
		ok   bool
	}{
		{"empty", nil, vp8Header{}, false},
		{"descriptor only", []byte{0x10}, vp8Header{}, false},
		{"key frame", []byte{0x10, 0x00}, vp8Header{keyFrame: true}, true},
		{"size of a key frame", []byte{0x10, 0x00, 0, 0, 0x9D, 0x01, 0x2A, 0x00, 0x45, 0xD0, 0x02}, vp8Header{keyFrame: true, width: 1280, height: 720}, true},
		{"key frame cut off within its size", []byte{0x10, 0x00, 0, 0, 0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0}, vp8Header{keyFrame: true}, true},
		{"key frame without its start code", []byte{0x10, 0x00, 0, 0, 0x9D, 0x01, 0x2B, 0x00, 0x05, 0xD0, 0x02}, vp8Header{keyFrame: true}, true},
		{"delta frame that looks like it had a size", []byte{0x10, 0x01, 0, 0, 0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0, 0x02}, vp8Header{}, true},
		{"delta frame", []byte{0x10, 0x01}, vp8Header{}, true},
		{"not the start", []byte{0x00, 0x00}, vp8Header{}, true},
		{"second partition", []byte{0x11, 0x00}, vp8Header{}, true},
		{"narrow picture id", []byte{0x90, 0x80, 0x05, 0x00}, vp8Header{keyFrame: true, pictureIDAt: 2, pictureID: 5}, true},
		{"wide picture id", []byte{0x90, 0x80, 0x81, 0x02, 0x00}, vp8Header{keyFrame: true, pictureIDAt: 2, pictureID: 0x102, wide: true}, true},
		{"all fields", []byte{0x90, 0xF0, 0x81, 0x02, 0x44, 0x20, 0x01},
			vp8Header{pictureIDAt: 2, pictureID: 0x102, wide: true, layerAt: 4, layer: 0x44}, true},
		{"layer only", []byte{0x90, 0x40, 0x44, 0x00}, vp8Header{keyFrame: true, layerAt: 2, layer: 0x44}, true},
		{"key index only", []byte{0x90, 0x10, 0x01, 0x00}, vp8Header{keyFrame: true}, true},
		{"picture id cut off", []byte{0x90, 0x80}, vp8Header{}, false},
		{"wide picture id cut off", []byte{0x90, 0x80, 0x81}, vp8Header{}, false},
		{"layer cut off", []byte{0x90, 0xC0, 0x01}, vp8Header{}, false},
		{"no frame behind", []byte{0x90, 0xB0, 0x01, 0x20}, vp8Header{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := parseVP8(c.in)
			if ok != c.ok || ok && got != c.want {
				t.Errorf("%+v %v", got, ok)
			}
		})
	}
}

func TestPicturesGoOn(t *testing.T) {
	var p pictures
	show := func(payload []byte, begins bool) []byte {
		t.Helper()
		h, ok := parseVP8(payload)
		if !ok {
			t.Fatal("no VP8")
		}
		if begins {
			p.begin(h)
		}
		p.sent(h)
		out := bytes.Clone(payload)
		p.rewrite(h, out)
		if !p.changes(h) && !bytes.Equal(out, payload) {
			t.Error("changes what it says it doesn't")
		}
		return out
	}
	wide := func(id uint16, layer uint8) []byte {
		return []byte{0x90, 0xC0, byte(id>>8) | 0x80, byte(id), layer, 0x00}
	}
	for _, c := range []struct {
		name   string
		in     []byte
		begins bool
		want   []byte
	}{
		{"the first is kept", wide(0x7FFE, 254), true, wide(0x7FFE, 254)},
		{"and goes on", wide(0x7FFF, 255), false, wide(0x7FFF, 255)},
		{"another source follows, wrapped", wide(9, 9), true, wide(0, 0)},
		{"and goes on", wide(10, 10), false, wide(1, 1)},
		{"a source without ids", []byte{0x10, 0x00}, true, []byte{0x10, 0x00}},
		{"a narrow source", []byte{0x90, 0x80, 0x7F, 0x00}, true, []byte{0x90, 0x80, 0x02, 0x00}},
		{"wraps narrowly", []byte{0x90, 0x80, 0x00, 0x00}, false, []byte{0x90, 0x80, 0x03, 0x00}},
		{"a wide source again", wide(100, 100), true, wide(4, 2)},
	} {
		if got := show(c.in, c.begins); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, want % x", c.name, got, c.want)
		}
	}
}

func FuzzVP8(f *testing.F) {
	f.Add([]byte{0x90, 0xF0, 0x81, 0x02, 0x44, 0x20, 0x01}, uint16(5))
	f.Add([]byte{0x10, 0x00}, uint16(0))
	f.Fuzz(func(t *testing.T, payload []byte, shift uint16) {
		h, ok := parseVP8(payload)
		if !ok {
			return
		}
		p := pictures{known: true, shiftID: shift, shiftLayer: uint8(shift)}
		out := bytes.Clone(payload)
		p.rewrite(h, out)
		again, ok := parseVP8(out)
		if !ok || again.keyFrame != h.keyFrame || again.wide != h.wide || again.pictureIDAt != h.pictureIDAt || again.layerAt != h.layerAt {
			t.Fatalf("%+v became %+v", h, again)
		}
		id, layer := p.shifted(h)
		if h.pictureIDAt != 0 && again.pictureID != id || h.layerAt != 0 && again.layer != layer {
			t.Fatalf("%+v, want %d %d", again, id, layer)
		}
	})
}
