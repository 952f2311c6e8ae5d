package fhir

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"housecall/visits"
)

// parameter is something that can be searched by.
type parameter struct {
	name    string
	kind    fhir.SearchParamType
	private bool // it may say who a patient is: not in addresses
	says    string
}

// searches are what each kind of resource can be searched by. The capability statement is made of it.
var searches = map[string][]parameter{
	"Appointment": {
		{"_id", fhir.SearchParamTypeToken, false, ""},
		{"date", fhir.SearchParamTypeDate, false, "of the start; with eq, ne, ge, gt, sa, le, lt or eb before it, once or twice. What names no zone is in that of the hospital's first site"},
		{"patient", fhir.SearchParamTypeReference, false, ""},
		{"practitioner", fhir.SearchParamTypeReference, false, "who leads"},
		{"status", fhir.SearchParamTypeToken, false, "several with commas between"},
		{"identifier", fhir.SearchParamTypeToken, false, "system|value, or value in any system; |value finds nothing, for all have a system"},
	},
	"Encounter": {
		{"_id", fhir.SearchParamTypeToken, false, ""},
		{"date", fhir.SearchParamTypeDate, false, "of the planned start, as in Appointment"},
		{"patient", fhir.SearchParamTypeReference, false, ""},
		{"practitioner", fhir.SearchParamTypeReference, false, "who leads"},
		{"status", fhir.SearchParamTypeToken, false, "several with commas between"},
		{"appointment", fhir.SearchParamTypeReference, false, ""},
	},
	"Patient": {
		{"_id", fhir.SearchParamTypeToken, false, ""},
		{"name", fhir.SearchParamTypeString, true, "beginnings of words in any order"},
		{"family", fhir.SearchParamTypeString, true, "as name"},
		{"given", fhir.SearchParamTypeString, true, "as name"},
		{"birthdate", fhir.SearchParamTypeDate, true, ""},
		{"identifier", fhir.SearchParamTypeToken, true, "the hospital's number: value, |value or system|value, whatever the system"},
	},
	"Practitioner": {
		{"_id", fhir.SearchParamTypeToken, false, ""},
		{"name", fhir.SearchParamTypeString, true, "beginnings of words in any order"},
	},
}

// Limits of a search.
const (
	defaultCount = 50
	maxCount     = 100
	maxParameter = 200 // bytes of one value
)

// query is what is searched for.
type query struct {
	kind   string
	values url.Values // of known parameters
	count  int
	cursor string // of the page; empty: the first

	ignored []string // names of parameters that the search takes no notice of
}

func (q query) get(name string) string { return q.values.Get(name) }

// query reads what is searched for. What is private is taken from the body of a POST alone, for addresses are written down by whatever they pass.
func (s *Server) query(r *http.Request, kind string) (query, error) {
	q := query{kind: kind, values: url.Values{}, count: defaultCount}
	if err := r.ParseForm(); errors.As(err, new(*http.MaxBytesError)) {
		return query{}, err
	} else if err != nil {
		return query{}, malformed("Send parameters as application/x-www-form-urlencoded.")
	}
	known, lenient := searches[kind], slices.Contains(preferences(r), "handling=lenient")
	for name, values := range r.Form {
		at := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		switch {
		case slices.ContainsFunc(values, func(v string) bool { return len(v) > maxParameter }):
			return query{}, malformed("A parameter is too long.")
		case name == "_count":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 {
				return query{}, malformed("_count must be a number from 1. How many there are is not counted, so _count=0 has no answer.")
			}
			q.count = min(n, maxCount)
		case name == "_cursor":
			q.cursor = values[0]
		case name == "_format" && slices.ContainsFunc(values, func(v string) bool { return v != "" && !isJSON(v) }):
			return query{}, notAcceptable()
		case name == "_format" || name == "_pretty": // of the answer, not of what is searched for
		case at < 0 || slices.Contains(values, ""):
			// Without it the search would find more than was meant, perhaps other people's visits.
			if !lenient {
				return query{}, malformed("There is a parameter without a value, or one that " + kind + " cannot be searched by. /metadata says which there are. With Prefer: handling=lenient they are left out.")
			}
			q.ignored = append(q.ignored, name)
		case known[at].private && r.URL.Query().Has(name):
			return query{}, malformed("Search by " + name + " with POST " + Path + "/" + kind + "/_search, for addresses are written into logs.")
		case len(values) > 1 && known[at].kind != fhir.SearchParamTypeDate && known[at].kind != fhir.SearchParamTypeString:
			return query{}, malformed("Name " + name + " once.")
		case (name == "_id" || known[at].kind == fhir.SearchParamTypeReference) && strings.Contains(values[0], ","):
			return query{}, malformed("Name one " + name + ".")
		default:
			q.values[name] = values
		}
	}
	return q, nil
}

// bundle is what was found. next is the cursor of the next page; empty: this is the last.
func (s *Server) bundle(q query, entries []fhir.BundleEntry, next string) reply {
	if len(q.ignored) > 0 {
		entries = append(entries, told(fhir.IssueTypeNotSupported, "This may be more than was asked for, for some of it was left out: "+q.leftOut()+"."))
	}
	b := fhir.Bundle{Type: fhir.BundleTypeSearchset, Entry: entries, Link: []fhir.BundleLink{{Relation: "self", Url: s.pageURL(q, q.cursor)}}}
	if next != "" {
		b.Link = append(b.Link, fhir.BundleLink{Relation: "next", Url: s.pageURL(q, next)})
	}
	return reply{resource: marshal(b)}
}

