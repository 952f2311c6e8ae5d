package visits_test

import (
	"errors"
	"strings"
	"testing"

	"housecall/platform/fault"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestIdentifier keeps the number that another program gave an appointment, finds the visit by it, and makes no second one of it.
func TestIdentifier(t *testing.T) {
	h := visitstest.NewHospital(t)
	r := h.Request()
	r.Identifier = visits.Identifier{System: " https://hospital.example/appointments ", Value: "A-1"}
	v, _, err := h.Create(t.Context(), h.Scheduler, r)
	if err != nil {
		t.Fatal(err)
	}
	other := h.Request()
	other.Identifier = visits.Identifier{System: "urn:other", Value: "A-1"}
	for _, r := range []visits.Request{h.Request(), h.Request(), other} { // none at all, as often as one likes
		if _, _, err := h.Create(t.Context(), h.Scheduler, r); err != nil {
			t.Fatal(err)
		}
	}
	page, err := h.List(t.Context(), h.Scheduler, visits.Query{Identifier: v.Identifier})
	if err != nil || len(page.Visits) != 1 || page.Visits[0].ID != v.ID || page.Visits[0].Identifier != (visits.Identifier{System: "https://hospital.example/appointments", Value: "A-1"}) {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = h.List(t.Context(), h.Scheduler, visits.Query{Identifier: visits.Identifier{Value: "A-1"}}); err != nil || len(page.Visits) != 2 {
		t.Errorf("of any system: %+v, %v", page, err)
	}
	_, err = h.List(t.Context(), h.Scheduler, visits.Query{Identifier: visits.Identifier{System: "urn:other"}})
	visitstest.WantFields(t, err, "identifier_value")
	_, _, err = h.Create(t.Context(), h.Scheduler, r)
	var p *fault.Problem
	if !errors.As(err, &p) || p.Code != fault.CodeConflict || p.Fields["visit"] != v.ID {
		t.Errorf("twice: %v", err)
	}
	for want, i := range map[string]visits.Identifier{
		"identifier.system": {Value: "A-1"}, "identifier.value": {System: "urn:x"}, "identifier.system ": {System: "no URI", Value: "A-1"},
		"identifier.value ": {System: "urn:x", Value: "a\nb"},
	} {
		r.Identifier = i
		_, _, err := h.Create(t.Context(), h.Scheduler, r)
		if !errors.As(err, &p) || len(p.Fields["errors"].([]fault.Field)) != 1 || p.Fields["errors"].([]fault.Field)[0].Field != strings.TrimSpace(want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	r.Identifier = visits.Identifier{System: "urn:x", Value: "S-1"}
	if _, err := h.CreateSeries(t.Context(), h.Scheduler, r, visits.Repeat{Weeks: 1, Count: 2}); !errors.Is(err, fault.NotValid) {
		t.Errorf("a series of one identifier: %v", err)
	}
}
