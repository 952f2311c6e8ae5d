package e2e

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"housecall/e2e/bidi"
	"housecall/e2e/stage"
)

// seatAt seats a participant (by number, see Person.who) at a browser of its kind, on a screen.
type seatAt func(t *testing.T, who int, name string, s bidi.Screen) *Person

// chromium seats somebody at a Chromium.
func chromium(t *testing.T, who int, name string, s bidi.Screen) *Person {
	t.Helper()
	return seat(t, who, name, s, "Chromium", bidi.Allowed)
}

// firefox seats somebody at a Firefox.
func firefox(t *testing.T, who int, name string, s bidi.Screen) *Person {
	t.Helper()
	return seat(t, who, name, s, "Firefox", bidi.Allowed)
}

var launchers = map[string]func(context.Context, bidi.Options) (*bidi.Browser, error){"Chromium": bidi.Chromium, "Firefox": bidi.Firefox}

// desk is a browser that goes from test to test: each has a window with cookies of its own in it. A browser whose test failed is closed.
type desk struct {
	browser *bidi.Browser
	at      netip.Addr // what it takes for localhost
}

// setup is what a browser is started with and keeps.
type setup struct {
	browser string
	who     int
	devices bidi.Devices
}

// desks are those that nobody sits at, and the last byte of the last one's address.
var desks = struct {
	mu          sync.Mutex
	free        map[setup][]desk
	lastAddress byte
}{free: map[setup][]desk{}}

// find gives a desk that nobody sits at, or a new one, without a browser.
func (s setup) find() desk {
	desks.mu.Lock()
	defer desks.mu.Unlock()
	if free := desks.free[s]; len(free) > 0 {
		desks.free[s] = free[1:]
		return free[0]
	}
	desks.lastAddress++
	return desk{at: netip.AddrFrom4([4]byte{127, 0, 1, desks.lastAddress})}
}

// leave has a desk be free for others.
func (s setup) leave(d desk) {
	desks.mu.Lock()
	defer desks.mu.Unlock()
	desks.free[s] = append(desks.free[s], d)
}

// take gives a browser that nobody sits at, or starts one.
func (s setup) take(ctx context.Context) (desk, error) {
	d := s.find()
	if d.browser != nil {
		return d, nil
	}
	dir, err := os.MkdirTemp(world.dir, "browser-"+d.at.String()+"-")
	if err != nil {
		return d, err
	}
	d.browser, err = launchers[s.browser](ctx, bidi.Options{
		Dir: dir, Env: world.sound.Env(), Preload: witness, Devices: s.devices, Localhost: d.at,
		Camera: world.cameras[s.who], Tone: world.microphones[s.who], ToneHz: stage.Tones[s.who],
	})
	return d, err
}

// closeDesks closes every browser that nobody sits at.
func closeDesks() error {
	desks.mu.Lock()
	defer desks.mu.Unlock()
	for _, free := range desks.free {
		for _, each := range free {
			if err := each.browser.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// seat seats a participant at a browser. The test's end checks that it complained of nothing.
func seat(t *testing.T, who int, name string, s bidi.Screen, browser string, devices bidi.Devices) *Person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	kind := setup{browser: browser, who: who, devices: devices}
	d, err := kind.take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			kind.leave(d)
			return
		}
		if err := d.browser.Close(); err != nil {
			t.Error(err)
		}
	})
	page, err := d.browser.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return sit(t, &Person{who: who, name: name, page: page, at: d.at, screen: s})
}

// sit shows a fresh page on its person's screen, and closes it at the test's end.
func sit(t *testing.T, p *Person) *Person {
	t.Helper()
	p.t = t
	t.Cleanup(func() {
		p.settle()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := p.page.Close(ctx); err != nil {
			t.Errorf("participant %d: close the window: %v", p.who, err)
		}
	})
	p.within("sit down", func(ctx context.Context) error { return p.page.Show(ctx, p.screen) })
	return p
}

// device is another device of the same person: a window of the same browser, with cookies of its own.
func (p *Person) device(s bidi.Screen) *Person {
	p.t.Helper()
	other := &Person{t: p.t, who: p.who, name: p.name, at: p.at, screen: s}
	p.within("take another device", func(ctx context.Context) (err error) {
		other.page, err = p.page.Browser().Open(ctx)
		return err
	})
	return sit(p.t, other)
}
