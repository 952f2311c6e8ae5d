package signaling

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"housecall/rooms"
)

// ErrMessage is what every refusal of a message wraps. The text never repeats what was sent.
var ErrMessage = errors.New("not a message of the protocol")

// maxDepth is how deep a client's message nests: message, sources.
const maxDepth = 2

// frame is a message as it travels: its type beside its fields.
type frame[M any] struct {
	Type    string `json:"type"`
	Message M      `json:",embed"`
}

// Decode reads one message of a client. Unknown types and fields, repeated fields, wrong types (null too), invalid UTF-8 and values
// out of bounds are refused with ErrMessage.
func Decode(b []byte) (FromClient, error) {
	kind, err := typeOf(b)
	if err != nil {
		return nil, err
	}
	read, known := readers[kind]
	if !known {
		return nil, refuse("unknown type")
	}
	m, err := read(b)
	if err != nil {
		return nil, err
	}
	if _, isOffer := m.(Offer); !isOffer && len(b) > MaxFrame {
		return nil, refuse("larger than a message of its type may be")
	}
	return m, m.check()
}

// readers has how to read each type of message.
var readers = map[string]func([]byte) (FromClient, error){
	Join{}.kind():       decodeAs[Join],
	Resume{}.kind():     decodeAs[Resume],
	Offer{}.kind():      decodeAs[Offer],
	SetMedia{}.kind():   decodeAs[SetMedia],
	Chat{}.kind():       decodeAs[Chat],
	Admit{}.kind():      decodeAs[Admit],
	Return{}.kind():     decodeAs[Return],
	Decline{}.kind():    decodeAs[Decline],
	Remove{}.kind():     decodeAs[Remove],
	SetPrivate{}.kind(): decodeAs[SetPrivate],
	SetHearing{}.kind(): decodeAs[SetHearing],
	Tell{}.kind():       decodeAs[Tell],
	Lead{}.kind():       decodeAs[Lead],
	Sign{}.kind():       decodeAs[Sign],
	SetView{}.kind():    decodeAs[SetView],
	SetLine{}.kind():    decodeAs[SetLine],
	SetCheck{}.kind():   decodeAs[SetCheck],
	End{}.kind():        decodeAs[End],
	Bye{}.kind():        decodeAs[Bye],
}

// decodeAs reads a message whose type is known.
func decodeAs[M FromClient](b []byte) (FromClient, error) {
	var f frame[M]
	if err := json.Unmarshal(b, &f, json.RejectUnknownMembers(true)); err != nil {
		// The cause may quote what was sent, so only its kind is told.
		if syntactic := new(jsontext.SyntacticError); errors.As(err, &syntactic) {
			return nil, refuse("not valid JSON")
		}
		return nil, refuse("a field that is unknown or of a wrong type")
	}
	return f.Message, nil
}

// typeOf finds the type of a message, and refuses what no message has whatever its type: null, and deep nesting.
func typeOf(b []byte) (kind string, err error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(b))
	name := ""
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return kind, nil
		}
		if err != nil {
			return "", refuse("not valid JSON")
		}
		if token.Kind() == jsontext.KindNull || d.StackDepth() > maxDepth {
			return "", refuse("a field of a wrong type")
		}
		if d.StackDepth() != 1 || token.Kind() != jsontext.KindString {
			continue
		}
		// In an object names and values take turns.
		if _, n := d.StackIndex(1); n%2 == 1 {
			name = token.String()
		} else if name == "type" {
			kind = token.String()
		}
	}
}

// Encode writes a message to a client.
func Encode(m ToClient) ([]byte, error) {
	fields, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a message of type %s: %w", m.name(), err)
	}
	head := `{"type":"` + m.name() + `"`
	if len(fields) > len("{}") {
		head += ","
	}
	return append([]byte(head), fields[1:]...), nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrMessage, why) }

func (m Join) check() error {
	if m.Pass == "" || m.Offer == "" {
		return refuse("join without a pass or an offer")
	}
	return checkSources(m.Sources)
}

