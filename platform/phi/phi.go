// Package phi holds the type for health data: names, birth dates, chat, anything that says who a patient is.
// It owns no state; a Text is a string that redacts itself wherever programs print things by habit (fmt, slog, panics).
// It must never print its content: only JSON toward an entitled person, SQL, and an explicit Reveal carry it.
package phi

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a Text prints instead of its content.
const Redacted = "[private]"

// Text is a string of health data.
//
// MarshalJSON carries the content, because answers to entitled people are JSON. So log a Text as an attribute of its own (slog asks
// LogValue), never inside a struct that a JSON log handler would marshal.
type Text string

// Reveal returns the content. Call it at the edge alone: when rendering for somebody entitled to read it.
func (t Text) Reveal() string { return string(t) }

// String returns Redacted.
func (t Text) String() string { return Redacted }

// GoString returns Redacted.
func (t Text) GoString() string { return Redacted }

// Format writes Redacted for every verb, %x and %d too.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue returns Redacted.
func (t Text) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON writes the content.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(string(t)) }

// UnmarshalJSON reads the content.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errNotString
	}
	*t = Text(s)
	return nil
}

// errNotString replaces the JSON package's own error, which may quote what it read.
var errNotString = fmt.Errorf("phi: not a JSON string")

// Value hands the content to SQL.
func (t Text) Value() (driver.Value, error) { return string(t), nil }

// Scan takes the content from SQL. NULL becomes the empty Text.
func (t *Text) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*t = Text(v)
	case []byte:
		*t = Text(v)
	case nil:
		*t = ""
	default:
		return fmt.Errorf("phi: cannot read a column of type %T", src)
	}
	return nil
}
