package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"

	"housecall/e2e/bidi"
	"housecall/e2e/stage"
)

// rgb is a colour as a canvas gives it, 0 to 255 each.
type rgb [3]float64

// hue names a colour of stage.Picture, or says "none" for black, white, grey and what lies between the four.
func (c rgb) hue() string {
	high, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
	if high < 80 || (high-low)/high < 0.5 {
		return "none"
	}
	var degrees float64
	switch high {
	case c[0]:
		degrees = math.Mod((c[1]-c[2])/(high-low)+6, 6) * 60
	case c[1]:
		degrees = ((c[2]-c[0])/(high-low) + 2) * 60
	default:
		degrees = ((c[0]-c[1])/(high-low) + 4) * 60
	}
	for name, middle := range map[string]float64{"red": 0, "yellow": 60, "green": 120, "blue": 240} {
		if off := math.Abs(degrees - middle); min(off, 360-off) < 25 {
			return name
		}
	}
	return "none"
}

// ofFirefox tells whether the colour is one that Firefox's fake camera walks through: luma 128, and one of the two
// chroma values at its end (dom/media/webrtc/MediaEngineFake.cpp).
func (c rgb) ofFirefox() bool {
	luma := 0.299*c[0] + 0.587*c[1] + 0.114*c[2]
	cb, cr := (c[2]-luma)*0.564, (c[0]-luma)*0.713
	return luma > 60 && luma < 200 && max(math.Abs(cb), math.Abs(cr)) > 45
}

func (c rgb) near(d rgb) bool {
	return max(math.Abs(c[0]-d[0]), math.Abs(c[1]-d[1]), math.Abs(c[2]-d[2])) < 24
}

// quadrants is what the middle of each quarter of a video shows.
type quadrants [4]rgb

func (q quadrants) picture() stage.Picture {
	return stage.Picture{q[0].hue(), q[1].hue(), q[2].hue(), q[3].hue()}
}

// plain tells whether all four quarters have one colour of Firefox's fake camera.
func (q quadrants) plain() bool {
	return q[0].ofFirefox() && q[0].near(q[1]) && q[0].near(q[2]) && q[0].near(q[3])
}

// look reads the video that a JavaScript expression yields, once it has shown two new frames; nil when it shows none.
func (p *Person) look(ctx context.Context, video string) (*quadrants, error) {
	var q *quadrants
	err := p.page.Call(ctx, &q, `async () => { const video = `+video+`; return video && witness.quadrants(video); }`)
	return q, err
}

// glance reads the same from the pixels of a screenshot: what really meets the eye. nil when the video isn't on screen.
func (p *Person) glance(ctx context.Context, video string) (*quadrants, error) {
	var box *bidi.Box
	if err := p.page.Call(ctx, &box, `() => witness.where(`+video+`)`); err != nil || box == nil {
		return nil, err
	}
	// The middle is enough, and free of the names and the own picture that lie over the corners.
	middle := bidi.Box{X: box.X + 0.3*box.Width, Y: box.Y + 0.3*box.Height, Width: 0.4 * box.Width, Height: 0.4 * box.Height}
	shot, err := p.page.Screenshot(ctx, &middle)
	if err != nil {
		return nil, err
	}
	screen, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	var q quadrants
	size := screen.Bounds().Size()
	for i := range q {
		x, y := size.X*(15+70*(i%2))/100, size.Y*(15+70*(i/2))/100
		r, g, b, _ := screen.At(x, y).RGBA()
		q[i] = rgb{float64(r >> 8), float64(g >> 8), float64(b >> 8)}
	}
	return &q, nil
}

// sees waits until a video shows the moving picture of another person's camera, decoded and on the screen.
func (p *Person) sees(other *Person, video string) {
	p.t.Helper()
	fits := func(q *quadrants) bool {
		if other.page.Browser().Name() == "Firefox" {
			return q != nil && q.plain()
		}
		return q != nil && q.picture() == stage.Pictures[other.who]
	}
	p.within(fmt.Sprintf("see participant %d", other.who), func(ctx context.Context) error {
		var first *quadrants // Firefox's picture must be seen to change
		for {
			q, err := p.look(ctx, video)
			if err == nil && fits(q) {
				moves := other.page.Browser().Name() == "Chromium" || first != nil && !first[0].near(q[0])
				if first == nil {
					first = q
				}
				if moves {
					if q, err = p.glance(ctx, video); err == nil && fits(q) {
						return nil
					}
				}
			}
			if ctx.Err() != nil {
				return errors.Join(fmt.Errorf("%s shows %v", video, q), err, ctx.Err())
			}
		}
	})
}

// seesNobody waits until a video shows no camera's picture any more.
func (p *Person) seesNobody(video string) {
	p.t.Helper()
	p.within("see a blank video", func(ctx context.Context) error {
		for {
			q, err := p.look(ctx, video)
			if err == nil && (q == nil || q.picture() == stage.Picture{"none", "none", "none", "none"}) {
				return nil
			}
			if ctx.Err() != nil {
				return errors.Join(fmt.Errorf("%s shows %v", video, q), err, ctx.Err())
			}
		}
	})
}

// hears waits until another person's tone comes out of the page.
func (p *Person) hears(other *Person) {
	p.t.Helper()
	p.await(fmt.Sprintf("hear %d Hz", stage.Tones[other.who]), `(hz) => witness.hears(hz, 1)`, stage.Tones[other.who])
}

// hearsNothingOf waits until another person's tone has not come out of the page for two seconds of sound, which is four of its bursts.
func (p *Person) hearsNothingOf(who int) {
	p.t.Helper()
	p.await(fmt.Sprintf("stop hearing %d Hz", stage.Tones[who]), `async (hz) => !await witness.hears(hz, 2)`, stage.Tones[who])
}