func (m Resume) check() error {
	if m.Token == "" || len(m.Token) > maxToken {
		return refuse("resume with a token that is empty or too long")
	}
	return nil
}

func (m Offer) check() error {
	if m.Offer == "" {
		return refuse("an empty offer")
	}
	return checkSources(m.Sources)
}

func (SetMedia) check() error { return nil }

func (m Chat) check() error {
	if !isLineID(m.ID) {
		return refuse("chat with an id that is none")
	}
	if !between(m.Text.Reveal(), 1, maxChatText) {
		return refuse("chat with a text that is empty or too long")
	}
	return nil
}

func (m Admit) check() error   { return checkMember(m, m.Member) }
func (m Return) check() error  { return checkMember(m, m.Member) }
func (m Decline) check() error { return checkMember(m, m.Member) }
func (m Remove) check() error  { return checkMember(m, m.Member) }
func (m Lead) check() error    { return checkMember(m, m.Member) }
func (m Sign) check() error    { return checkMember(m, m.Member) }

func (SetPrivate) check() error { return nil }

func (m SetHearing) check() error {
	return checkOneOf(m.Answer, rooms.HearingNobody, rooms.HearingSomebody, rooms.HearingSignal)
}

func (m Tell) check() error {
	if !isLineID(m.ID) {
		return refuse("tell with an id that is none")
	}
	if len(m.Member) > maxID {
		return refuse("tell with a member that is too long")
	}
	if !between(m.Text.Reveal(), 1, maxTellText) {
		return refuse("tell with a text that is empty or too long")
	}
	if len(m.Ready) > maxReady || strings.ContainsFunc(m.Ready, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return refuse("tell with a name of ready words that is none")
	}
	return nil
}

func (m SetView) check() error {
	return checkOneOf(m.Video, rooms.ViewAll, rooms.ViewOne, rooms.ViewNone)
}

func (m SetLine) check() error {
	return checkOneOf(m.Line, rooms.QualityGood, rooms.QualityWeak, rooms.QualityBad)
}

func (m SetCheck) check() error {
	c := m.Check
	if c.RTTMS < -1 || c.RTTMS > maxRoundTrip || c.LossPct < -1 || c.LossPct > 100 {
		return refuse("a check with a number out of bounds")
	}
	if !between(c.Browser, 0, maxBrowser) {
		return refuse("a check with a browser that is too long")
	}
	for _, finding := range []rooms.Finding{c.Camera, c.Microphone, c.Speaker} {
		if err := checkOneOf(finding, rooms.FindingOK, rooms.FindingFault, rooms.FindingUnknown); err != nil {
			return err
		}
	}
	return checkOneOf(c.Network, rooms.NetworkOK, rooms.NetworkPoor, rooms.NetworkBlocked, rooms.NetworkUnknown)
}

func (End) check() error { return nil }
func (Bye) check() error { return nil }

// checkMember wants the id of a member.
func checkMember(m FromClient, id string) error {
	if id == "" || len(id) > maxID {
		return refuse(m.kind() + " with a member that is empty or too long")
	}
	return nil
}

// checkOneOf wants one of a few words.
func checkOneOf[W ~string](word W, known ...W) error {
	if !slices.Contains(known, word) {
		return refuse("a word that is none of those expected")
	}
	return nil
}

// checkSources allows a few lines, each of a known source and no source twice.
func checkSources(sources map[string]rooms.Source) error {
	if len(sources) > maxSources {
		return refuse("too many sources")
	}
	seen := map[rooms.Source]bool{}
	for mid, source := range sources {
		if mid == "" || len(mid) > maxMID {
			return refuse("a source with a mid that is empty or too long")
		}
		if !slices.Contains(rooms.Sources(), source) || seen[source] {
			return refuse("a source that is unknown or given twice")
		}
		seen[source] = true
	}
	return nil
}

// isLineID says whether a line may have this id: one that every database and log can hold.
func isLineID(id string) bool {
	return id != "" && len(id) <= maxLineID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

func between(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return least <= n && n <= most
}
