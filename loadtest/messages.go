package loadtest

// The websocket's messages as this client needs them (docs/protocol.md, section 3). Names are not among the fields: they are
// never read. The client is lenient with what it receives; the server is strict with what it is sent.

const subprotocol = "housecall.v1"

const (
	// placeVisit is the place of those who see and hear each other.
	placeVisit   = "visit"
	placeWaiting = "waiting"
)

const (
	sourceMicrophone = "microphone"
	sourceCamera     = "camera"
)

// sending says what a client sends now.
type sending struct {
	Microphone bool `json:"microphone"`
	Camera     bool `json:"camera"`
}

type joinMessage struct {
	Type    string            `json:"type"`
	Pass    string            `json:"pass"`
	Offer   string            `json:"offer"`
	Sources map[string]string `json:"sources"`
	Media   sending           `json:"media"`
}

type offerMessage struct {
	Type    string            `json:"type"`
	Offer   string            `json:"offer"`
	Sources map[string]string `json:"sources"`
}

type resumeMessage struct {
	Type  string `json:"type"`
	Token string `json:"token"`
}

type chatMessage struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Text string `json:"text"`
}

// plainMessage says all by its type.
type plainMessage struct {
	Type string `json:"type"`
}

// received has the fields of all messages the server sends. Those whose type differs between messages are read apart.
type received struct {
	Type string `json:"type"`
	You  struct {
		ID string `json:"id"`
	} `json:"you"` // joined, resumed
	Token  string    `json:"token"`   // joined, resumed
	Place  string    `json:"place"`   // joined, resumed, place
	Chat   []chatRow `json:"chat"`    // joined, resumed, place
	Others []member  `json:"members"` // joined, resumed, place
	Answer string    `json:"answer"`  // joined, answer
	Audio  int       `json:"audio"`   // need
	Video  int       `json:"video"`   // need
	Slots  []Slot    `json:"slots"`   // slots
	Code   string    `json:"code"`    // error
	chatRow
}

// chatRow is a line of chat without what was said: a message of its own, or one of those that a place comes with.
type chatRow struct {
	ID   string `json:"id"`
	From struct {
		ID string `json:"id"`
	} `json:"from"`
}

func (m received) lines() []Line {
	var lines []Line
	for _, row := range m.Chat {
		lines = append(lines, Line{row.ID, row.From.ID})
	}
	return lines
}

// member is somebody else, without their name.
type member struct {
	ID    string `json:"id"`
	Place string `json:"place"`
}

type admitMessage struct {
	Type   string `json:"type"`
	Member string `json:"member"`
}

type memberMessage struct {
	Member member `json:"member"`
}

type leftMessage struct {
	Member string `json:"member"` // id
}

func (m received) ids() []string {
	var ids []string
	for _, other := range m.Others {
		ids = append(ids, other.ID)
	}
	return ids
}

// Slot says what a slot shows.
type Slot struct {
	MID    string `json:"mid"`
	Member string `json:"member"` // id
	Source string `json:"source"` // microphone or camera
}
