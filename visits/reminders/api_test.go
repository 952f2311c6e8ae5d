package reminders_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

// toldOf is what a program is told of the messages of a visit.
type toldOf struct {
	Messages []struct {
		ID, Invitation, Kind, Channel, State string
		At                                   time.Time
		Changed                              time.Time `json:"changed_at"`
	}
	Unsettled bool
}

// program asks for a path as a key with these scopes.
func (h *house) program(scopes ...auth.Action) func(path string) (status int, body string) {
	h.t.Helper()
	actor := auth.Actor{Kind: auth.KindKey, ID: store.NewID(), Role: auth.Program, Scopes: auth.NewScopes(scopes...)}
	routes := web.NewRoutes(web.Guards{Key: func(_ auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), actor)))
		})
	}})
	h.reminders.API(api.New(routes, "test", nil)) // nothing is sent
	handler, err := web.New(routes, web.Options{PublicURL: "https://visits.example", Now: h.now})
	h.must(err)
	return func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, "https://visits.example/api/v1/visits/"+path, http.NoBody))
		return w.Code, w.Body.String()
	}
}

// TestMessagesForPrograms: programs that may read visits read what became of each message, as the visit's page shows it, without addresses.
func TestMessagesForPrograms(t *testing.T) {
	h := newHouse(t)
	h.refused.Store(true)
	v := h.visit(h.patient(false), nil)
	h.refused.Store(false)
	ask := h.program(auth.VisitRead)
	read := func(visit string) (told toldOf) {
		t.Helper()
		status, body := ask(visit + "/messages")
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK || strings.Contains(body, "example.org") || strings.Contains(body, guardianCell) || strings.Contains(body, guardianName) {
			t.Fatalf("%d %s", status, body)
		}
		return told
	}
	states := map[string]int{}
	told := read(v.ID)
	for _, m := range told.Messages {
		states[m.Channel+" "+m.State]++
		if m.Kind != "confirmed" || m.At.IsZero() || m.Changed.Before(m.At) {
			t.Errorf("%+v", m)
		}
		if m.Channel == "sms" && m.Invitation != v.Invitations[1].ID {
			t.Errorf("the guardian's is to %s", m.Invitation)
		}
	}
	if len(told.Messages) != 4 || states["email failed"] != 3 || states["sms sent"] != 1 || !told.Unsettled {
		t.Errorf("%+v", told)
	}
	for _, m := range told.Messages {
		if m.State == "failed" {
			h.must(h.reminders.Again(t.Context(), h.scheduler, v.ID, m.ID))
		}
	}
	h.due()
	if told = read(v.ID); told.Unsettled || len(told.Messages) != 4 {
		t.Errorf("sent again: %+v", told)
	}
	made, err := h.CreateSeries(t.Context(), h.scheduler, request(h.patient(false), func(r *visits.Request) { r.StartsAt = starts.AddDate(0, 0, 14) }), visits.Repeat{Weeks: 1, Count: 2})
	h.must(err)
	h.due()
	for _, m := range made {
		if told = read(m.Visit.ID); len(told.Messages) == 0 || told.Messages[0].Kind != "series" {
			t.Errorf("of a series: %+v", told)
		}
	}
	if status, body := ask(v.ID + "/messages?state=failed"); status != http.StatusUnprocessableEntity || !strings.Contains(body, `"code":"not_valid"`) {
		t.Errorf("a parameter that there is not: %d %s", status, body)
	}
	_, absent := ask(store.NewID() + "/messages")
	if status, body := h.program(auth.VisitSchedule)(v.ID + "/messages"); status != http.StatusForbidden && status != http.StatusNotFound || strings.Contains(body, "messages\":") || !strings.Contains(absent, `"code":"not_found"`) {
		t.Errorf("a key for something else: %d %s; of nothing: %s", status, body, absent)
	}
	var looked int
	h.must(h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'visit.read' AND actor_kind = 'api_key' AND subject_id = ? AND outcome = 'allowed'`, v.ID).Scan(&looked))
	if looked != 2 {
		t.Errorf("the audit has it %d times", looked)
	}
}
