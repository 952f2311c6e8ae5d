package rooms

import (
	"time"

	"housecall/auth"
	"housecall/platform/phi"
)

// Update is something a room tells a member: one of the types below.
type Update interface{ update() }

// Person names a member to others.
type Person struct {
	ID   string
	Name phi.Text
	Role auth.Role
}

// Member is one member as another may see it.
type Member struct {
	Person
	Place   Place
	Since   time.Time // when they came to that place
	Media   Media     // what they send; of somebody waiting: nothing
	Line    Quality   // of their line, as they measure it
	Away    bool      // the connection is lost, and they are expected back
	Lead    bool      // leads the visit
	Signing bool      // an interpreter who signs
	Device  bool      // waits on another device of somebody who is in the visit, which closes that one when admitted
	Hearing Hearing   // told in private time alone, to those alone who may begin it
	Check   *Check    // of somebody waiting alone; nil: none was made
}

// Why says why somebody waits who was in the visit before.
type Why string

// The reasons to wait. Empty: nobody has let them in yet.
const (
	WhyPrivate  Why = "private"  // moved out for private time, or came back during it
	WhyReturned Why = "returned" // moved back by whoever may
)

// Position is where a member is, and everything they may see from there.
type Position struct {
	Place   Place
	Why     Why // only while waiting
	Since   time.Time
	May     []auth.Action // those a page offers that the member may do there
	Members []Member      // the others; empty while waiting
	Chat    []Said        // what was said since the session was first admitted; empty while waiting
	Told    []Told        // what this waiting person was told; empty in the visit
	Private time.Time     // since when private time is on; zero when it is off, and while waiting
	Started time.Time     // when the first person came in who had to be admitted; zero before, and while waiting
	Signing bool          // this member, an interpreter, signs
}

// Joined is the first update a member gets.
type Joined struct {
	You Person
	Position
}

// Resumed is the first update after a lost connection: everything as it is now. Slots follow, and Speaking in the visit.
type Resumed struct {
	You Person
	Position
}

// Moved says that the member was moved to another place.
type Moved struct{ Position }

// Relocated says that the room lives on another node now. Whoever is told joins anew there, and leaves here only then.
type Relocated struct{}

// Need asks for a new offer with this many slots in all.
type Need struct{ Audio, Video int }

// Slots says what every slot of the member shows now. A slot not listed shows nothing.
type Slots []Shown

// Shown is one slot and what it shows.
type Shown struct {
	MID    string
	Member string
	Source Source
}

// Changed says that somebody came, moved or changed.
type Changed struct{ Member Member }

// Left says that somebody went.
type Left struct{ Member string }

// Said is a line of chat.
type Said struct {
	ID   string // made by the sender, unique among their lines
	From Person
	Text phi.Text
	At   time.Time
}

// Told is a message to somebody who waits. It carries no sender: nothing of the visit reaches the waiting room. Whoever wrote it gets it
// too, for an answer.
type Told struct {
	Note
	Member string // who is told; empty, for the sender alone: all who wait
	At     time.Time
}

// Note is what somebody who waits is told.
type Note struct {
	ID    string // made by the sender
	Text  phi.Text
	Ready string // names words that every page has in its reader's language, which stand for Text there; empty: the sender's own
}

// Private says since when private time is on; zero: it has ended.
type Private struct{ Since time.Time }

// Signing says whether the member, an interpreter, signs now, whoever said so.
type Signing struct{ On bool }

// Switched says that the room changed what the member sends: somebody else took over the screen.
type Switched struct{ Media Media }

// Refused says that something the member asked for did not happen after all.
type Refused struct {
	Action auth.Action
	About  string // the id of the line; empty: of none
	Err    error
}

// Speaking lists who speaks now, loudest first.
type Speaking []string

func (Joined) update()    {}
func (Resumed) update()   {}
func (Moved) update()     {}
func (Relocated) update() {}
func (Need) update()      {}
func (Slots) update()     {}
func (Changed) update()   {}
func (Left) update()      {}
func (Said) update()      {}
func (Told) update()      {}
func (Private) update()   {}
func (Signing) update()   {}
func (Switched) update()  {}
func (Refused) update()   {}
func (Speaking) update()  {}
