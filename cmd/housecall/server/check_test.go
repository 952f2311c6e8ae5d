package server_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/sfu/sfutest"
)

// TestConnectionTest begins with a link, as a browser does, and ends with media back from the media port. The server is stopped while the test
// goes on.
func TestConnectionTest(t *testing.T) {
	s := open(t, server.Config{})
	b := visit(t, s, two...)[0]
	client, question, answer := b.check(t)
	if err := client.Accept(answer); err != nil {
		t.Fatal(err)
	}
	client.Send(client.MicrophoneMIDs()[0], true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.WaitReceived(ctx, client.AudioSlotMIDs()[0], 10); err != nil {
		t.Error(err)
	}
	b.client.Jar = nil
	if status := b.do("POST", b.path+"check", question, nil); status != http.StatusNotFound {
		t.Errorf("without a session: %d", status)
	}
}

// check begins a connection test; it returns the client that offers, what was sent and the server's answer.
func (b *browser) check(t *testing.T) (client *sfutest.Client, question map[string]any, answer string) {
	t.Helper()
	client, err := sfutest.New(sfutest.Options{Microphones: 1, AudioSlots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	offer, err := client.Offer()
	if err != nil {
		t.Fatal(err)
	}
	var check struct {
		Answer string `json:"answer"`
	}
	question = map[string]any{"offer": offer, "sources": map[string]string{client.MicrophoneMIDs()[0]: "microphone"}}
	if status := b.do("POST", b.path+"check", question, &check); status != http.StatusOK {
		t.Fatalf("check: %d", status)
	}
	return client, question, check.Answer
}

// TestConsentFromAFolder: the patient is asked in their language and gets no pass before; the clinician is not asked.
func TestConsentFromAFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"9/en.md": "Old.\n", "10/en.md": "New.\n", "10/es.txt": "Nuevo.\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, server.Config{Consent: dir})
	all := visit(t, s, two...)
	teen, doctor := all[0], all[1]
	if status := doctor.do("POST", doctor.path+"pass", nil, nil); status != http.StatusOK {
		t.Errorf("the clinician's pass: %d", status)
	}
	if status := teen.do("POST", teen.path+"pass", nil, nil); status != http.StatusForbidden {
		t.Errorf("the patient's pass: %d", status)
	}
	var asked struct{ Version, Language, Text string }
	if status := teen.do("GET", teen.path+"consent?language=es-MX", nil, &asked); status != http.StatusOK || asked.Version != "10" || asked.Language != "es" || asked.Text != "Nuevo.\n" {
		t.Errorf("asked: %d %+v", status, asked)
	}
	if status := teen.do("POST", teen.path+"consent", map[string]string{"version": "10", "language": "es", "for": "self"}, nil); status != http.StatusNoContent {
		t.Errorf("given: %d", status)
	}
	if status := teen.do("POST", teen.path+"pass", nil, nil); status != http.StatusOK {
		t.Errorf("the patient's pass after: %d", status)
	}
}
