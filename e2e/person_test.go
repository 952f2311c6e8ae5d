package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/e2e/bidi"
)

//go:embed witness.js
var witness string

// patience bounds every single thing a test waits for. It is long because two cores may be busy with four browsers.
const patience = 4 * time.Minute

// A Person sits in front of one browser with one page, and fails the test when something can't be done.
type Person struct {
	t      *testing.T
	who    int    // index into stage.Pictures and stage.Tones
	name   string // under which a visit knows them
	page   *bidi.Page
	at     netip.Addr // where their browser finds the server (see door)
	screen bidi.Screen
	// allowed are substrings of problems that this test provokes on purpose.
	allowed []string

	words    map[string]string // the catalogue they read; see tour
	examined []string          // states
	parts    map[string]bool   // of the page (ids, screens) that were on the screen in them
}

// within runs one step with its time limit and fails the test with a screenshot if it doesn't work.
func (p *Person) within(what string, step func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	began := time.Now()
	err := step(ctx)
	p.t.Logf("participant %d (%s): %s: %.1f s", p.who, p.page.Browser().Name(), what, time.Since(began).Seconds())
	if err != nil {
		p.shoot("failed")
		p.t.Fatalf("participant %d (%s) could not %s: %v", p.who, p.page.Browser().Name(), what, err)
	}
}

func (p *Person) goTo(url string) {
	p.t.Helper()
	p.within("open "+url, func(ctx context.Context) error { return p.page.Navigate(ctx, url) })
}

func (p *Person) press(role, name string) {
	p.t.Helper()
	p.within(fmt.Sprintf("press %s %q", role, name), func(ctx context.Context) error { return p.page.Press(ctx, role, name) })
}

func (p *Person) typeIn(role, name, text string) {
	p.t.Helper()
	p.within(fmt.Sprintf("type into %s %q", role, name), func(ctx context.Context) error { return p.page.Type(ctx, role, name, text) })
}

// await waits until a function in the page returns something truthy.
func (p *Person) await(what, function string, args ...any) {
	p.t.Helper()
	p.within(what, func(ctx context.Context) error { return p.page.Await(ctx, nil, function, args...) })
}

// until waits until a condition holds that is not to be asked of the page but of what the tests have noted.
func (p *Person) until(what string, holds func() bool) {
	p.t.Helper()
	p.within(what, func(ctx context.Context) error {
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for !holds() {
			select {
			case <-again.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}

// shots is where screenshots are kept, "" if nobody wants any.
var shots = os.Getenv("HOUSECALL_SHOTS")

// shoot keeps a screenshot, if somebody wants them or the test has failed.
func (p *Person) shoot(name string) {
	p.t.Helper()
	if shots == "" && name != "failed" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.t.Context()), patience)
	defer cancel()
	png, err := p.page.Screenshot(ctx, nil)
	if err != nil {
		p.t.Errorf("screenshot %s: %v", name, err)
		return
	}
	dir := shots
	if dir == "" {
		dir = p.t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Error(err)
		return
	}
	file := fmt.Sprintf("%s-%s-%d.png", strings.ReplaceAll(p.t.Name(), "/", "-"), name, p.who)
	if err := os.WriteFile(filepath.Join(dir, file), png, 0o644); err != nil {
		p.t.Error(err)
	}
}

// shootBoth keeps a screenshot on a phone and one on a laptop, in light and dark, and puts the page back on its own screen.
func (p *Person) shootBoth(name string) {
	p.t.Helper()
	if shots == "" {
		return
	}
	for _, look := range []struct {
		name string
		on   bidi.Screen
		dark bool
	}{{"phone", bidi.Phone, false}, {"laptop", bidi.Laptop, false}, {"phone-dark", bidi.Phone, true}} {
		look.on.Dark = look.dark
		p.within("look at the page on a "+look.name, func(ctx context.Context) error { return p.page.Show(ctx, look.on) })
		p.shoot(name + "-" + look.name)
	}
	p.within("go back to their screen", func(ctx context.Context) error { return p.page.Show(ctx, p.screen) })
}

// note is one thing the witness in the page has seen, and when (milliseconds of Unix time).
type note struct {
	Kind, Text string
	At         int64
}

// at is when it was seen.
func (n note) at() time.Time { return time.UnixMilli(n.At) }

// noted are the notes of one kind, oldest first.
func (p *Person) noted(kind string) []note {
	var found []note
	for _, report := range p.page.Reports() {
		var n note
		if err := json.Unmarshal([]byte(report), &n); err != nil {
			p.t.Fatalf("witness said %q: %v", report, err)
		}
		if n.Kind == kind {
			found = append(found, n)
		}
	}
	return found
}

// notes are the words of the notes of one kind, oldest first.
func (p *Person) notes(kind string) []string {
	var texts []string
	for _, n := range p.noted(kind) {
		texts = append(texts, n.Text)
	}
	return texts
}

// troubles are whatever the browser has complained of so far.
func (p *Person) troubles() []string {
	troubles := p.page.Problems()
	for _, breach := range p.notes("csp") {
		troubles = append(troubles, "content security policy: "+breach)
	}
	return troubles
}

// allows troubles that the test provokes on purpose, by parts of their words.
func (p *Person) allows(parts ...string) { p.allowed = append(p.allowed, parts...) }

// settle fails the test for every trouble that it didn't provoke.
func (p *Person) settle() {
	for _, trouble := range p.troubles() {
		if !containsAny(trouble, p.allowed) {
			p.t.Errorf("participant %d (%s): %s", p.who, p.page.Browser().Name(), trouble)
		}
	}
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}
