// Package fault holds the four kinds of error that may reach a person: not found, not allowed, not valid, try again.
// It owns no state; platform/web turns a fault into an HTTP answer and signaling into a close code, each in one place.
// It must never carry a cause toward a person: Cause is for the log, Detail is for reading.
package fault

//lint:file-ignore ST1012 the four kinds are read as fault.NotFound, as io.EOF is

import (
	"errors"
	"sort"
	"strings"
	"time"
)

// The four kinds. Compare with errors.Is.
var (
	NotFound   = errors.New("not found")
	NotAllowed = errors.New("not allowed")
	NotValid   = errors.New("not valid")
	TryAgain   = errors.New("try again")
)

// Codes for programs: the `code` of problem+json (docs/protocol.md, section 1). A Problem without a code gets that of its kind.
const (
	CodeNotFound        = "not_found"         // 404, kind NotFound
	CodeNotAllowed      = "not_allowed"       // 403, kind NotAllowed
	CodeUnauthorized    = "unauthorized"      // 401, kind NotAllowed: nobody known is asking
	CodeNotValid        = "not_valid"         // 422, kind NotValid
	CodeTryLater        = "try_later"         // 429 when RetryAfter is set, otherwise 503; kind TryAgain
	CodeBirthDateNeeded = "birth_date_needed" // 403, kind NotAllowed
	CodeBirthDateWrong  = "birth_date_wrong"  // 403, kind NotAllowed; field tries_left
	CodeConsentNeeded   = "consent_needed"    // 403, kind NotAllowed
	CodeLocked          = "locked"            // 423, kind NotAllowed
	CodeTooEarly        = "too_early"         // 425, kind NotAllowed; fields opens_at, starts_at
	CodeOver            = "over"              // 410, kind NotAllowed
	CodeRevoked         = "revoked"           // 410, kind NotAllowed
	CodeConflict        = "conflict"          // 409, kind NotValid: right in itself, but not in the state the thing is in
)

// Problem is an error a person may read, with what a program needs to act on it.
type Problem struct {
	Code       string         // one of the codes above; empty: the code of Kind
	Kind       error          // one of the four kinds
	Detail     string         // plain English for programs and those who write them, without health data
	Key        string         // names its words on pages, problem.KEY in the catalogues; empty: those of the code
	Fields     map[string]any // more members of the answer; RFC 9457, section 3.2
	RetryAfter time.Duration  // set when the caller asked too often: 429 rather than 503
	Cause      error          // for the log, never shown
}

// Error gives code, detail and cause, for the log.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.CodeOrKind())
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	if p.Cause != nil {
		b.WriteString(": " + p.Cause.Error())
	}
	return b.String()
}

// Unwrap lets errors.Is find the kind and the cause.
func (p *Problem) Unwrap() []error {
	var all []error
	if p.Kind != nil {
		all = append(all, p.Kind)
	}
	if p.Cause != nil {
		all = append(all, p.Cause)
	}
	return all
}

// CodeOrKind returns Code, or the code of the kind when there is none.
func (p *Problem) CodeOrKind() string {
	if p.Code != "" {
		return p.Code
	}
	return CodeOf(p.Kind)
}

// CodeOf returns the code of any error: its Problem's, or that of its kind, or the empty string for an error no person may read.
func CodeOf(err error) string {
	var p *Problem
	if errors.As(err, &p) && p.Code != "" {
		return p.Code
	}
	switch {
	case errors.Is(err, NotFound):
		return CodeNotFound
	case errors.Is(err, NotAllowed):
		return CodeNotAllowed
	case errors.Is(err, NotValid):
		return CodeNotValid
	case errors.Is(err, TryAgain):
		return CodeTryLater
	}
	return ""
}

// Field says what is wrong with one field of a request.
type Field struct {
	Field  string `json:"field"`  // its JSON name
	Detail string `json:"detail"` // what to do about it, in plain English, without the value that was sent
	Key    string `json:"-"`      // names what is wrong with it, for the words of pages; may be empty
}

// Invalid says that one field of a request is not valid. Its `errors` member lists the field.
func Invalid(field, detail string) error { return InvalidAll(Field{Field: field, Detail: detail}) }

// InvalidAll says that several fields are not valid; nil when there are none.
func InvalidAll(fields ...Field) error {
	if len(fields) == 0 {
		return nil
	}
	sort.SliceStable(fields, func(i, j int) bool { return fields[i].Field < fields[j].Field })
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Field + " " + f.Detail
	}
	return &Problem{
		Code:   CodeNotValid,
		Kind:   NotValid,
		Detail: strings.Join(parts, "; "),
		Fields: map[string]any{"errors": fields},
	}
}

// FieldsOf returns what an error says is wrong, field by field; false: it is about something else.
func FieldsOf(err error) ([]Field, bool) {
	var p *Problem
	if !errors.As(err, &p) {
		return nil, false
	}
	fields, ok := p.Fields["errors"].([]Field)
	return fields, ok
}

// TooOften says that the caller must wait before asking again.
func TooOften(retryAfter time.Duration) error {
	return &Problem{
		Code:       CodeTryLater,
		Kind:       TryAgain,
		Key:        "too_often",
		Detail:     "There were too many tries. Please wait a little and try again.",
		RetryAfter: max(retryAfter, time.Second),
	}
}

// Away says that a part of the service is away and nothing was lost. The cause is for the log.
func Away(cause error) error {
	return &Problem{
		Code:   CodeTryLater,
		Kind:   TryAgain,
		Detail: "A part of the service is away for a moment. Nothing was lost. Please try again soon.",
		Cause:  cause,
	}
}

// Changed says that somebody else has changed a thing since it was read.
func Changed() error {
	return &Problem{
		Code:   CodeConflict,
		Kind:   NotValid,
		Key:    "changed",
		Detail: "Somebody else has changed this meanwhile. Read it again, and change what is left to change.",
	}
}
