package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/visits"
)

// browser is somebody's, with the cookies it was given.
type browser struct {
	t      *testing.T
	url    string
	client *http.Client
	path   string // of the visit
}

// visit makes a visit that starts now, and opens each person's link in a browser of their own.
func visit(t *testing.T, s *server.Server, people ...visits.Person) []*browser {
	t.Helper()
	_, links, err := s.Visits.Create(t.Context(), auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 30, People: people})
	if err != nil {
		t.Fatal(err)
	}
	var all []*browser
	for _, l := range links {
		all = append(all, enter(t, s, l))
	}
	return all
}

// enter opens a link in a browser of its own.
func enter(t *testing.T, s *server.Server, l visits.Link) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, url: s.URL(), client: &http.Client{Jar: jar}}
	_, code, _ := strings.Cut(l.URL, "#")
	var entry struct {
		Path string `json:"path"`
	}
	if status := b.do("POST", "/api/v1/join", map[string]string{"code": code}, &entry); status != http.StatusOK {
		t.Fatalf("join: %d", status)
	}
	b.path = entry.Path
	return b
}

// do sends a request and reads an answer that is right.
func (b *browser) do(method, path string, question, answer any) (status int) {
	b.t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK && answer != nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode
}

var two = []visits.Person{{Name: "Sample Patient", Role: auth.Patient, Language: "es"}, {Name: "Dr. Sample", Role: auth.Clinician}}
