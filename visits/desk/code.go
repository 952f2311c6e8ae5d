package desk

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// codeMargin is the quiet zone of a QR code in modules (ISO/IEC 18004).
const codeMargin = 4

// codeView is a QR code as a page draws it: black on white, whatever the reader's colours are.
type codeView struct {
	From, Side int    // of the square that it takes, with its quiet zone
	Path       string // of its black modules, from 0
}

// drawCode draws an address as a QR code.
func drawCode(address string) (codeView, error) {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return codeView{}, fmt.Errorf("draw a QR code: %w", err)
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
	return codeView{-codeMargin, code.Size + 2*codeMargin, path.String()}, nil
}
