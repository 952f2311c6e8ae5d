package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
)

const canary = "Zebulon-Canary"

// serve puts web.New around a few routes and returns what it logs.
// open is for routes of tests that are about something else.
var open = web.Public("a test")

func serve(t *testing.T, o web.Options) (http.Handler, *bytes.Buffer) {
	t.Helper()
	book, err := words.Load(static.Locales(), web.Locales())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.NewPages("Example Children's Hospital", book, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pages.Add("test", fstest.MapFS{
		"hello.html":  {Data: []byte(`{{define "content"}}<h1>{{.Body}}</h1>{{template "part" .}}{{end}}`)},
		"broken.html": {Data: []byte(`{{define "content"}}half a page{{.Body.Nope}}{{end}}`)},
		"_part.html":  {Data: []byte(`{{define "part"}}<p>shared</p>{{end}}`)},
	}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o.Pages, o.Logger = pages, slog.New(slog.NewTextHandler(&log, nil))
	routes := web.NewRoutes(web.Guards{})
	routes.HandleFunc("GET /page/{id}", open, func(w http.ResponseWriter, r *http.Request) {
		ctx := web.WithReader(r.Context(), web.Reader{Name: "<b>Sam</b>", SignOut: "/out", Links: []web.Link{{Path: "/desk", Words: "desk.visits"}}})
		pages.Render(w, r.WithContext(ctx), http.StatusOK, "test/hello", web.Page{Title: "Hello", Body: "<script>alert(1)</script>"})
	})
	routes.HandleFunc("GET /broken", open, func(w http.ResponseWriter, r *http.Request) {
		pages.Render(w, r, http.StatusOK, "test/broken", web.Page{Body: "text"})
	})
	routes.HandleFunc("GET /panic", open, func(http.ResponseWriter, *http.Request) { panic("about " + canary) })
	routes.HandleFunc("GET /abort", open, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	routes.HandleFunc("GET /private", open, func(w http.ResponseWriter, r *http.Request) { web.Problem(w, r, fault.NotAllowed) })
	routes.HandleFunc("GET /lost", open, func(w http.ResponseWriter, r *http.Request) {
		web.Problem(w, r, fmt.Errorf("read %v: %w", phi.Text(canary), errors.New("disk gone")))
	})
	routes.HandleFunc("GET /checked", open, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "said")
	})
	routes.HandleFunc("POST /write", open, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		fmt.Fprintf(w, "%d bytes", len(b))
	})
	h, err := web.New(routes, o)
	if err != nil {
		t.Fatal(err)
	}
	return h, &log
}

func ask(h http.Handler, method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A balancer's checks leave a line when something is wrong and when it is right again, and none between.
func TestChecksAreQuiet(t *testing.T) {
	h, log := serve(t, web.Options{Checks: []string{"GET /checked"}})
	for i, c := range []struct {
		target string
		lines  int
	}{
		{"/checked", 0}, {"/checked", 0}, {"/checked?away", 1}, {"/checked?away", 2}, {"/checked", 3}, {"/checked", 3}, {"/page/1", 4}, {"/page/1", 5},
	} {
		ask(h, "GET", c.target, nil)
		if n := strings.Count(log.String(), "msg=request"); n != c.lines {
			t.Errorf("%d lines after request %d to %s, want %d", n, i, c.target, c.lines)
		}
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	h, _ := serve(t, web.Options{PublicURL: "https://visits.example.org"})
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/page/1", 200}, {"HEAD", "/page/1", 200}, {"GET", "/nothing", 404}, {"GET", "/api/v1/nothing", 404}, {"DELETE", "/page/1", 405},
		{"GET", "/panic", 500}, {"GET", "/broken", 500}, {"GET", "/lost", 500}, {"GET", "/private", 403}, {"GET", "/page//1", 307}, {"POST", "/write", 200},
	} {
		t.Run(c.method+c.target, func(t *testing.T) {
			w := ask(h, c.method, c.target, nil)
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy":      "connect-src 'self' wss://visits.example.org;",
				"Permissions-Policy":           "camera=(self), ",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Cache-Control":                "no-store",
				"Strict-Transport-Security":    "max-age=31536000",
			} {
				if got := w.Header().Get(name); !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q in it", name, got, want)
				}
			}
			if got := w.Header().Get("Referrer-Policy"); got != "no-referrer" && got != "same-origin" {
				t.Errorf("Referrer-Policy %q", got)
			}
		})
	}
}

