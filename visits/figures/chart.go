package figures

import "fmt"

// The size of charts, in units of their own: they grow and shrink with the page.
const (
	chartWidth, chartHeight = 720, 200
	left, bottom, top       = 40, 24, 8
)

// chart is bars over weeks or months, drawn in SVG.
type chart struct {
	Name   string // what it shows, in the reader's words
	Width  int
	Height int
	Bars   []bar
	Lines  []line // with their values
	Labels []label
	Keys   []key
}

type bar struct {
	X, Y, W, H string
	Class      string
	Title      string
}

type line struct {
	Y     string
	Value int
}

type label struct{ X, Text string }

type key struct{ Class, Text string }

// column is what stands over one week or month.
type column struct {
	label  string // whole
	short  string // below the column
	values []int
}

// draw draws columns of bars: on top of each other, or beside. names are of the values, and classes those of the style sheet.
func draw(name string, columns []column, stacked bool, names, classes []string) chart {
	c := chart{Name: name, Width: chartWidth, Height: chartHeight}
	for i, n := range names {
		c.Keys = append(c.Keys, key{classes[i], n})
	}
	most := 1
	for _, col := range columns {
		sum := 0
		for _, v := range col.values {
			if sum += v; !stacked {
				most = max(most, v)
			}
		}
		if stacked {
			most = max(most, sum)
		}
	}
	step := stepOf(most)
	most = (most + step - 1) / step * step
	scale := float64(chartHeight-bottom-top) / float64(most)
	for v := 0; v <= most; v += step {
		c.Lines = append(c.Lines, line{number(chartHeight - bottom - float64(v)*scale), v})
	}
	slot := float64(chartWidth-left) / float64(max(len(columns), 1))
	every := (len(columns) + 11) / 12
	for i, col := range columns {
		x, width, base := left+float64(i)*slot+slot*0.15, slot*0.7, float64(chartHeight-bottom)
		if i%max(every, 1) == 0 {
			c.Labels = append(c.Labels, label{number(left + float64(i)*slot + slot/2), col.short})
		}
		for j, v := range col.values {
			h, at, w := float64(v)*scale, x, width
			if !stacked {
				w = width / float64(len(col.values))
				at, base = x+float64(j)*w, chartHeight-bottom
			}
			base -= h
			if v > 0 {
				c.Bars = append(c.Bars, bar{number(at), number(base), number(w), number(h), classes[j], fmt.Sprintf("%s, %s: %d", col.label, names[j], v)})
			}
		}
	}
	return c
}

// stepOf is a round distance of lines, of which there are five at most.
func stepOf(most int) int {
	for step := 1; ; step *= 10 {
		for _, f := range []int{1, 2, 5} {
			if most <= 4*f*step {
				return f * step
			}
		}
	}
}

func number(f float64) string { return fmt.Sprintf("%.1f", f) }
