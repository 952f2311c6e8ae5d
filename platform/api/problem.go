package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"housecall/platform/fault"
	"housecall/platform/web"
)

// problemJSON documents the errors of the API.
type problemJSON struct {
	Type   string        `json:"type"`
	Code   string        `json:"code" doc:"For programs" example:"not_valid"`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail,omitempty"`
	Errors []fault.Field `json:"errors,omitempty" doc:"With code not_valid: what is wrong, field by field"`
}

// refusal is a web.Fault as huma wants errors: with a status, headers and a content type.
type refusal struct{ *web.Fault }

func refusalOf(ctx context.Context, err error) refusal {
	f := web.FaultOf(err)
	if f.Cause != nil {
		// The note is in the context; the request is only its carrier here.
		web.NoteCause(new(http.Request).WithContext(ctx), f.Cause)
	}
	return refusal{f}
}

// GetStatus fills huma.StatusError.
func (r refusal) GetStatus() int { return r.Status }

// GetHeaders fills huma.HeadersError.
func (r refusal) GetHeaders() http.Header {
	h := http.Header{}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds()+0.999)))
	}
	return h
}

// ContentType fills huma.ContentTypeFilter.
func (refusal) ContentType(string) string { return "application/problem+json" }

// MarshalJSON writes the members that web.WriteProblem writes.
func (r refusal) MarshalJSON() ([]byte, error) {
	body := map[string]any{}
	maps.Copy(body, r.Fields)
	maps.Copy(body, map[string]any{"type": "about:blank", "code": r.Code, "title": r.Title, "status": r.Status, "detail": r.Detail})
	return json.Marshal(body)
}

// unknownParameter is what huma says of a parameter that a call does not have.
const unknownParameter = "unknown query parameter"

// describeRefusal turns what huma itself finds wrong with a request into a problem of ours. What was sent is left out: it may be health data.
func describeRefusal(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	f := web.FaultOf(fault.NotValid)
	switch {
	case m.Status == http.StatusRequestEntityTooLarge:
		f = web.FaultOf(&http.MaxBytesError{})
	case m.Status >= http.StatusInternalServerError:
		f = web.FaultOf(errors.New(m.Title))
	default:
		var wrong []fault.Field
		for _, e := range m.Errors {
			where := strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "path.")
			if parameter, ok := strings.CutPrefix(e.Location, "query."); ok {
				where, _, _ = strings.Cut(parameter, "[") // whichever of several values it is
			}
			if e.Message == unknownParameter {
				wrong = []fault.Field{{Field: "query", Detail: "has a parameter that is not known here"}} // without its name, which was sent
				break
			}
			wrong = append(wrong, fault.Field{Field: where, Detail: plainMessage(e.Message)})
		}
		if len(wrong) > 0 {
			f = web.FaultOf(fault.InvalidAll(wrong...))
		}
	}
	f.Status = m.Status
	return refusal{f}, nil
}

// plainMessage keeps huma's words for what is wrong, and not those of the JSON and time packages, which quote what was sent.
func plainMessage(message string) string {
	for _, known := range []string{"expected ", "unexpected property", "required "} {
		if strings.HasPrefix(message, known) {
			return message
		}
	}
	return "cannot be read"
}
