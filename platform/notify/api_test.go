package notify_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/testkit"
	"housecall/platform/web"
)

// TestAskedAgainForAWebhook: a program whose answer was lost is told the same secret by asking again, of the one endpoint there is. Until then, and for whoever
// reads the disk, it is sealed.
func TestAskedAgainForAWebhook(t *testing.T) {
	master := filepath.Join(t.TempDir(), "master.key")
	o := openOffice(t, storetest.URL(t), master, testkit.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), ways{})
	ring, err := keys.Open(t.Context(), o.db, master)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := api.NewIdempotency(t.Context(), api.IdempotencyConfig{DB: o.db, Vault: ring.API(), Now: o.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	program := store.NewID()
	routes := web.NewRoutes(web.Guards{Key: func(action auth.Action, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			actor := auth.Actor{Kind: auth.KindKey, ID: r.Header.Get("Authorization"), Role: auth.Program, Scopes: auth.NewScopes(notify.ManageWebhooks)}
			next.ServeHTTP(w, r.WithContext(web.WithActor(r.Context(), actor)))
		})
	}})
	newHooks(t, o, loopback).API(api.New(routes, "test", keyed))
	handler, err := web.New(routes, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(program, path, body string) (told struct{ ID, Secret string }, again bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://visits.example/api/v1/webhooks"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", program)
		r.Header.Set("Idempotency-Key", "one")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Code >= 300 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return told, w.Header().Get("Idempotency-Replayed") == "true"
	}
	const body = `{"url":"https://register.example.org"}`
	first, again := ask(program, "", body)
	if first.Secret == "" || again {
		t.Errorf("made: %+v, again %t", first, again)
	}
	if second, again := ask(program, "", body); second != first || !again {
		t.Errorf("asked again: %+v, again %t", second, again)
	}
	if other, again := ask(store.NewID(), "", body); other.Secret == first.Secret || other.ID == first.ID || again {
		t.Errorf("another program: %+v, again %t", other, again)
	}
	program = store.NewID()
	rotated, _ := ask(program, "/"+first.ID+"/secret", "")
	if same, again := ask(program, "/"+first.ID+"/secret", ""); same != rotated || !again || rotated.Secret == first.Secret {
		t.Errorf("rotated %+v, again %+v %t", rotated, same, again)
	}
	if n := o.count(`SELECT COUNT(*) FROM notify_endpoints`); n != 2 {
		t.Errorf("%d endpoints", n)
	}
	disk := storetest.OnDisk(t, o.url)
	for _, secret := range []string{first.Secret, rotated.Secret} {
		if bytes.Contains(disk, []byte(strings.TrimPrefix(secret, "whsec_"))) {
			t.Error("a secret stands in the database for all to read")
		}
	}
}
