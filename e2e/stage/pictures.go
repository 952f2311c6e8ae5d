package stage

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Picture is four colours, one a quadrant: top left, top right, bottom left, bottom right.
type Picture [4]string

// Pictures by which four participants are told apart: no two agree in any quadrant.
var Pictures = [4]Picture{
	{"red", "green", "blue", "yellow"},
	{"green", "blue", "yellow", "red"},
	{"blue", "yellow", "red", "green"},
	{"yellow", "red", "green", "blue"},
}

// Tones are the frequencies in Hz of the same four participants' microphones. None is a harmonic of another.
var Tones = [4]int{1000, 1400, 2300, 3100}

// colours as ffmpeg draws them: bright enough to survive a video codec, dark enough not to be cut off.
var colours = map[string]string{"red": "0xD02020", "green": "0x20C020", "blue": "0x2030D0", "yellow": "0xD8D020"}

// Width, Height and Rate (frames a second) of the pictures. 5 frames leave two cores enough for four browsers: with 10, a visit of
// four took twice as long on a machine whose memory is slow.
const (
	Width  = 640
	Height = 360
	Rate   = 5
)

// DrawPicture makes a y4m file that a fake camera loops: the four quadrants, still but for a white square that blinks in the
// middle, so that encoders always have something to send. It returns the file's path.
func DrawPicture(ctx context.Context, dir string, p Picture) (string, error) {
	path := filepath.Join(dir, strings.Join(p[:], "-")+".y4m")
	args := []string{"-hide_banner", "-loglevel", "error", "-y"}
	for _, colour := range p {
		args = append(args, "-f", "lavfi", "-i",
			fmt.Sprintf("color=c=%s:s=%dx%d:r=%d:d=1", colours[colour], Width/2, Height/2, Rate))
	}
	args = append(args, "-filter_complex",
		"[0][1]hstack[top];[2][3]hstack[bottom];[top][bottom]vstack,"+
			fmt.Sprintf("drawbox=x=%d:y=%d:w=24:h=24:color=white:t=fill:enable='lt(mod(n,6),3)',format=yuv420p", Width/2-12, Height/2-12),
		"-frames:v", "6", path)
	return path, ffmpeg(ctx, args)
}

// PlayTone makes a wav file that a fake microphone loops: two seconds of bursts of hz, a third of a second on and a sixth
// off, since browsers take an unbroken tone for noise and suppress it. It returns the file's path.
func PlayTone(ctx context.Context, dir string, hz int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("%dhz.wav", hz))
	return path, ffmpeg(ctx, []string{
		"-hide_banner", "-loglevel", "error", "-y",
		"-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='0.5*sin(2*PI*%d*t)*lt(mod(t,0.5),0.333)':s=48000:d=2", hz),
		"-ac", "1", "-c:a", "pcm_s16le", path,
	})
}

func ffmpeg(ctx context.Context, args []string) error {
	if out, err := exec.CommandContext(ctx, "ffmpeg", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return nil
}