func TestContentPolicyIsStrict(t *testing.T) {
	h, _ := serve(t, web.Options{})
	got := ask(h, "GET", "/page/1", nil).Header()
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; " +
		"connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
	if csp := got.Get("Content-Security-Policy"); csp != want {
		t.Errorf("policy\n%s\nwant\n%s", csp, want)
	}
	if hsts := got.Get("Strict-Transport-Security"); hsts != "" {
		t.Errorf("plain HTTP at no known address promises HTTPS: %q", hsts)
	}
	for _, feature := range []string{"geolocation=()", "usb=()", "payment=()", "microphone=(self)", "display-capture=(self)"} {
		if !strings.Contains(got.Get("Permissions-Policy"), feature) {
			t.Errorf("Permissions-Policy lacks %s", feature)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for _, bad := range []string{"visits.example.org", "ftp://x", "https://", "https://u:p@x", "%zz"} {
		if _, err := web.New(web.NewRoutes(web.Guards{}), web.Options{PublicURL: bad}); err == nil {
			t.Errorf("%q taken", bad)
		}
	}
}

func TestCrossSiteWrites(t *testing.T) {
	h, _ := serve(t, web.Options{PublicURL: "https://visits.example.org"})
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"program without a browser", nil, 200},
		{"own page", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"own page, older browser", []string{"Origin", "http://example.com"}, 200}, // httptest's Host is example.com
		{"public address behind a proxy", []string{"Origin", "https://visits.example.org"}, 200},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another host of the same domain", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another site, older browser", []string{"Origin", "https://evil.example"}, 403},
		{"a sandbox", []string{"Origin", "null"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if w := ask(h, "POST", "/write", strings.NewReader("x"), c.header...); w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	h, _ := serve(t, web.Options{MaxBody: 10})
	if w := ask(h, "POST", "/write", strings.NewReader(strings.Repeat("x", 10))); w.Code != 200 {
		t.Errorf("10 bytes: %d", w.Code)
	}
	if w := ask(h, "POST", "/write", strings.NewReader(strings.Repeat("x", 11))); w.Code != 413 || !strings.Contains(w.Body.String(), "too_large") {
		t.Errorf("11 bytes: %d %s", w.Code, w.Body)
	}
}

func TestOneAnswerForWhatIsNotThere(t *testing.T) {
	h, _ := serve(t, web.Options{})
	page := []string{"Accept", "text/html,application/xhtml+xml"}
	missing := ask(h, "GET", "/nothing", nil, page...)
	private := ask(h, "GET", "/private", nil, page...)
	if missing.Code != 404 || private.Code != 404 || missing.Body.String() != private.Body.String() {
		t.Errorf("what is not there (%d) and what is not yours (%d) look different", missing.Code, private.Code)
	}
	if !strings.Contains(missing.Body.String(), "<h1>Nothing here</h1>") {
		t.Errorf("no page: %s", missing.Body)
	}
	for _, w := range []*httptest.ResponseRecorder{
		ask(h, "GET", "/nothing", nil), ask(h, "GET", "/api/v1/nothing", nil, page...), ask(h, "POST", "/api/nothing", nil),
	} {
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body["code"] != "not_found" || body["status"] != 404.0 {
			t.Errorf("not problem+json: %v %s", err, w.Body)
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("content type %q", ct)
		}
	}
	if w := ask(h, "DELETE", "/page/1", nil); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("method: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestLogHoldsNoHealthData(t *testing.T) {
	h, log := serve(t, web.Options{})
	page := []string{"Accept", "text/html"}
	for _, target := range []string{"/page/" + canary, "/page/1?name=" + canary, "/" + canary, "/panic", "/lost", "/broken"} {
		w := ask(h, "GET", target, nil, page...)
		if strings.Contains(w.Body.String(), canary) || strings.Contains(w.Body.String(), "disk gone") {
			t.Errorf("%s shows it: %s", target, w.Body)
		}
	}
	ask(h, canary, "/page/1", nil)
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log holds it:\n%s", log)
	}
	for _, want := range []string{`route="GET /page/{id}"`, "route=none", "status=500", "disk gone", "method=other", "type=string", "broken.html"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func TestAbortGoesOn(t *testing.T) {
	h, _ := serve(t, web.Options{})
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("net/http must see its own panic")
		}
	}()
	ask(h, "GET", "/abort", nil)
}

func TestPagesEscape(t *testing.T) {
	h, _ := serve(t, web.Options{})
	body := ask(h, "GET", "/page/1", nil).Body.String()
	for _, bad := range []string{"<script>alert", "<b>Sam"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q not escaped", bad)
		}
	}
	for _, want := range []string{"<p>shared</p>", "<title>Hello – Example Children&#39;s Hospital</title>", `href="/static/css/tokens.css"`, `<html lang="en" dir="ltr">`} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q:\n%s", want, body)
		}
	}
	if w := ask(h, "GET", "/broken", nil); strings.Contains(w.Body.String(), "half a page") {
		t.Error("half a page was sent")
	}
}

func TestFaultOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fault.NotFound, 404, "not_found"},
		{fmt.Errorf("x: %w", fault.NotAllowed), 403, "not_allowed"},
		{&fault.Problem{Code: fault.CodeUnauthorized, Kind: fault.NotAllowed}, 401, "unauthorized"},
		{fault.Invalid("minutes", "must be more"), 422, "not_valid"},
		{&fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid}, 409, "conflict"},
		{&fault.Problem{Code: fault.CodeTooEarly, Kind: fault.NotAllowed}, 425, "too_early"},
		{&fault.Problem{Code: fault.CodeOver, Kind: fault.NotAllowed}, 410, "over"},
		{&fault.Problem{Code: fault.CodeRevoked, Kind: fault.NotAllowed}, 410, "revoked"},
		{&fault.Problem{Code: fault.CodeLocked, Kind: fault.NotAllowed}, 423, "locked"},
		{&fault.Problem{Code: fault.CodeBirthDateNeeded, Kind: fault.NotAllowed}, 403, "birth_date_needed"},
		{&fault.Problem{Code: fault.CodeBirthDateWrong, Kind: fault.NotAllowed}, 403, "birth_date_wrong"},
		{&fault.Problem{Code: "consent_missing", Kind: fault.NotAllowed}, 403, "consent_missing"},
		{fault.TooOften(time.Minute), 429, "try_later"},
		{fault.Away(errors.New("redis")), 503, "try_later"},
		{&http.MaxBytesError{Limit: 1}, 413, "too_large"},
		{&web.Fault{Code: "teapot", Status: 418}, 418, "teapot"},
		{context.DeadlineExceeded, 500, "internal"},
	} {
		f := web.FaultOf(c.err)
		if f.Status != c.status || f.Code != c.code {
			t.Errorf("%v: %d %s, want %d %s", c.err, f.Status, f.Code, c.status, c.code)
		}
		if f.Status >= 500 && f.Cause == nil {
			t.Errorf("%v: the cause is lost for the log", c.err)
		}
	}
	w := httptest.NewRecorder()
	web.WriteProblem(w, &web.Fault{Code: "not_valid", Status: 422, Fields: map[string]any{"status": 1, "tries_left": 3}})
	if body := w.Body.String(); !strings.Contains(body, `"tries_left":3`) || !strings.Contains(body, `"status":422`) {
		t.Errorf("fields: %s", body)
	}
}

// counted is a limiter that counts without forgetting.
type counted struct {
	seen map[string]int
	err  error
}

func (c *counted) Allow(_ context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	c.seen[key]++
	return c.seen[key] <= limit, window, c.err
}

