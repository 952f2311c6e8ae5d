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

	maxChatID   = 36   // characters
	maxChatText = 2000 // characters
	maxSources  = 8
	maxMID      = 32 // bytes; browsers count from 0
	maxID       = 64 // bytes of a member's id
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
}

// Join asks to come in. It is the first message, and never comes again.
type Join struct {
	Pass    string                  `json:"pass"`
	Offer   string                  `json:"offer"`
	Sources map[string]rooms.Source `json:"sources"`
	Media   Media                   `json:"media"`
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

// Chat says something to those in the visit.
type Chat struct {
	ID   string   `json:"id"`
	Text phi.Text `json:"text"`
}

// Admit lets somebody who waits into the visit.
type Admit struct {
	Member string `json:"member"`
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
	ID    string      `json:"id"`
	Name  phi.Text    `json:"name"`
	Role  auth.Role   `json:"role"`
	Place rooms.Place `json:"place"`
	Since time.Time   `json:"since"`
	Media Media       `json:"media"`
}

// Position is where the receiver is, and what they may see and do there.
type Position struct {
	Place   rooms.Place `json:"place"`
	Since   time.Time   `json:"since"`
	May     []string    `json:"may"`
	Members []Member    `json:"members"`
	Chat    []Line      `json:"chat"`
}

// Joined answers Join.
type Joined struct {
	You    You    `json:"you"`
	Answer string `json:"answer"`
	Position
}

// Moved says that the receiver was moved to another place.
type Moved struct{ Position }

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

// Speaking lists who speaks now, loudest first.
type Speaking struct {
	Members []string `json:"members"`
}

// Refused says that something asked for was refused. The connection stays open.
type Refused struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (Join) kind() string     { return "join" }
func (Offer) kind() string    { return "offer" }
func (SetMedia) kind() string { return "media" }
func (Chat) kind() string     { return "chat" }
func (Admit) kind() string    { return "admit" }
func (End) kind() string      { return "end" }
func (Bye) kind() string      { return "bye" }

func (Joined) name() string   { return "joined" }
func (Moved) name() string    { return "place" }
func (Answer) name() string   { return "answer" }
func (Need) name() string     { return "need" }
func (Slots) name() string    { return "slots" }
func (Changed) name() string  { return "member" }
func (Left) name() string     { return "left" }
func (Said) name() string     { return "chat" }
func (Speaking) name() string { return "speaking" }
func (Refused) name() string  { return "error" }
