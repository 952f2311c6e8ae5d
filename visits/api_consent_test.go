package visits_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/staff"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestConsentByAPI: programs read, list and publish what families are asked, by the acts of the administrators' pages; with a key for that alone.
func TestConsentByAPI(t *testing.T) {
	f := newFront(t, "", func(h *visitstest.Hospital) { (&visitstest.Practice{Hospital: h}).Know() })
	site, err := f.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/sites/" + site.ID + "/consent"
	key := func(scopes ...auth.Action) func(*http.Request) {
		secret, _, err := f.accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "a program", Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	}
	may, other := key(auth.ConsentWrite), key(auth.VisitRead)
	publish := func(seen string, texts map[string]string) reply {
		t.Helper()
		all := []map[string]string{}
		for language, text := range texts {
			all = append(all, map[string]string{"language": language, "text": text})
		}
		body, err := json.Marshal(map[string]any{"seen": seen, "texts": all})
		if err != nil {
			t.Fatal(err)
		}
		return f.do(http.MethodPost, path, string(body), may)
	}
	if r := f.do(http.MethodGet, path, "", may); r.StatusCode != http.StatusOK || !strings.Contains(r.body, `"now":{"texts":[]},"versions":[]`) {
		t.Errorf("before anything is asked: %d %s", r.StatusCode, r.body)
	}
	long := strings.Repeat("One line.\n", visits.MaxConsentText/10)
	r := publish("", map[string]string{"en": long, "es": long})
	version, _ := r.json(t)["version"].(string)
	if r.StatusCode != http.StatusCreated || version == "" || r.Header.Get("Location") != "/api/v1/consents/"+version {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := f.do(http.MethodGet, "/api/v1/consents/"+version, "", may); r.StatusCode != http.StatusOK || strings.Count(r.body, "One line.") != 2*(visits.MaxConsentText/10) {
		t.Errorf("what was published reads %d, %d bytes", r.StatusCode, len(r.body))
	}
	if r := publish("", map[string]string{"en": "x"}); r.StatusCode != http.StatusConflict {
		t.Errorf("without what was read: %d", r.StatusCode)
	}
	if r := publish(version, map[string]string{"tlh": "x"}); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(r.body, `"tlh"`) {
		t.Errorf("in a language there is not: %d %s", r.StatusCode, r.body)
	}
	twice := `{"seen":"` + version + `","texts":[{"language":"en","text":"x"},{"language":"en","text":"y"}]}`
	if r := f.do(http.MethodPost, path, twice, may); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(r.body, `"en"`) {
		t.Errorf("two texts in one language: %d %s", r.StatusCode, r.body)
	}
	if r := publish(version, nil); r.StatusCode != http.StatusCreated {
		t.Errorf("nothing any more: %d %s", r.StatusCode, r.body)
	}
	if r := f.do(http.MethodGet, path, "", may); strings.Count(r.body, `"published_at"`) != 2 || !strings.Contains(r.body, `"now":{"texts":[]}`) {
		t.Errorf("in the end: %s", r.body)
	}
	for _, path := range []string{path, "/api/v1/consents/" + version} {
		if r := f.do(http.MethodGet, path, "", other); r.StatusCode != http.StatusNotFound {
			t.Errorf("by another key: %d", r.StatusCode)
		}
	}
	if r := f.do(http.MethodGet, "/api/v1/consents/2000-01-01.1", "", may); r.StatusCode != http.StatusNotFound {
		t.Errorf("no such version: %d", r.StatusCode)
	}
	if n := f.Count(`audit WHERE action = 'consent.publish' AND actor_kind = 'api_key' AND outcome = 'allowed'`); n != 2 {
		t.Errorf("%d audited", n)
	}
}
