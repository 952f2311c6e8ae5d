package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/cmd/housecall/server"
)

// TestFamiliesSeeTheSite: what administrators write on the first site's page is what families are shown, not what the options said at the first start.
func TestFamiliesSeeTheSite(t *testing.T) {
	s := open(t, server.Config{Site: "Of the options", Phone: "+1 617 555 0100"})
	shown := func() string {
		response, err := http.Get(s.URL() + "/api/v1/site")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if got := shown(); !strings.Contains(got, `"Of the options"`) || !strings.Contains(got, `"+1 617 555 0100"`) {
		t.Errorf("at the first start: %s", got)
	}
	site, err := s.Sites.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	site.Name, site.Phone = "Of the page", "+1 617 555 0199"
	if _, err := s.Sites.UpdateSite(t.Context(), auth.Operator(), site); err != nil {
		t.Fatal(err)
	}
	if got := shown(); !strings.Contains(got, `"Of the page"`) || !strings.Contains(got, `"+1 617 555 0199"`) {
		t.Errorf("after that: %s", got)
	}
}