func TestLimit(t *testing.T) {
	c := &counted{seen: map[string]int{}}
	h := web.Limit(c, "join", 2, time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	from := func(address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for i, address := range []string{"[2001:db8::1]:1", "[2001:db8::ffff:2]:2"} {
		if w := from(address); w.Code != 204 {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	w := from("[2001:db8::3]:3")
	if w.Code != 429 || w.Header().Get("Retry-After") != "60" {
		t.Errorf("the third of one household: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if w := from("192.0.2.1:1"); w.Code != 204 {
		t.Errorf("somebody else: %d", w.Code)
	}
	if w := from("[::ffff:192.0.2.1]:1"); w.Code != 204 || c.seen["join:192.0.2.1"] != 2 {
		t.Errorf("an address in IPv6 clothes is another: %v", c.seen)
	}
	c.err = errors.New("redis away")
	if w := from("192.0.2.9:1"); w.Code != 503 {
		t.Errorf("what cannot be counted: %d, want 503", w.Code)
	}
}

func TestWebsocketTakesTheConnectionOver(t *testing.T) {
	routes := web.NewRoutes(web.Guards{})
	routes.HandleFunc("GET /ws", open, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n")
		_ = rw.Flush()
	})
	var log bytes.Buffer
	h, err := web.New(routes, web.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	res, err := s.Client().Get(s.URL + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	s.Close() // waits for the handler's goroutine
	if res.StatusCode != 101 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestChoiceOfLanguage(t *testing.T) {
	h, _ := serve(t, web.Options{PublicURL: "https://visits.example.org"})
	choose := func(tag, from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "https://visits.example.org/language", strings.NewReader("language="+tag))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Referer", from)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for from, want := range map[string]string{
		"https://visits.example.org/desk?when=past": "/desk?when=past", "https://visits.example.org": "/", "": "/",
		"https://evil.example/desk": "/", "%zz": "/", "https://visits.example.org//evil.example/x": "/",
	} {
		w := choose("es", from)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("from %q: %d to %q, want %q", from, w.Code, w.Header().Get("Location"), want)
		}
		if c := w.Header().Get("Set-Cookie"); !strings.HasPrefix(c, "housecall_language=es;") || !strings.Contains(c, "; Secure") {
			t.Errorf("cookie %q", c)
		}
	}
	if c := choose("<b>", "").Header().Get("Set-Cookie"); c != "" {
		t.Errorf("an odd language is kept: %q", c)
	}
	page := ask(h, "GET", "/page/1", nil, "Cookie", "housecall_language=ar")
	if body := page.Body.String(); !strings.Contains(body, `<html lang="ar" dir="rtl">`) || page.Header().Get("Content-Language") != "ar" {
		t.Errorf("the page is not in Arabic:\n%.200s", body)
	}
}

func TestRedirectsLeadToPagesOfOurs(t *testing.T) {
	for path, want := range map[string]int{
		"/desk": 303, "/desk?done=x#y": 303, "": 500, "desk": 500, "//evil.example": 500, `/\evil.example`: 500, "https://evil.example": 500,
	} {
		w := httptest.NewRecorder()
		web.Redirect(w, httptest.NewRequest("POST", "/form", nil), path)
		if w.Code != want || want == 303 && w.Header().Get("Location") != path {
			t.Errorf("to %q: %d %s", path, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestLinksFor: who may open the administration finds its pages there, everybody else in the navigation.
func TestLinksFor(t *testing.T) {
	all := []web.Link{{Path: "/desk"}, {Path: web.AdminPath, Action: "open"}, {Path: "/figures", Action: "read", Group: web.GroupInsight}}
	paths := func(links []web.Link) (all string) {
		for _, l := range links {
			all += l.Path + " "
		}
		return all
	}
	for _, c := range []struct {
		may                        []auth.Action
		navigation, administration string
	}{
		{nil, "/desk ", ""},
		{[]auth.Action{"read"}, "/desk /figures ", ""},
		{[]auth.Action{"open"}, "/desk /admin ", ""},
		{[]auth.Action{"open", "read"}, "/desk /admin ", "/figures "},
	} {
		navigation, administration := web.LinksFor(all, func(a auth.Action) bool { return slices.Contains(c.may, a) })
		if paths(navigation) != c.navigation || paths(administration) != c.administration || len(all) != 3 {
			t.Errorf("who may %v: %q and %q", c.may, paths(navigation), paths(administration))
		}
	}
}
