package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/web"
)

// TestNothingIsSaidTwice: a body that says a thing twice is refused, at any depth, and nothing of it is told; which of the two was meant nobody knows.
func TestNothingIsSaidTwice(t *testing.T) {
	c := newClinic(t)
	guard := func(_ auth.Action, h http.Handler) http.Handler { return h }
	routes := web.NewRoutes(web.Guards{Staff: guard, Key: guard})
	type input struct {
		Body struct {
			Born    string            `json:"born"`
			Minutes int               `json:"minutes,omitempty" maximum:"60"`
			More    map[string]string `json:"more,omitempty"`
		}
	}
	called := ""
	api.Register(api.New(routes, "test", c.keyed), api.Operation{ID: "keep", Method: http.MethodPost, Path: "/api/v1/things", Action: "thing.write", Status: http.StatusNoContent, Looks: true, Part: "things"},
		func(_ context.Context, in *input) (*struct{}, error) {
			called = in.Body.Born
			return nil, nil
		})
	h, err := web.New(routes, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{
		`{"born": "` + secret + `"}`:                                            http.StatusNoContent,
		`{"born": "1", "more": {"born": "2"}}`:                                  http.StatusNoContent,
		`{"born": "` + secret + `", "born": "2012-05-31"}`:                      http.StatusBadRequest,
		`{"born": "1", "more": {"` + secret + `": "1", "` + secret + `": "2"}}`: http.StatusBadRequest,
		`{"born": "1"`: http.StatusBadRequest,
		`{"more": {"x": "` + "\xff" + `"}, "born": "` + secret + `"}`:                       http.StatusBadRequest,
		`{"more": {"x": "` + "\xff" + `"}, "born": "` + secret + `", "born": "2012-05-31"}`: http.StatusBadRequest,
		`{"more": {"x": "\ud800"}, "born": "` + secret + `", "born": "2012-05-31"}`:         http.StatusBadRequest,
		`{"more": {"\ud800": "x"}, "born": "1"}`:                                            http.StatusBadRequest,
		`{"born": "1"} {}`:                                                                  http.StatusBadRequest,
		`{"born": "1", "more": {"a": "1", "A": "2"}}`:                                       http.StatusNoContent,
		`{"born": "1", "minutes": 61}`:                                                      http.StatusUnprocessableEntity,
		`{"born": "1", "minutes": 30, "Minutes": 61}`:                                       http.StatusUnprocessableEntity,
		`{"born": "1", "Minutes": 61}`:                                                      http.StatusUnprocessableEntity,
		`{"Born": "` + secret + `"}`:                                                        http.StatusUnprocessableEntity,
		`{"born": "` + secret + `", "Born": "2"}`:                                           http.StatusUnprocessableEntity,
	} {
		called = ""
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/things", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || (called != "") != (want == http.StatusNoContent) || strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s: %d %s, called with %q", body, w.Code, w.Body, called)
		}
		if strings.Count(body, secret) == 2 && !strings.Contains(w.Body.String(), "expected each name once") {
			t.Errorf("%s", w.Body)
		}
	}
}
