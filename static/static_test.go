package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func english(*http.Request) string { return "en" }

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryFileIsServedWithItsType(t *testing.T) {
	for name, f := range load().files {
		r := get(t, Handler(), prefix+name)
		if r.StatusCode != http.StatusOK || !bytes.Equal(body(t, r), f.plain) {
			t.Errorf("%s: status %d, or other bytes", name, r.StatusCode)
		}
		want, _ := types(name)
		if got := r.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", name, got, want)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("ETag") == "" {
			t.Errorf("%s: headers %v", name, r.Header)
		}
	}
	if len(load().files) < 20 {
		t.Errorf("only %d files", len(load().files))
	}
}

func TestCachingFollowsTheAddress(t *testing.T) {
	lasting := Path("css/base.css")
	for _, c := range []struct{ path, cache string }{
		{lasting, "public, max-age=31536000, immutable"},
		{"/static/css/base.css", "no-cache"},
		{"/static/~0123456789abcdef/css/base.css", "no-cache"}, // a page of another build
	} {
		r := get(t, Handler(), c.path)
		if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: status %d, Cache-Control %q", c.path, r.StatusCode, r.Header.Get("Cache-Control"))
		}
		again := get(t, Handler(), c.path, "If-None-Match", r.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s asked for again: status %d, want 304", c.path, again.StatusCode)
		}
	}
}

func TestWhatIsNotThereIsNotServed(t *testing.T) {
	for _, path := range []string{
		"/static/", "/static/css", "/static/css/", "/static/visit.html", "/static/static.go", "/static/package.json",
		"/static/../static.go", "/static/css/../../static.go", "/static/~", "/static/~x", "/static/" + load().version, "/static/nothing.js",
	} {
		if r := get(t, Handler(), path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, r.StatusCode)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/static/css/base.css", nil)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d, want 405", w.Code)
	}
}

func TestPackedWhereTheClientTakesIt(t *testing.T) {
	f := load().files["js/session.js"]
	for _, c := range []struct {
		accept string
		packed bool
	}{{"gzip, br", true}, {"br;q=1, gzip;q=0.5", true}, {"", false}, {"br", false}, {"gzip;q=0", false}, {"gzip; q=0.0", false}} {
		r := get(t, Handler(), Path("js/session.js"), "Accept-Encoding", c.accept)
		got := body(t, r)
		if packed := r.Header.Get("Content-Encoding") == "gzip"; packed != c.packed {
			t.Errorf("Accept-Encoding %q: packed %v", c.accept, packed)
			continue
		}
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", c.accept, r.Header.Get("Vary"))
		}
		if c.packed {
			z, err := gzip.NewReader(bytes.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, f.plain) {
			t.Errorf("Accept-Encoding %q: other bytes", c.accept)
		}
	}
	r := get(t, Handler(), Path("js/session.js"), "Accept-Encoding", "gzip", "Range", "bytes=0-9")
	if r.StatusCode != http.StatusPartialContent || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("range: status %d, %v", r.StatusCode, r.Header)
	}
}

func TestThePageNamesOnlyWhatThereIs(t *testing.T) {
	r := get(t, Page(english), "/v/0193/")
	page := body(t, r)
	if r.StatusCode != http.StatusOK || !bytes.Equal(page, VisitPage()) || r.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("status %d, headers %v", r.StatusCode, r.Header)
	}
	names := regexp.MustCompile(`"(/static/[^"]*)"`).FindAllSubmatch(page, -1)
	if len(names) < 20 {
		t.Fatalf("only %d addresses in the page", len(names))
	}
	for _, m := range names {
		r := get(t, Handler(), string(m[1]))
		if r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, Cache-Control %q", m[1], r.StatusCode, r.Header.Get("Cache-Control"))
		}
	}
}

// TestTheVisitPageIsLight sums what a phone really fetches.
func TestTheVisitPageIsLight(t *testing.T) {
	total := len(load().pages["en"].packed)
	for _, m := range regexp.MustCompile(`"(/static/[^"]*)"`).FindAllSubmatch(VisitPage(), -1) {
		total += len(body(t, get(t, Handler(), string(m[1]), "Accept-Encoding", "gzip")))
	}
	t.Logf("the visit page is %d bytes", total)
	if total > 120<<10 {
		t.Errorf("the visit page is %d bytes gzipped: far more than it was; is it worth it?", total)
	}
}

// TestVendoredScriptsAreAsPublished: what others wrote is neither changed nor replaced unseen, and has its licence beside it.
func TestVendoredScriptsAreAsPublished(t *testing.T) {
	published := map[string]string{"vendor/tus-js-client/tus.min.js": "8cbb1b63fccc3bba0ae73ad1deb160ce046c3750851d0c3e94921ae3ef070eb8"}
	scripts, err := fs.Glob(embedded, "vendor/*/*.js")
	if err != nil || len(scripts) != len(published) {
		t.Fatalf("%v %q", err, scripts)
	}
	for _, name := range scripts {
		b, err := embedded.ReadFile(name)
		if sum := sha256.Sum256(b); err != nil || hex.EncodeToString(sum[:]) != published[name] {
			t.Errorf("%s: %v, hash %x", name, err, sum)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), "LICENSE")); err != nil {
			t.Error(err)
		}
	}
}

// TestThePageIsDrawnInEveryLanguage: the first words somebody sees are their own, and every language is there to be chosen.
func TestThePageIsDrawnInEveryLanguage(t *testing.T) {
	plain, err := embedded.ReadFile("visit.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, once := range []string{pageLanguage, pageOption, pageWords} {
		if n := bytes.Count(plain, []byte(once)); n != 1 {
			t.Errorf("%d times in visit.html: %s", n, once)
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(load().pages)) {
		r := get(t, Page(func(*http.Request) string { return tag }), "/v")
		page := string(body(t, r))
		for _, want := range []string{`<html lang="` + tag + `" dir="`, `<option value="` + tag + `" lang="` + tag + `" selected>`, "/locales/" + tag + ".json"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: lacks %s", tag, want)
			}
		}
		if n := strings.Count(page, "<option value=") - strings.Count(string(plain), "<option value="); n != len(load().pages)-1 {
			t.Errorf("%s: %d more languages to choose", tag, n)
		}
		if english := strings.Contains(page, ">Opening your visit…<"); english != (tag == "en") {
			t.Errorf("%s: begins in English: %v", tag, english)
		}
		if vary := strings.Join(r.Header.Values("Vary"), ","); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
			t.Errorf("Vary: %s", vary)
		}
	}
	if r := get(t, Page(func(*http.Request) string { return "xx" }), "/v"); !bytes.Equal(body(t, r), VisitPage()) {
		t.Error("an unknown language is not English")
	}
}
