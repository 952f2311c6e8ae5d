package signaling

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	var m FromClient
	switch kind {
	case Join{}.kind():
		m, err = decodeAs[Join](b)
	case Offer{}.kind():
		m, err = decodeAs[Offer](b)
	case SetMedia{}.kind():
		m, err = decodeAs[SetMedia](b)
	case Chat{}.kind():
		m, err = decodeAs[Chat](b)
	case Admit{}.kind():
		m, err = decodeAs[Admit](b)
	case End{}.kind():
		m, err = decodeAs[End](b)
	case Bye{}.kind():
		m, err = decodeAs[Bye](b)
	default:
		return nil, refuse("unknown type")
	}
	if err != nil {
		return nil, err
	}
	if _, isOffer := m.(Offer); !isOffer && len(b) > MaxFrame {
		return nil, refuse("larger than a message of its type may be")
	}
	return m, m.check()
}

// decodeAs reads a message whose type is known.
func decodeAs[M FromClient](b []byte) (M, error) {
	var f frame[M]
	if err := json.Unmarshal(b, &f, json.RejectUnknownMembers(true)); err != nil {
		// The cause may quote what was sent, so only its kind is told.
		var none M
		if syntactic := new(jsontext.SyntacticError); errors.As(err, &syntactic) {
			return none, refuse("not valid JSON")
		}
		return none, refuse("a field that is unknown or of a wrong type")
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

func (m Offer) check() error {
	if m.Offer == "" {
		return refuse("an empty offer")
	}
	return checkSources(m.Sources)
}

func (SetMedia) check() error { return nil }

func (m Chat) check() error {
	if !between(m.ID, 1, maxChatID) {
		return refuse("chat with an id that is empty or too long")
	}
	if !between(m.Text.Reveal(), 1, maxChatText) {
		return refuse("chat with a text that is empty or too long")
	}
	return nil
}

func (m Admit) check() error {
	if m.Member == "" || len(m.Member) > maxID {
		return refuse("admit with a member that is empty or too long")
	}
	return nil
}

func (End) check() error { return nil }
func (Bye) check() error { return nil }

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
		if (source != rooms.Microphone && source != rooms.Camera) || seen[source] {
			return refuse("a source that is unknown or given twice")
		}
		seen[source] = true
	}
	return nil
}

func between(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return least <= n && n <= most
}
