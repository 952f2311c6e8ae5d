package loadtest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

// people is how many a visit of the benchmark is for: as many as a visit holds. It decides how many slots an offer has.
const people = 10

// hospital is a whole server in this process, on the loopback, and a key to its API.
type hospital struct {
	url, key string
	http     *http.Client
	config   server.Config
	server   *server.Server
}

// openHospital starts a server that ends with the test.
func openHospital(t testing.TB, change ...func(*server.Config)) *hospital {
	t.Helper()
	h := &hospital{http: &http.Client{Transport: &http.Transport{}}, config: server.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}}
	for _, f := range change {
		f(&h.config)
	}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	t.Cleanup(h.http.CloseIdleConnections)
	var err error
	if h.key, _, err = h.server.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "load", Scopes: h.server.Accounts.Policy.Grantable()}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hospital) start(t testing.TB) {
	t.Helper()
	var err error
	if h.server, err = server.New(t.Context(), h.config); err != nil {
		t.Fatal(err)
	}
	h.url = h.server.URL()
}

func (h *hospital) stop(t testing.TB) {
	t.Helper()
	if err := h.server.Close(); err != nil {
		t.Error(err)
	}
}

// database opens the server's database beside it, as another process would.
func (h *hospital) database(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.config.Data, "housecall.db")+"?_busy_timeout=60000") // the server writes beside the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// get asks for a page.
func (h *hospital) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	response, err := h.http.Get(h.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// plan makes a visit that starts now and returns the links of a patient and so many clinicians.
func (h *hospital) plan(ctx context.Context, clinicians int) (patient string, others []string, err error) {
	type person struct {
		Name string `json:"name"`
		Role string `json:"role"`
	}
	invited := []person{{"Sample Patient", "patient"}}
	for i := range clinicians {
		invited = append(invited, person{fmt.Sprintf("Sample Clinician %d", i+1), "clinician"})
	}
	body, err := json.Marshal(map[string]any{
		"service": "Cardiology", "starts_at": time.Now().UTC().Truncate(time.Second), "minutes": 30, "people": invited,
	})
	if err != nil {
		return "", nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/visits", bytes.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+h.key)
	response, err := h.http.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", nil, err
	}
	if response.StatusCode != http.StatusCreated {
		return "", nil, fmt.Errorf("plan a visit: status %d: %s", response.StatusCode, answer)
	}
	var visit struct {
		Invitations []struct {
			Link string `json:"link"`
		} `json:"invitations"`
	}
	if err := json.Unmarshal(answer, &visit); err != nil {
		return "", nil, err
	}
	for _, invitation := range visit.Invitations {
		others = append(others, invitation.Link)
	}
	if len(others) != len(invited) {
		return "", nil, fmt.Errorf("plan a visit: %d links for %d people", len(others), len(invited))
	}
	return others[0], others[1:], nil
}

// visit plans a visit for ten, lets one clinician come and stay, sending, and returns the others.
func (h *hospital) visit(t testing.TB) []guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, links, err := h.plan(ctx, people-1)
	if err != nil {
		t.Fatal(err)
	}
	host := h.redeem(ctx, t, links[0])
	state := h.enter(ctx, t, host)
	var guests []guest
	for _, link := range links[1:] {
		guests = append(guests, guest{h.redeem(ctx, t, link), state.You})
	}
	return guests
}

func (h *hospital) redeem(ctx context.Context, t testing.TB, link string) *Visitor {
	t.Helper()
	visitor, err := Redeem(ctx, h.http, link, "")
	if err != nil {
		t.Fatal(err)
	}
	return visitor
}

// enter brings a clinician into the visit, who sends until the test ends.
func (h *hospital) enter(ctx context.Context, t testing.TB, visitor *Visitor) State {
	t.Helper()
	client := join(ctx, t, visitor)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	state, err := client.Wait(ctx, func(s State) bool { return s.Sent > 0 })
	if err != nil {
		t.Fatal(err)
	}
	return state
}
