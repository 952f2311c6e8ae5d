package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"housecall/cmd/housecall/server"
	"housecall/platform/bucket/buckettest"
	"housecall/platform/staff"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		fmt.Fprintln(os.Stderr, serveUntilKilled())
		os.Exit(1)
	}
	var tables []storetest.Tables
	for _, schema := range server.Schemas() {
		tables = append(tables, storetest.Tables(schema))
	}
	goleak.VerifyTestMain(storetest.Both(m, tables...))
}

// cheap keeps tests quick; what a password costs in earnest is staff.DefaultCost.
var cheap = staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

// open starts a server on free loopback ports that ends with the test. It keeps everything in SQLite unless the configuration says otherwise, for a start
// takes seconds: what the engine makes a difference to asks storetest for a database, and is played on both.
func open(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	if c.Database == "" {
		c.Database = storetest.File(t)
	}
	c.Staff.Cost = cheap
	s, err := server.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func get(t *testing.T, url string) (status int, header http.Header) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header
}

func TestRoutes(t *testing.T) {
	s := open(t, server.Config{Database: storetest.Empty(t)}) // as a hospital has it when it starts for the first time
	for path, want := range map[string]int{
		"/livez":               200,
		"/readyz":              200,
		"/":                    200, // by way of the desk, to the sign-in page
		"/desk":                200,
		"/sign-in":             200,
		"/setup":               200,
		"/v":                   200,
		"/v/0193a1f0/":         200, // the same page for everybody, whatever the visit
		"/v/0193a1f0/session":  404,
		"/v/0193a1f0/ws":       426, // no websocket
		"/api/openapi.json":    200,
		"/api/v1/visits":       401,
		"/static/css/base.css": 200,
		"/static/visit.html":   404,
		"/static/../go.mod":    404,
		"/nothing":             404,
	} {
		status, header := get(t, s.URL()+path)
		if status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("GET %s: Content-Security-Policy %q", path, csp)
		}
	}
}

func TestTwoServersInOneProcess(t *testing.T) {
	a, b := open(t, server.Config{}), open(t, server.Config{})
	for _, s := range []*server.Server{a, b} {
		if status, _ := get(t, s.URL()+"/readyz"); status != 200 {
			t.Errorf("%s/readyz: %d", s.URL(), status)
		}
	}
}

func TestStartsWithoutRedisAndSaysItIsMissing(t *testing.T) {
	nobody := httptest.NewServer(nil) // an address where nobody listens any more
	nobody.Close()
	s := open(t, server.Config{Redis: "redis://" + strings.TrimPrefix(nobody.URL, "http://")})
	if status, _ := get(t, s.URL()+"/livez"); status != 200 {
		t.Errorf("/livez: %d", status)
	}
	if status, _ := get(t, s.URL()+"/readyz"); status != 503 {
		t.Errorf("/readyz: %d, want 503", status)
	}
}

// TestKeepsBlobs: what the server keeps in S3 is there; while S3 is away the server says so, and starts and serves all the same.
func TestKeepsBlobs(t *testing.T) {
	s3 := buckettest.NewS3(t)
	s := open(t, server.Config{Blobs: s3.Address("blobs")})
	ref, err := s.Blobs.Put(t.Context(), strings.NewReader("Sample"), 10)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, s.URL()+"/readyz"); status != 200 {
		t.Errorf("/readyz: %d", status)
	}
	s3.Kill()
	late := open(t, server.Config{Blobs: s3.Address("blobs")})
	for _, url := range []string{s.URL(), late.URL()} {
		if status, _ := get(t, url+"/readyz"); status != 503 {
			t.Errorf("/readyz without S3: %d", status)
		}
		if status, _ := get(t, url+"/livez"); status != 200 {
			t.Errorf("/livez without S3: %d", status)
		}
	}
	s3.Restart()
	if status, _ := get(t, s.URL()+"/readyz"); status != 200 {
		t.Errorf("/readyz with S3 again: %d", status)
	}
	r, err := s.Blobs.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != "Sample" || err != nil {
		t.Errorf("it came back as %q, %v", got, err)
	}
}

func TestRefusesToStart(t *testing.T) {
	for name, c := range map[string]server.Config{
		"a public URL with a path": {PublicURL: "https://example.org/visits"},
		"no place of blobs":        {Blobs: "gs://bucket"},
		"no Redis URL":             {Redis: "localhost"},
		"no folder for data":       {Data: "/dev/null/x"},
		"no such address":          {Listen: "203.0.113.1:0"},
		"no texts of consent":      {Consent: t.TempDir()},
		"headers of no proxy":      {ProxyProtocol: true},
	} {
		if c.Listen == "" {
			c.Listen = "127.0.0.1:0"
		}
		if c.Data == "" {
			c.Data = t.TempDir()
		}
		if s, err := server.New(context.Background(), c); err == nil {
			s.Close()
			t.Errorf("with %s it starts", name)
		}
	}
}
