package fhir

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/web"
)

const contentType = "application/fhir+json; charset=utf-8"

// reply is an answer that went well.
type reply struct {
	status   int             // zero: 200
	resource json.RawMessage // nil: none
	location string          // of what was made, from the server's base; empty: nothing was
	version  string          // of the resource; empty: not told
}

type handler func(*http.Request) (reply, error)

// serve answers with what h returns, in the one format there is.
func (s *Server) serve(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !takesJSON(r) {
			web.Problem(w, r, notAcceptable())
			return
		}
		out, err := h(r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if out.version != "" {
			w.Header().Set("ETag", `W/"`+out.version+`"`)
		}
		if out.location != "" {
			w.Header().Set("Location", s.base+"/"+out.location)
			if slices.Contains(preferences(r), "return=minimal") {
				out.resource = nil
			}
		}
		if out.resource != nil {
			w.Header().Set("Content-Type", contentType)
		}
		if out.status == 0 {
			out.status = http.StatusOK
		}
		w.WriteHeader(out.status)
		_, _ = w.Write(out.resource) // whoever is gone gets nothing
	})
}

func notAcceptable() error {
	return &web.Fault{Code: "not_acceptable", Status: http.StatusNotAcceptable, Title: "Not acceptable", Detail: "The only format is application/fhir+json."}
}

// formats are what the one format there is can be called.
var formats = []string{"json", "application/json", "application/fhir+json"}

// isJSON says whether a _format is the one there is.
func isJSON(format string) bool {
	// A plus in an address is a blank where nobody has escaped it.
	kind, _, _ := strings.Cut(strings.ReplaceAll(format, " ", "+"), ";")
	return slices.Contains(formats, kind)
}

// takesJSON says whether the caller takes the one format there is: http://hl7.org/fhir/R4/http.html#mime-type.
func takesJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("_format"); format != "" {
		return isJSON(format)
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" {
		return true
	}
	for one := range strings.SplitSeq(accept, ",") {
		kind, parameters, err := mime.ParseMediaType(one)
		if err == nil && (slices.Contains(formats, kind) || kind == "*/*" || kind == "application/*") && parameters["q"] != "0" {
			return true
		}
	}
	return false
}

// preferences are what the caller would like (RFC 7240), without their parameters: none that is known here has any.
func preferences(r *http.Request) (all []string) {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		one, _, _ = strings.Cut(one, ";")
		all = append(all, strings.ToLower(strings.ReplaceAll(strings.TrimSpace(one), `"`, "")))
	}
	return all
}

// read reads a resource of a kind.
func read[T any](r *http.Request, kind string) (resource T, err error) {
	if sent, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || sent != "application/fhir+json" && sent != "application/json" {
		return resource, &web.Fault{Code: "unsupported", Status: http.StatusUnsupportedMediaType, Title: "Unsupported", Detail: "Send application/fhir+json."}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return resource, err
	}
	var whole map[string]any
	if err := web.CheckJSON(body); errors.Is(err, web.ErrTwice) {
		return resource, saidTwice()
	} else if err != nil {
		return resource, malformed("The body must be JSON in UTF-8.")
	}
	if json.Unmarshal(body, &whole) != nil || whole["resourceType"] != kind {
		return resource, malformed("Send one resource of type " + kind + " in JSON.")
	}
	if tooDeep(whole, mostDeep) {
		return resource, malformed("Arrays and objects are too deep in each other.")
	}
	if twiceButForCase(whole) {
		return resource, saidTwice()
	}
	if tail := modifier(whole); tail != "" {
		return resource, refused(kind+tail, "changes what a resource means, in ways that are not known here")
	}
	if err := json.Unmarshal(body, &resource); err != nil {
		return resource, malformed("This is no " + kind + " of FHIR R4: an element has a value of the wrong kind, or a code that does not exist.")
	}
	return resource, nil
}

// mostDeep is how many arrays and objects may be in each other: those of a resource that anybody means are about ten.
const mostDeep = 100

// tooDeep says whether more than so many arrays and objects are in each other.
func tooDeep(value any, most int) bool {
	deeper := func(one any) bool { return tooDeep(one, most-1) }
	switch value := value.(type) {
	case []any:
		return most == 0 || slices.ContainsFunc(value, deeper)
	case map[string]any:
		return most == 0 || slices.ContainsFunc(slices.Collect(maps.Values(value)), deeper)
	}
	return false
}

// twiceButForCase says whether an object has two names that are one but for their case: the package json takes both for one element.
func twiceButForCase(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, twiceButForCase)
	case map[string]any:
		seen := make(map[string]bool, len(value))
		for name, one := range value {
			if seen[fold(name)] || twiceButForCase(one) {
				return true
			}
			seen[fold(name)] = true
		}
	}
	return false
}

// fold is a name with its case left out, as the package json reads it: with ſ for s and the sign of kelvins for k.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func saidTwice() error { return malformed("An object says one thing twice.") }

