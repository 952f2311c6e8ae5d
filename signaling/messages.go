package signaling

import (
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/rooms"
)

// Limits of what a client may send; docs/protocol.md, section 3.
const (
	// MaxFrame is the most bytes a frame may have that is not an offer after a valid pass.
	MaxFrame = 64 << 10
	// MaxOffer is the most bytes an offer may have. sfu.CheckOffer has the same limit.
	MaxOffer = 128 << 10
	// maxOfferFrame is the most bytes a frame with an offer may have: in JSON every line break of the offer has two bytes more, and lines
	// have about forty.
	maxOfferFrame = MaxOffer + MaxOffer/4

	maxLineID    = 36   // bytes
	maxChatText  = 2000 // characters
	maxTellText  = 500  // characters
	maxReady     = 32   // bytes
	maxSources   = 8
	maxMID       = 32     // bytes; browsers count from 0
	maxID        = 64     // bytes of a member's id
	maxBrowser   = 60     // characters
	maxToken     = 64     // bytes of what takes a connection up
	maxRoundTrip = 60_000 // milliseconds
)

// FromClient is a message that a client sends: one of the types below.
type FromClient interface {
	kind() string
	check() error
}

// ToClient is a message that the server sends: one of the types below.
type ToClient interface{ name() string }

// Media says what somebody sends.
type Media struct {
	Microphone bool `json:"microphone"`
	Camera     bool `json:"camera"`
	Screen     bool `json:"screen"`
}

// Check is the result of a device check.
type Check struct {
	Camera     rooms.Finding `json:"camera"`
	Microphone rooms.Finding `json:"microphone"`
	Speaker    rooms.Finding `json:"speaker"`
	RTTMS      int           `json:"rtt_ms"`
	LossPct    int           `json:"loss_pct"`
	Network    rooms.Network `json:"network"`
	Browser    string        `json:"browser"`
}

// Join asks to come in. It is the first message, and never comes again.
type Join struct {
	Pass    string                  `json:"pass"`
	Offer   string                  `json:"offer"`
	Sources map[string]rooms.Source `json:"sources"`
	Media   Media                   `json:"media"`
}

// Resume takes up a connection that was lost. It is the first message on another one.
type Resume struct {
	Token string `json:"token"`
}

// Offer is a new offer on the same connection.
type Offer struct {
	Offer   string                  `json:"offer"`
	Sources map[string]rooms.Source `json:"sources"`
}

// SetMedia says what the client sends now.
type SetMedia struct {
	Media Media `json:"media"`
}

// Chat says something to those in the visit; what is private, to those in private time alone.
type Chat struct {
	ID      string   `json:"id"`
	Text    phi.Text `json:"text"`
	Private bool     `json:"private"`
}

// Admit lets somebody who waits into the visit.
type Admit struct {
	Member string `json:"member"`
}

// Return moves somebody from the visit back to waiting.
type Return struct {
	Member string `json:"member"`
}

// Decline sends somebody away who waits.
type Decline struct {
	Member string `json:"member"`
}

// Remove shows somebody out and withdraws their invitation.
type Remove struct {
	Member string `json:"member"`
}

// SetPrivate begins or ends private time.
type SetPrivate struct {
	On bool `json:"on"`
}

// SetHearing is a patient's answer to whether anybody can hear them.
type SetHearing struct {
	Answer rooms.Hearing `json:"answer"`
}

// Tell says something to somebody who waits; without a member, to all who wait.
type Tell struct {
	ID     string   `json:"id"`
	Member string   `json:"member"`
	Text   phi.Text `json:"text"`
	Ready  string   `json:"ready"`
}

// Lead hands the visit over.
type Lead struct {
	Member string `json:"member"`
}

// Sign says whether an interpreter is signing.
type Sign struct {
	Member string `json:"member"`
	On     bool   `json:"on"`
}

// SetView says which pictures the client wants.
type SetView struct {
	Video rooms.View `json:"video"`
}

// SetLine says how the client's own line does.
type SetLine struct {
	Line rooms.Quality `json:"line"`
}

// SetCheck is the result of the client's device check.
type SetCheck struct {
	Check Check `json:"check"`
}

// End ends the visit for everyone.
type End struct{}

// Bye says that the client leaves.
type Bye struct{}

// You is who the receiver is.
type You struct {
	ID   string    `json:"id"`
	Name phi.Text  `json:"name"`
	Role auth.Role `json:"role"`
}

// Member is somebody as the receiver may see them.
type Member struct {
	ID      string        `json:"id"`
	Name    phi.Text      `json:"name"`
	Role    auth.Role     `json:"role"`
	Place   rooms.Place   `json:"place"`
	Since   time.Time     `json:"since"`
	Media   Media         `json:"media"`
	Line    rooms.Quality `json:"line"`
	Away    bool          `json:"away"`
	Lead    bool          `json:"lead"`
	Signing bool          `json:"signing"`
	Device  bool          `json:"device"`
	Hearing rooms.Hearing `json:"hearing"`
	Check   *Check        `json:"check,omitzero"`
}

