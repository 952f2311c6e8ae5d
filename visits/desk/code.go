package desk

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// codeMargin is the quiet zone of a QR code in modules (ISO/IEC 18004).
const codeMargin = 4

// drawCode draws an address as a QR code: black on white, whatever the reader's colours are.
func drawCode(address string) (template.HTML, error) {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run, run)
				x += run
			}
		}
	}
	side := code.Size + 2*codeMargin
	return template.HTML(fmt.Sprintf(`<svg viewBox="-%d -%d %d %d" shape-rendering="crispEdges" aria-hidden="true"><rect x="-%d" y="-%d" width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`,
		codeMargin, codeMargin, side, side, codeMargin, codeMargin, side, side, path.String())), nil // #nosec G203 -- of numbers alone
}
