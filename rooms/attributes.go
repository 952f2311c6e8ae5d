package rooms

import "housecall/sfu"

// Source is what a publication shows or lets hear.
type Source string

// The sources.
const (
	Microphone  Source = "microphone"
	Camera      Source = "camera"
	Screen      Source = "screen"
	ScreenAudio Source = "screen_audio" // what the shared screen lets hear
)

// Sources returns every source.
func Sources() []Source { return []Source{Microphone, ScreenAudio, Screen, Camera} }

// Kind says which kind of line carries the source.
func (s Source) Kind() sfu.Kind {
	if s == Microphone || s == ScreenAudio {
		return sfu.Audio
	}
	return sfu.Video
}

// Media says what a member sends now. Screen stands for what it shows and what it lets hear.
type Media struct {
	Microphone bool
	Camera     bool
	Screen     bool
}

func (m Media) on(s Source) bool {
	switch s {
	case Microphone:
		return m.Microphone
	case Camera:
		return m.Camera
	case Screen, ScreenAudio:
		return m.Screen
	}
	return false
}

// View says which pictures a member wants.
type View string

// The views.
const (
	ViewAll  View = "all"  // every picture
	ViewOne  View = "one"  // one picture: whoever signs, else the screen, else who speaks
	ViewNone View = "none" // no picture
)

// Quality says how a member's line does. Empty: unknown.
type Quality string

// The qualities.
const (
	QualityGood Quality = "good"
	QualityWeak Quality = "weak"
	QualityBad  Quality = "bad"
)

// Hearing is a patient's answer to whether anybody can hear them. Empty: none was given.
type Hearing string

// The answers.
const (
	HearingNobody   Hearing = "nobody"
	HearingSomebody Hearing = "somebody"
	HearingSignal   Hearing = "signal" // a silent sign that they cannot speak freely
)

// Check is the result of somebody's device check.
type Check struct {
	Camera     Finding
	Microphone Finding
	Speaker    Finding
	RTTMS      int // round trip to the media port in milliseconds; -1: unknown
	LossPct    int // packets lost on the way there and back, in percent; -1: unknown
	Network    Network
	Browser    string
}

// completedBy is the check with what it does not know as an earlier one on the same browser found it.
func (c Check) completedBy(earlier Check) Check {
	if c.Browser != earlier.Browser {
		return c
	}
	for _, f := range []struct {
		own  *Finding
		then Finding
	}{{&c.Camera, earlier.Camera}, {&c.Microphone, earlier.Microphone}, {&c.Speaker, earlier.Speaker}} {
		if *f.own == FindingUnknown {
			*f.own = f.then
		}
	}
	if c.Network == NetworkUnknown {
		c.Network, c.RTTMS, c.LossPct = earlier.Network, earlier.RTTMS, earlier.LossPct
	}
	return c
}

// Finding says how a device did.
type Finding string

// The findings.
const (
	FindingOK      Finding = "ok"
	FindingFault   Finding = "fault"
	FindingUnknown Finding = "unknown"
)

// Network says how the way to the media port did.
type Network string

// How the way did.
const (
	NetworkOK      Network = "ok"
	NetworkPoor    Network = "poor"
	NetworkBlocked Network = "blocked"
	NetworkUnknown Network = "unknown"
)