// Position is where the receiver is, and what they may see and do there.
type Position struct {
	Place   rooms.Place `json:"place"`
	Why     rooms.Why   `json:"why"`
	Since   time.Time   `json:"since"`
	May     []string    `json:"may"`
	Members []Member    `json:"members"`
	Chat    []Line      `json:"chat"`
	Told    []Notice    `json:"told"`
	Private moment      `json:"private"`
	Started moment      `json:"started"`
	Signing bool        `json:"signing"`
}

// moment is a time in RFC 3339; empty where it never was.
type moment string

// Notice is something a waiting person was told, as they read it again.
type Notice struct {
	ID    string    `json:"id"`
	Text  phi.Text  `json:"text"`
	Ready string    `json:"ready"`
	At    time.Time `json:"at"`
}

// Joined answers Join.
type Joined struct {
	You    You    `json:"you"`
	Token  string `json:"token"`
	Answer string `json:"answer"`
	Position
}

// Resumed answers Resume.
type Resumed struct {
	You   You    `json:"you"`
	Token string `json:"token"`
	Position
}

// Moved says that the receiver was moved to another place.
type Moved struct{ Position }

// Relocated says that the room lives on another node now: the receiver joins anew, and leaves here only then.
type Relocated struct{}

// Answer answers Offer.
type Answer struct {
	Answer string `json:"answer"`
}

// Need asks for an offer with this many slots in all.
type Need struct {
	Audio int `json:"audio"`
	Video int `json:"video"`
}

// Slots says what every slot shows now.
type Slots struct {
	Slots []Slot `json:"slots"`
}

// Slot is one slot that shows something.
type Slot struct {
	MID    string       `json:"mid"`
	Member string       `json:"member"`
	Source rooms.Source `json:"source"`
}

// Changed says that somebody came or changed.
type Changed struct {
	Member Member `json:"member"`
}

// Left says that somebody went.
type Left struct {
	Member string `json:"member"`
}

// Line is a line of chat.
type Line struct {
	ID   string    `json:"id"`
	From Sender    `json:"from"`
	Text phi.Text  `json:"text"`
	At   time.Time `json:"at"`
}

// Sender is who said a line; they may have left since.
type Sender struct {
	ID   string   `json:"id"`
	Name phi.Text `json:"name"`
}

// Said says that somebody said something.
type Said struct{ Line }

// Told says something to a waiting person, and to whoever said it.
type Told struct {
	ID     string    `json:"id"`
	Member string    `json:"member"`
	Text   phi.Text  `json:"text"`
	Ready  string    `json:"ready"`
	At     time.Time `json:"at"`
}

// Private says since when private time is on; empty: it has ended.
type Private struct {
	Since moment `json:"since"`
}

// Signing says whether the receiver, an interpreter, signs now.
type Signing struct {
	On bool `json:"on"`
}

// Switched says what the receiver sends now, after the room changed it.
type Switched struct {
	Media Media `json:"media"`
}

// Speaking lists who speaks now, loudest first.
type Speaking struct {
	Members []string `json:"members"`
}

// Refused says that something asked for was refused. The connection stays open.
type Refused struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Asked   string `json:"asked"` // the type of what was asked for
	About   string `json:"about"` // the id of the line or of the member it was about; empty: of neither
}

func (Join) kind() string       { return "join" }
func (Resume) kind() string     { return "resume" }
func (Offer) kind() string      { return "offer" }
func (SetMedia) kind() string   { return "media" }
func (Chat) kind() string       { return "chat" }
func (Admit) kind() string      { return "admit" }
func (Return) kind() string     { return "return" }
func (Decline) kind() string    { return "decline" }
func (Remove) kind() string     { return "remove" }
func (SetPrivate) kind() string { return "private" }
func (SetHearing) kind() string { return "hearing" }
func (Tell) kind() string       { return "tell" }
func (Lead) kind() string       { return "lead" }
func (Sign) kind() string       { return "sign" }
func (SetView) kind() string    { return "view" }
func (SetLine) kind() string    { return "line" }
func (SetCheck) kind() string   { return "check" }
func (End) kind() string        { return "end" }
func (Bye) kind() string        { return "bye" }

func (Joined) name() string    { return "joined" }
func (Resumed) name() string   { return "resumed" }
func (Moved) name() string     { return "place" }
func (Relocated) name() string { return "moved" }
func (Answer) name() string    { return "answer" }
func (Need) name() string      { return "need" }
func (Slots) name() string     { return "slots" }
func (Changed) name() string   { return "member" }
func (Left) name() string      { return "left" }
func (Said) name() string      { return "chat" }
func (Told) name() string      { return "told" }
func (Private) name() string   { return "private" }
func (Signing) name() string   { return "signing" }
func (Switched) name() string  { return "media" }
func (Speaking) name() string  { return "speaking" }
func (Refused) name() string   { return "error" }
