package web

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"housecall/platform/fault"
)

// Fault is an error as it is told over HTTP: a problem of RFC 9457 with a code for programs.
type Fault struct {
	Code       string
	Status     int            // HTTP status
	Title      string         // the same for every fault of this code
	Detail     string         // what happened and what to do, in plain words, without health data
	Key        string         // names its words on pages, problem.KEY in the catalogues; empty: those of the code
	Fields     map[string]any // more members of the answer; may not replace the ones above
	RetryAfter time.Duration  // 0: not told
	Cause      error          // for the log, never shown
}

func (f *Fault) Error() string {
	if f.Cause != nil {
		return f.Code + ": " + f.Cause.Error()
	}
	return f.Code
}

func (f *Fault) Unwrap() error { return f.Cause }

// kinds is the one table from codes to HTTP: docs/protocol.md, section 1.
var kinds = map[string]struct {
	status        int
	title, detail string
}{
	fault.CodeNotFound:        {http.StatusNotFound, "Nothing here", "There is nothing at this address, or it is not for you."},
	fault.CodeNotAllowed:      {http.StatusForbidden, "Not allowed", "You may not do this."},
	fault.CodeUnauthorized:    {http.StatusUnauthorized, "Who are you?", "Sign in, or send a valid API key."},
	fault.CodeNotValid:        {http.StatusUnprocessableEntity, "Something is not right", "The request is not as it should be."},
	fault.CodeConflict:        {http.StatusConflict, "Not possible now", "This cannot be done in the state things are in."},
	fault.CodeBirthDateNeeded: {http.StatusForbidden, "Date of birth needed", "Please give the patient's date of birth."},
	fault.CodeBirthDateWrong:  {http.StatusForbidden, "Not that date", "This is not the date of birth we have."},
	fault.CodeConsentNeeded:   {http.StatusForbidden, "Consent needed", "Please read and answer the questions about consent first."},
	fault.CodeLocked:          {http.StatusLocked, "Locked", "There were too many wrong tries. Ask for a new link."},
	fault.CodeTooEarly:        {http.StatusTooEarly, "Too early", "The visit has not opened yet."},
	fault.CodeOver:            {http.StatusGone, "Over", "This visit is over."},
	fault.CodeRevoked:         {http.StatusGone, "Link no longer works", "This link was replaced or withdrawn."},
	fault.CodeTryLater:        {http.StatusServiceUnavailable, "Please try again soon", "A part of the service is away for a moment. Nothing was lost."},
}

// FaultOf describes any error for HTTP. An error of none of the four kinds becomes a 500 that tells nothing.
func FaultOf(err error) *Fault {
	var own *Fault
	if errors.As(err, &own) {
		return own
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &Fault{Code: "too_large", Status: http.StatusRequestEntityTooLarge, Title: "Too large",
			Detail: "More was sent than we can take."}
	}
	code := fault.CodeOf(err)
	kind, known := kinds[code]
	var p *fault.Problem
	if !errors.As(err, &p) {
		p = &fault.Problem{}
	}
	if !known {
		switch { // a code of some module's own: its kind decides
		case errors.Is(err, fault.NotFound):
			kind = kinds[fault.CodeNotFound]
		case errors.Is(err, fault.NotAllowed):
			kind = kinds[fault.CodeNotAllowed]
		case errors.Is(err, fault.NotValid):
			kind = kinds[fault.CodeNotValid]
		case errors.Is(err, fault.TryAgain):
			kind = kinds[fault.CodeTryLater]
		default:
			return &Fault{Code: "internal", Status: http.StatusInternalServerError, Title: "Something went wrong on our side",
				Detail: "It is not your fault, and it has been noted. Please try again in a minute.", Cause: err}
		}
	}
	f := &Fault{Code: code, Status: kind.status, Title: kind.title, Detail: kind.detail, Key: p.Key, Fields: p.Fields, RetryAfter: p.RetryAfter}
	if p.Detail != "" {
		f.Detail = p.Detail
	}
	if code == fault.CodeTryLater {
		if p.RetryAfter > 0 {
			f.Status = http.StatusTooManyRequests
		} else {
			f.RetryAfter = 5 * time.Second
		}
	}
	if f.Status >= http.StatusInternalServerError {
		f.Cause = err
	}
	return f
}

// NoteCause leaves an error for the request's log line. For whoever answers without Problem.
func NoteCause(r *http.Request, err error) { noteOf(r).cause = err }

// NotFound is the one answer for everything that is not there, or not for the one who asks.
func NotFound(w http.ResponseWriter, r *http.Request) { Problem(w, r, fault.NotFound) }

// Problem answers with what FaultOf says of err: a page where a person reads, problem+json elsewhere. The cause goes to the request's
// log line when it is our fault.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	f := FaultOf(err)
	n := noteOf(r)
	if f.Cause != nil {
		n.cause = f.Cause
	}
	if f.RetryAfter > 0 {
		SetRetryAfter(w, f.RetryAfter)
	}
	if n.tell != nil {
		n.tell(w, f)
		return
	}
	if n.pages != nil && readsPages(r) {
		n.pages.Problem(w, r, f)
		return
	}
	WriteProblem(w, f)
}

// WriteProblem writes a fault as problem+json, whoever reads.
func WriteProblem(w http.ResponseWriter, f *Fault) {
	body := map[string]any{}
	maps.Copy(body, f.Fields)
	body["type"] = "about:blank"
	body["code"] = f.Code
	body["title"] = f.Title
	body["status"] = f.Status
	if f.Detail != "" {
		body["detail"] = f.Detail
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(body) // whoever is gone gets nothing
}

// readsPages tells whether a browser asks for a page: its navigations accept text/html, its fetch calls do not.
func readsPages(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// SetRetryAfter tells how long to wait, in whole seconds rounded up.
func SetRetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}
