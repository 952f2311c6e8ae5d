package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
)

func TestCodeOf(t *testing.T) {
	cause := errors.New("disk on fire")
	for _, c := range []struct {
		name string
		err  error
		kind error
		code string
	}{
		{"sentinel", fault.NotFound, fault.NotFound, fault.CodeNotFound},
		{"wrapped sentinel", fmt.Errorf("reading a visit: %w", fault.NotAllowed), fault.NotAllowed, fault.CodeNotAllowed},
		{"not valid", fault.NotValid, fault.NotValid, fault.CodeNotValid},
		{"invalid", fault.Invalid("minutes", "must be 5 or more"), fault.NotValid, fault.CodeNotValid},
		{"wrapped problem", fmt.Errorf("joining: %w", &fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed}), fault.NotAllowed, fault.CodeOver},
		{"problem without a code", &fault.Problem{Kind: fault.TryAgain}, fault.TryAgain, fault.CodeTryLater},
		{"too often", fault.TooOften(0), fault.TryAgain, fault.CodeTryLater},
		{"away", fault.Away(cause), fault.TryAgain, fault.CodeTryLater},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.CodeOf(c.err); got != c.code {
				t.Errorf("code %q, want %q", got, c.code)
			}
			if !errors.Is(c.err, c.kind) {
				t.Errorf("%v is not %v", c.err, c.kind)
			}
		})
	}
	if got := fault.CodeOf(cause); got != "" {
		t.Errorf("an inner error has code %q", got)
	}
	if !errors.Is(fault.Away(cause), cause) || !strings.Contains(fault.Away(cause).Error(), "disk on fire") {
		t.Error("the cause is lost for the log")
	}
}

func TestInvalidAll(t *testing.T) {
	if fault.InvalidAll() != nil {
		t.Error("no fields, yet an error")
	}
	err := fault.InvalidAll(fault.Field{Field: "starts_at", Detail: "is needed"}, fault.Field{Field: "minutes", Detail: "must be 5 to 480"})
	var p *fault.Problem
	if !errors.As(err, &p) {
		t.Fatal("not a problem")
	}
	if want := "minutes must be 5 to 480; starts_at is needed"; p.Detail != want {
		t.Errorf("detail %q, want %q", p.Detail, want)
	}
	if got := p.Fields["errors"].([]fault.Field); len(got) != 2 || got[0].Field != "minutes" {
		t.Errorf("fields %v", got)
	}
	if errors.As(fault.TooOften(time.Millisecond), &p); p.RetryAfter < time.Second {
		t.Errorf("retry after %v", p.RetryAfter)
	}
}
