package loadtest

import (
	"strings"
	"testing"
)

func TestSplitLink(t *testing.T) {
	base, code, err := splitLink("https://visits.example.org:8443/v#AAAAAAAAAAAAAAAAAAAAAA")
	if err != nil || base.String() != "https://visits.example.org:8443" || code != "AAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("%v, %q, %v", base, code, err)
	}
	for _, link := range []string{"", "https://example.org/v", "/v#SECRET", "ftp://example.org/v#SECRET", "https://%zz/v#SECRET"} {
		if _, _, err := splitLink(link); err == nil {
			t.Errorf("%q was taken", link)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error repeats the code: %v", err)
		}
	}
}

func TestWebsocketURL(t *testing.T) {
	for link, want := range map[string]string{
		"http://localhost:8080/v#CODE": "ws://localhost:8080/v/1/ws",
		"https://example.org/v#CODE":   "wss://example.org/v/1/ws",
	} {
		base, _, err := splitLink(link)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Visitor{base: base, path: "/v/1/"}).websocketURL(); got != want {
			t.Errorf("%s leads to %s, want %s", link, got, want)
		}
	}
}
