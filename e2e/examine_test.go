package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"housecall/e2e/bidi"
)

// axe is the source of axe-core (https://github.com/dequelabs/axe-core), which `make deps` fetches.
var axe = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile("../static/node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", fmt.Errorf("axe-core is not here (make deps fetches it): %w", err)
	}
	return string(source), nil
})

// narrow is the narrowest screen that pages are made for (WCAG 2.2, 1.4.10).
var narrow = bidi.Screen{Width: 320, Height: 640, PixelRatio: 2, Touch: true}

// violation is a rule of axe's that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		FailureSummary string
	}
}

// settled goes to the top of the page, since what a bar at the screen's edge lies over there hangs on nothing else, and waits until nothing moves
// that comes to rest by itself.
const settled = `async () => {
	document.scrollingElement.scrollTo({top: 0, behavior: "instant"});
	const ends = (each) => each.effect?.getComputedTiming().iterations !== Infinity;
	await Promise.race([
		Promise.allSettled(document.getAnimations().filter(ends).map((each) => each.finished)),
		new Promise((late) => setTimeout(late, 3000)),
	]);
	await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
	return true;
}`

// wide lists what is wider than the window, or needs scrolling sideways within it; a table and a chart may (WCAG 1.4.10), in a region that keys reach.
const wide = `() => {
	const found = [];
	const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + [...e.classList].map((each) => "." + each).join("");
	const root = document.scrollingElement;
	if (root.scrollWidth > innerWidth || innerWidth > screen.width) found.push("the page is " + root.scrollWidth + " wide");
	for (const e of document.body.querySelectorAll("*")) {
		if (!e.checkVisibility() || e.closest("table, svg") || /^(input|textarea|select|option|video)$/i.test(e.tagName)) continue;
		if (e.matches("[role=region][tabindex='0']:has(> table, > svg)")) continue;
		if (/auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1) found.push(name(e) + " scrolls sideways");
		const box = e.getBoundingClientRect();
		const clipped = e.closest(".visually-hidden") || getComputedStyle(e).position === "absolute" && box.width <= 1;
		if (found.length > 0 && !clipped && (box.right > innerWidth + 1 || box.left < -1)) found.push(name(e) + " reaches from " + box.left + " to " + box.right);
	}
	return found.slice(0, 12);
}`

// inSight lists the parts of the page that are shown.
const inSight = `() => [...document.querySelectorAll("[id], [data-screen]")].filter((each) => each.checkVisibility({visibilityProperty: true}))
	.flatMap((each) => [each.id, each.dataset.screen]).filter(Boolean)`

// examine looks at the page in the state it is in: as an assistive technology does (axe), on the narrowest screen, and, where somebody
// wants screenshots, by keeping some. It takes the page back to its person's screen.
func (p *Person) examine(state string) {
	p.t.Helper()
	var parts, sideways []string
	var broken []violation
	p.within("examine "+state, func(ctx context.Context) error {
		if err := p.page.Show(ctx, narrow); err != nil {
			return err
		}
		if err := p.page.Call(ctx, nil, settled); err != nil {
			return err
		}
		if err := p.page.Call(ctx, &parts, inSight); err != nil {
			return err
		}
		if err := p.page.Call(ctx, &sideways, wide); err != nil {
			return err
		}
		var err error
		broken, err = p.breaks(ctx)
		return err
	})
	p.examined = append(p.examined, state)
	if p.parts == nil {
		p.parts = map[string]bool{}
	}
	for _, each := range parts {
		p.parts[each] = true
	}
	p.shoot(state + "-narrow")
	p.within("go back to their screen", func(ctx context.Context) error { return p.page.Show(ctx, p.screen) })
	p.shootBoth(state)
	if len(sideways) > 0 {
		p.t.Errorf("%s, on a screen %d wide: %s", state, narrow.Width, strings.Join(sideways, ", "))
	}
	for _, each := range broken {
		for _, node := range each.Nodes {
			line := fmt.Sprintf("%s: axe: %s (%s, %s): %v: %s", state, each.Help, each.ID, each.Impact, node.Target,
				strings.ReplaceAll(node.FailureSummary, "\n", " "))
			if each.Impact == "serious" || each.Impact == "critical" {
				p.t.Error(line)
			} else {
				p.t.Log(line)
			}
		}
	}
}

// breaks runs axe on the page as it is.
func (p *Person) breaks(ctx context.Context) (broken []violation, err error) {
	source, err := axe()
	if err != nil {
		return nil, err
	}
	var there bool
	if err := p.page.Call(ctx, &there, `() => "axe" in window`); err != nil {
		return nil, err
	}
	if !there {
		if err := p.page.Call(ctx, nil, "() => {"+source+"\n}"); err != nil {
			return nil, err
		}
	}
	err = p.page.Call(ctx, &broken, `async () => {
		const {violations} = await axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}});
		return violations;
	}`)
	return broken, err
}
