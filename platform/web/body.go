package web

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// ReadJSON reads a request's body, of at most so many bytes, as strictly as messages of the websocket are read: unknown and repeated fields
// are refused. Its error is for Problem, and repeats nothing of what was sent.
func ReadJSON(w http.ResponseWriter, r *http.Request, most int64, to any) error {
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, most), to, json.RejectUnknownMembers(true))
	var large *http.MaxBytesError
	if err == nil || errors.As(err, &large) {
		return err
	}
	return &fault.Problem{Kind: fault.NotValid, Detail: "The request is not as described in the protocol."}
}

// What CheckJSON finds.
var (
	ErrTwice   = errors.New("expected each name once in an object")
	ErrNotJSON = errors.New("expected JSON in UTF-8")
)

// CheckJSON is for readers that take more than RFC 8259 has, and the last of two values under one name: what was looked at on the way may be the first. An object that has a
// name twice is ErrTwice; all else that is not as it should be, such as bytes that are not UTF-8 and halves of surrogate pairs, is ErrNotJSON. Neither repeats anything
// of what was sent.
func CheckJSON(body []byte) error {
	_, err := jsontext.NewDecoder(bytes.NewBuffer(body)).ReadValue()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return ErrTwice
	}
	return ErrNotJSON
}

// ReadForm reads the body of a form; false: it could not, and an answer was given.
func ReadForm(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		Unreadable(w, r, err)
		return false
	}
	return true
}

// Unreadable answers a form that cannot be read: too large, or not valid.
func Unreadable(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	if !errors.As(err, &large) {
		err = &fault.Problem{Kind: fault.NotValid, Key: "form", Detail: "The form could not be read. Go back and send it again."}
	}
	Problem(w, r, err)
}

// PathID is the id that a request's path has in a place, where there is one of ours; else "".
func PathID(r *http.Request, name string) string {
	if id := r.PathValue(name); store.IsID(id) {
		return id
	}
	return ""
}
