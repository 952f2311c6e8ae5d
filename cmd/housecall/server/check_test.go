package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/sfu/sfutest"
	"housecall/visits"
)

// TestConnectionTest begins with a link, as a browser does, and ends with media back from the media port. It stops the server while the test
// goes on.
func TestConnectionTest(t *testing.T) {
	s := open(t, server.Config{})
	_, links, err := s.Visits.Create(t.Context(), auth.Operator(), visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 30,
		People: []visits.Person{{Name: "Sample Patient", Role: auth.Patient}, {Name: "Dr. Sample", Role: auth.Clinician}}})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	post := func(path string, question, answer any) int {
		t.Helper()
		b, err := json.Marshal(question)
		if err != nil {
			t.Fatal(err)
		}
		response, err := browser.Post(s.URL()+path, "application/json", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if b, err = io.ReadAll(response.Body); err == nil && response.StatusCode == http.StatusOK {
			err = json.Unmarshal(b, answer)
		}
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	client, err := sfutest.New(sfutest.Options{Microphones: 1, AudioSlots: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offer, err := client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(links[0].URL, "#")
	var entry struct {
		Path string `json:"path"`
	}
	if status := post("/api/v1/join", map[string]string{"code": code}, &entry); status != http.StatusOK {
		t.Fatalf("join: %d", status)
	}
	var check struct {
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}
	question := map[string]any{"offer": offer, "sources": map[string]string{client.MicrophoneMIDs()[0]: "microphone"}}
	if status := post(entry.Path+"check", question, &check); status != http.StatusOK {
		t.Fatalf("check: %d", status)
	}
	if err := client.Accept(check.Answer); err != nil {
		t.Fatal(err)
	}
	client.Send(client.MicrophoneMIDs()[0], true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.WaitReceived(ctx, client.AudioSlotMIDs()[0], 10); err != nil {
		t.Error(err)
	}
	browser.Jar = nil
	if status := post(entry.Path+"check", question, &check); status != http.StatusNotFound {
		t.Errorf("without a session: %d", status)
	}
}