// modifier is where in a value something stands that changes what all around it means, in words of FHIR, from there on; empty: nothing does. The place is put together on
// the way back, so that what is looked at in vain costs nothing. Elements of the resources themselves that do so too are looked at where these are read:
// http://hl7.org/fhir/R4/conformance-rules.html#isModifier.
func modifier(value any) string {
	switch value := value.(type) {
	case []any:
		for n, one := range value {
			if tail := modifier(one); tail != "" {
				return "[" + strconv.Itoa(n) + "]" + tail
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			all, many := value[name].([]any)
			if (fold(name) == fold("modifierExtension") || fold(name) == fold("implicitRules")) && value[name] != nil && value[name] != "" && (!many || len(all) > 0) {
				return "." + name
			}
			if tail := modifier(value[name]); tail != "" {
				return "." + name + tail
			}
		}
	}
	return ""
}

// malformed says that a request cannot be read.
func malformed(detail string) error {
	return &web.Fault{Code: "malformed", Status: http.StatusBadRequest, Title: "Cannot be read", Detail: detail}
}

// refused says that an element is not valid here.
func refused(element, detail string) error { return fault.Invalid(element, detail) }

// replaces says of a resource that is to take the place of the one at an address which version the caller has read; empty: they don't say. Its id must be there.
func replaces(r *http.Request, id *string, at string) (string, error) {
	if text(id) != at {
		return "", malformed("The id must be that of the address.")
	}
	if err := api.CheckIfMatch(r.Header.Values("If-Match")); err != nil {
		return "", malformed("If-Match: " + err.Error() + ".")
	}
	tag := strings.Join(r.Header.Values("If-Match"), ",")
	if tag == "" || tag == "*" {
		return "", nil
	}
	version, err := strconv.Unquote(strings.TrimPrefix(tag, "W/"))
	if err != nil {
		return "", malformed(`If-Match must be an ETag as in W/"1".`)
	}
	return version, nil
}

// Tell writes a fault as an OperationOutcome: http://hl7.org/fhir/R4/operationoutcome.html.
func Tell(w http.ResponseWriter, f *web.Fault) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(outcome(f)) // whoever is gone gets nothing
}

func outcome(f *web.Fault) fhir.OperationOutcome {
	issue := func(code fhir.IssueType, detail string, expression []string) fhir.OperationOutcomeIssue {
		return fhir.OperationOutcomeIssue{Severity: fhir.IssueSeverityError, Code: code, Diagnostics: &detail, Expression: expression}
	}
	if wrong, ok := f.Fields["errors"].([]fault.Field); ok {
		var out fhir.OperationOutcome
		for _, w := range wrong {
			// In words of FHIR where there are any, else in those of the JSON API.
			if element := elementOf(w.Field); element != "" {
				out.Issue = append(out.Issue, issue(fhir.IssueTypeInvalid, w.Detail, []string{element}))
			} else {
				out.Issue = append(out.Issue, issue(fhir.IssueTypeInvalid, strings.TrimSpace(w.Field+" "+w.Detail), nil))
			}
		}
		return out
	}
	code, known := issues[f.Code]
	if !known {
		code = fhir.IssueTypeProcessing
	}
	if f.Code == fault.CodeTryLater && f.Status == http.StatusTooManyRequests {
		code = fhir.IssueTypeThrottled
	}
	return fhir.OperationOutcome{Issue: []fhir.OperationOutcomeIssue{issue(code, f.Detail, nil)}}
}

// issues are what faults are to FHIR.
var issues = map[string]fhir.IssueType{
	fault.CodeNotFound:     fhir.IssueTypeNotFound,
	fault.CodeNotAllowed:   fhir.IssueTypeForbidden,
	fault.CodeUnauthorized: fhir.IssueTypeLogin,
	fault.CodeNotValid:     fhir.IssueTypeInvalid,
	fault.CodeTryLater:     fhir.IssueTypeTransient,
	fault.CodeConflict:     fhir.IssueTypeConflict,
	"precondition_failed":  fhir.IssueTypeConflict,
	"multiple_matches":     fhir.IssueTypeMultipleMatches,
	"malformed":            fhir.IssueTypeStructure,
	"not_acceptable":       fhir.IssueTypeNotSupported,
	"unsupported":          fhir.IssueTypeNotSupported,
	"method_not_allowed":   fhir.IssueTypeNotSupported,
	"too_large":            fhir.IssueTypeTooLong,
	"internal":             fhir.IssueTypeException,
}

// elements are the fields of our services that have a name in FHIR, by how they begin.
var elements = []struct{ field, element string }{
	{"starts_at", "Appointment.start"},
	{"minutes", "Appointment.minutesDuration"},
	{"service", "Appointment.serviceType"},
	{"people", "Appointment.participant"},
	{"patient_id", "Appointment.participant"},
	{"clinician_id", "Appointment.participant"},
	{"identifier", "Appointment.identifier"},
	{"name", "Patient.name"},
	{"birth_date", "Patient.birthDate"},
	{"language", "Patient.communication"},
	{"number", "Patient.identifier"},
	{"contacts", "Patient.contact"},
}

// elementOf is a field's name in FHIR; empty: it has none.
func elementOf(field string) string {
	if strings.HasPrefix(field, "Appointment.") || strings.HasPrefix(field, "Patient.") {
		return field
	}
	for _, e := range elements {
		if strings.HasPrefix(field, e.field) {
			return e.element
		}
	}
	return ""
}

// unlessThere is what an If-None-Exist says; empty: there is none.
func unlessThere(r *http.Request) (string, error) {
	all := r.Header.Values("If-None-Exist")
	if len(all) > 1 || len(all) == 1 && all[0] == "" {
		return "", malformed("If-None-Exist must be there once, with what it is about.")
	}
	return r.Header.Get("If-None-Exist"), nil
}

// marshal is a resource as it is sent.
func marshal(resource any) json.RawMessage {
	b, err := json.Marshal(resource)
	if err != nil {
		panic(err) // structs of strings
	}
	return b
}

// isMissing says whether there is no such thing.
func isMissing(err error) bool { return errors.Is(err, fault.NotFound) }
