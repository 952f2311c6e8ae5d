package after

import (
	"slices"
	"time"
)

// Picture is a camera or screen that is sent to somebody. The count goes on from when their connection was made.
type Picture struct {
	Slot   string // which of theirs; another may stand in it later
	Lines  int    // its shorter side, in pixels, as people count how good a picture is; 0: not known yet
	Frames uint64 // whole pictures sent
}

// PictureQuality is how good the pictures were that somebody was sent, each camera and screen for as long as it moved. The zero PictureQuality is of who was sent none.
type PictureQuality struct {
	Usual, Worst int     // lines: the median over time, and the fewest that there were for worstFor in all; 0: not known
	Rate         float64 // pictures a second, the mean

	spans  [len(pictureLines)]int64 // for how long there were so many lines, in milliseconds
	frames int64
}

// pictureLines are how many lines a picture is told to have: those of the nearest. Browsers make pictures smaller in steps of their own.
var pictureLines = [...]int{90, 120, 180, 240, 270, 360, 480, 540, 720, 1080, 1440, 2160}

// worstFor is how long a picture must have been small to be called the worst: browsers begin each camera small, and nobody minds that.
const worstFor = 10 * time.Second

// nearest is the place in pictureLines of a picture.
func nearest(lines int) int {
	i, _ := slices.BinarySearch(pictureLines[:], lines)
	if i == len(pictureLines) || i > 0 && lines-pictureLines[i-1] < pictureLines[i]-lines {
		return i - 1
	}
	return i
}

// take adds what was sent within a step of time.
func (q *PictureQuality) take(step time.Duration, before, now []Picture) {
	for _, p := range now {
		i := slices.IndexFunc(before, func(b Picture) bool { return b.Slot == p.Slot })
		if i < 0 || p.Frames <= before[i].Frames || p.Lines <= 0 {
			continue
		}
		q.spans[nearest(p.Lines)] += step.Milliseconds()
		q.frames += int64(p.Frames - before[i].Frames) //nolint:gosec // a count of pictures
	}
}

// and is the quality of two stays.
func (q PictureQuality) and(o PictureQuality) PictureQuality {
	var total, before int64
	for i, n := range o.spans {
		q.spans[i] += n
		total += q.spans[i]
	}
	q.frames += o.frames
	q.Usual, q.Worst, q.Rate = 0, 0, 0
	if total == 0 {
		return q
	}
	q.Rate = float64(q.frames) / (time.Duration(total) * time.Millisecond).Seconds()
	for i, n := range q.spans {
		before += n
		if q.Worst == 0 && before >= worstFor.Milliseconds() {
			q.Worst = pictureLines[i]
		}
		if q.Usual == 0 && before*2 >= total {
			q.Usual = pictureLines[i]
		}
	}
	if q.Worst = min(q.Worst, q.Usual); q.Worst == 0 {
		q.Worst = q.Usual // of a short time only that is told
	}
	return q
}
