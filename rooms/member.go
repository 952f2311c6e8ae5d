package rooms

import (
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/sfu"
)

// Place is where a member is. Nothing of the visit reaches the waiting room, and nothing from there reaches the visit, but that
// those who may admit see who waits.
type Place string

// The places.
const (
	Waiting Place = "waiting"
	Visit   Place = "visit"
)

// Reason says why the room closes a member's connection.
type Reason uint8

// The reasons.
const (
	Replaced Reason = iota + 1 // the session joined again, the person was admitted on another device, or waits on another while this one was away
	Removed                    // the invitation was withdrawn
	Ended                      // the visit is over for everyone
	Slow                       // the outbox was full
	Stopping                   // the room closes here; come back
	Declined                   // whoever admits could not let them in
)

// Outbox takes what a room tells one member. Neither method may block: they are called on the room's goroutine.
type Outbox interface {
	// Send queues an update; false when there is no more room, and then the member is closed as Slow.
	Send(Update) bool
	// Close ends the member's connection. The room sends nothing after it.
	Close(Reason)
}

// Arrival is somebody who wants in. Removals are numbered in the order they are written, and no clock has a say: an invitation
// withdrawn by a number above Checked is refused even when word of it came before the arrival, and one withdrawn by a lower, of which word comes
// late, is another link than theirs.
type Arrival struct {
	Session    string // the browser's session, and the member's id
	Invitation string
	Name       phi.Text
	Role       auth.Role
	Checked    int64 // the number of the last removal that SQL knew when the session was checked against it

	Peer    *sfu.Peer // has answered its first offer; need not be connected. Whoever made it closes it.
	Sources map[string]Source
	Media   Media
	Outbox  Outbox
}

// member is somebody in a room. Only the room's goroutine touches it, but for the fields that never change.
type member struct {
	// never change
	id         string
	invitation string
	name       phi.Text
	role       auth.Role
	rights     map[auth.Action]bool
	checked    int64 // as in Arrival
	peer       *sfu.Peer

	// owned by the room's goroutine
	outbox   Outbox
	away     time.Time // since when the connection is lost; zero while it is there
	lines    lines
	media    Media
	view     View
	line     Quality
	place    Place
	since    time.Time
	told     Member // what others were last told of the member, with all that any of them may see
	shown    []sent // what each of lines.slots shows
	untold   bool   // the client does not know what its slots show
	switched bool   // the room changed what it sends, and the client has not said since that it knows
	asked    Need   // the most slots asked for so far
	slow     bool   // the outbox was full
	left     bool   // on purpose
}

// lines is what a peer's lines are good for, as of its last answered offer. It is taken outside the room's goroutine, and not
// looked up again: so a slot is never pointed before the client has the answer that tells of it.
type lines struct {
	slots        []*sfu.Slot
	publications map[Source]*sfu.Publication
}

func linesOf(peer *sfu.Peer, sources map[string]Source) lines {
	l := lines{slots: peer.Slots(), publications: map[Source]*sfu.Publication{}}
	for _, p := range peer.Publications() {
		source, ok := sources[p.MID()]
		if ok && source.Kind() == p.Kind() {
			l.publications[source] = p
		}
	}
	return l
}

// actions are those a member's rights are looked up for, once, on arrival.
func actions() []auth.Action {
	return append(shownActions(), auth.VisitEnter, auth.VisitPublish, auth.VisitSeeWaiting, auth.VisitConfide, auth.VisitHearing)
}

// shownActions are those a page offers, in the order it is told of them.
func shownActions() []auth.Action {
	return []auth.Action{
		auth.VisitAdmit, auth.VisitChat, auth.VisitEnd, auth.VisitReturn, auth.VisitRemove, auth.VisitPrivate, auth.VisitTell,
		auth.VisitLead, auth.VisitInvite, auth.VisitShare, auth.VisitSign,
	}
}

func newMember(a Arrival, l lines) *member {
	m := &member{
		id: a.Session, invitation: a.Invitation, name: a.Name, role: a.Role, rights: map[auth.Action]bool{}, checked: a.Checked,
		outbox: a.Outbox, peer: a.Peer, lines: l, media: a.Media, view: ViewAll, shown: make([]sent, len(l.slots)),
	}
	for _, action := range actions() {
		m.rights[action] = auth.May(a.Role, action)
	}
	if !m.rights[auth.VisitPublish] {
		m.media = Media{}
	}
	return m
}

// isAway says that the member's connection is lost: it is told nothing, and keeps its place for whoever holds its seat to take up again.
func (m *member) isAway() bool { return !m.away.IsZero() }

// may says whether the member may do something now: everything needs to be in the visit.
func (m *member) may(action auth.Action) bool { return m.place == Visit && m.rights[action] }

// sees says whether the member may know of the other.
func (m *member) sees(other *member) bool {
	return m.place == Visit && (other.place == Visit || m.rights[auth.VisitSeeWaiting])
}

func (m *member) person() Person { return Person{ID: m.id, Name: m.name, Role: m.role} }

// mayDo lists what the member may do in its place, for the page to show.
func (m *member) mayDo() []auth.Action {
	may := []auth.Action{}
	for _, action := range shownActions() {
		if m.may(action) {
			may = append(may, action)
		}
	}
	return may
}

// relines takes over new lines after another offer. What the slots show stays with them.
func (m *member) relines(l lines) {
	shown := make([]sent, len(l.slots))
	for i, slot := range l.slots {
		if j := slices.Index(m.lines.slots, slot); j >= 0 {
			shown[i] = m.shown[j]
		}
	}
	m.lines, m.shown = l, shown
}

// showNothing empties all slots.
func (m *member) showNothing() {
	for i, slot := range m.lines.slots {
		slot.Show(nil)
		m.shown[i] = sent{}
	}
}
