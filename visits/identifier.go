package visits

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// Identifier is the number that another program of the hospital gave an appointment. No two visits have the same. The zero Identifier is none.
type Identifier struct {
	System string   `json:"system" maxLength:"200" doc:"Whose numbers these are, as a URI" example:"https://hospital.example/appointments"`
	Value  phi.Text `json:"value" maxLength:"80"`
}

// Limits of an identifier, in characters.
const (
	maxSystem = 200
	maxValue  = 80
)

func (i Identifier) tidy() Identifier {
	return Identifier{System: typed.Line(i.System), Value: phi.Text(typed.Line(i.Value.Reveal()))}
}

// check says what is wrong with a tidy identifier.
func (i Identifier) check() (wrong []fault.Field) {
	if i == (Identifier{}) {
		return nil
	}
	_, detail := typed.CheckName(i.System, maxSystem)
	if u, err := url.Parse(i.System); detail == "" && (err != nil || u.Scheme == "") {
		detail = "must be a URI, as in https://hospital.example/appointments"
	}
	if detail != "" {
		wrong = append(wrong, fault.Field{Field: "identifier.system", Detail: detail})
	}
	if _, detail := typed.CheckName(i.Value.Reveal(), maxValue); detail != "" {
		wrong = append(wrong, fault.Field{Field: "identifier.value", Detail: detail})
	}
	return wrong
}

// checkIdentifier is a conflict that names the visit where another has the identifier already.
func checkIdentifier(ctx context.Context, q store.Queryer, i Identifier) error {
	if i.Value == "" {
		return nil
	}
	var taken string
	err := q.QueryRowContext(ctx, `SELECT id FROM visits WHERE identifier_system = ? AND identifier_value = ? AND identifier_value <> ''`, i.System, i.Value).Scan(&taken)
	switch {
	case errors.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look for an identifier: %w", err)
	}
	return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Fields: map[string]any{"visit": taken},
		Detail: "Another visit has this identifier."}
}