// parameterName is what a parameter can be called: anything else may say who somebody is.
var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$`)

// leftOut are the names of what the search takes no notice of. The self link does not do, for it has nothing private.
func (q query) leftOut() string {
	const most = 20
	named := slices.DeleteFunc(slices.Sorted(slices.Values(q.ignored)), func(name string) bool { return !parameterName.MatchString(name) })
	named = named[:min(len(named), most)]
	if more := len(q.ignored) - len(named); more > 0 {
		named = append(named, strconv.Itoa(more)+" more")
	}
	return strings.Join(named, ", ")
}

// pageURL is the address of a page of what is searched for, without what is private.
func (s *Server) pageURL(q query, cursor string) string {
	values := url.Values{"_count": {strconv.Itoa(q.count)}}
	for _, p := range searches[q.kind] {
		if !p.private && q.values.Has(p.name) {
			values[p.name] = q.values[p.name]
		}
	}
	if cursor != "" {
		values.Set("_cursor", cursor)
	}
	return s.base + "/" + q.kind + "?" + values.Encode()
}

// found is one resource that was found.
func (s *Server) found(kind, id string, resource json.RawMessage) fhir.BundleEntry {
	return fhir.BundleEntry{FullUrl: new(s.base + "/" + kind + "/" + id), Resource: resource, Search: &fhir.BundleEntrySearch{Mode: new(fhir.SearchEntryModeMatch)}}
}

// told is a word about a search.
func told(code fhir.IssueType, words string) fhir.BundleEntry {
	o := fhir.OperationOutcome{Issue: []fhir.OperationOutcomeIssue{{Severity: fhir.IssueSeverityWarning, Code: code, Diagnostics: &words}}}
	return fhir.BundleEntry{Resource: marshal(o), Search: &fhir.BundleEntrySearch{Mode: new(fhir.SearchEntryModeOutcome)}}
}

// idOf is the id in a reference to one of our resources of a kind: of that kind, relative or absolute; with bare also the id alone.
func (s *Server) idOf(reference, kind string, bare bool) (string, bool) {
	reference = strings.TrimPrefix(reference, s.base+"/")
	id, whole := strings.CutPrefix(reference, kind+"/")
	return id, (whole || bare) && id != "" && !strings.Contains(id, "/")
}

// token is an identifier in a search: http://hl7.org/fhir/R4/search.html#token.
type token struct {
	system, value string // no system: any
	bare          bool   // it must have no system
}

// tokenOf reads a token: value, |value or system|value. In these a backslash stands before what would mean something else.
func tokenOf(name, s string) (t token, err error) {
	parts := []string{""}
	escaped := false
	for _, r := range s {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == ',':
			return token{}, malformed("Name one " + name + ".")
		case !escaped && r == '|':
			parts = append(parts, "")
		default:
			parts[len(parts)-1] += string(r)
		}
		escaped = false
	}
	t.value = parts[len(parts)-1]
	if len(parts) == 2 {
		t.system, t.bare = parts[0], parts[0] == ""
	}
	if len(parts) > 2 || t.value == "" || escaped {
		return token{}, malformed(name + " must be value, |value or system|value.")
	}
	return t, nil
}

// span is the time that a search for dates means, of a resource that has one instant: from the first instant (included) to the last (excluded), but for the spans excepted. Days
// without a zone are those of the one given. Zero: no bound.
func span(dates []string, zone *time.Location) (from, to time.Time, except []visits.Span, err error) {
	if len(dates) > 2 {
		return from, to, nil, malformed("Give at most two dates.")
	}
	for _, d := range dates {
		prefix, value := "eq", d
		if len(d) > 2 && d[0] >= 'a' && d[0] <= 'z' {
			prefix, value = d[:2], d[2:]
		}
		first, end, ok := instants(value, zone)
		if !ok {
			return from, to, nil, malformed("date must be a day or a time as in 2026-11-24 or 2026-11-24T09:00:00Z.")
		}
		low, high := first, end
		switch prefix {
		case "eq":
		case "ge":
			high = time.Time{}
		case "gt", "sa":
			low, high = end, time.Time{}
		case "le":
			low = time.Time{}
		case "lt", "eb":
			low, high = time.Time{}, first
		case "ne":
			low, high, except = time.Time{}, time.Time{}, append(except, visits.Span{From: first, To: end})
		default:
			return from, to, nil, malformed("date takes eq, ne, ge, gt, sa, le, lt and eb alone.")
		}
		if low.After(from) {
			from = low
		}
		if !high.IsZero() && (to.IsZero() || high.Before(to)) {
			to = high
		}
	}
	return from, to, except, nil
}

// instants are the first instant of a date of FHIR, and the first one after it.
func instants(value string, zone *time.Location) (first, end time.Time, ok bool) {
	for _, f := range []struct {
		layout string
		end    func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
		{time.RFC3339, func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		// A plus in an address is a blank where nobody has escaped it.
		if t, err := time.ParseInLocation(f.layout, strings.ReplaceAll(value, " ", "+"), zone); err == nil {
			return t, f.end(t), true
		}
	}
	return first, end, false
}
