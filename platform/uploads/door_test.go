package uploads_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/uploads"
)

func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }

// TestOneAnswerForNothing: another's upload, one that is not there, one that was cancelled, one that was taken, and what is no id: the same answer, byte for byte.
func TestOneAnswerForNothing(t *testing.T) {
	h := newHall(t, "none")
	c, other := h.client(mine), h.client(others)
	cancelled := c.begin("sample.txt", 6)
	if response, _, err := c.ask(t.Context(), http.MethodDelete, cancelled, nil, nil, 0); err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("cancel: %v, %v", response, err)
	}
	taken := h.checked("sample.txt", []byte("Sample"))
	h.tx(func(tx *store.Tx) error { _, err := h.Take(t.Context(), tx, mine, taken.ID, store.NewID()); return err })
	at := c.begin("sample.txt", 6)
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		answers := map[string][]string{}
		for name, ask := range map[string]struct {
			client *client
			path   string
		}{"another's": {other, at}, "unknown": {c, base + store.NewID()}, "cancelled": {c, cancelled}, "taken": {c, base + taken.ID}, "no id": {c, base + "etc-passwd"}, "nobody's": {h.client(""), at},
			"escaped": {c, base + "..%2f..%2fetc%2fpasswd"}} {
			var body io.Reader
			length := int64(0)
			if method == http.MethodPatch {
				body, length = strings.NewReader("Sample"), 6
			}
			response, answer, err := ask.client.ask(t.Context(), method, ask.path, patching(0), body, length)
			if err != nil || response.StatusCode != http.StatusNotFound {
				t.Fatalf("%s %s: %v, %v", method, name, response, err)
			}
			response.Header.Del("Date")
			var lines bytes.Buffer
			if err := response.Header.Write(&lines); err != nil {
				t.Fatal(err)
			}
			said := lines.String() + string(answer)
			answers[said] = append(answers[said], name)
		}
		if len(answers) != 1 {
			t.Errorf("%s: %q", method, answers)
		}
	}
	if n := c.offset(at); n != 0 {
		t.Errorf("somebody wrote: at %d", n)
	}
	if response, _, err := c.ask(t.Context(), http.MethodPost, base, map[string]string{"X-HTTP-Method-Override": "DELETE", "Upload-Length": "1"}, nil, 0); err != nil || response.StatusCode != http.StatusCreated {
		t.Errorf("a POST that says it is another method: %v, %v", response, err)
	}
}

// TestLimits: what is refused before a byte of it came.
func TestLimits(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	for size, want := range map[int64]int{atMost + 1: http.StatusRequestEntityTooLarge, 0: http.StatusUnprocessableEntity, -1: http.StatusUnprocessableEntity} {
		if response, answer := c.post("sample.txt", size); response.StatusCode != want {
			t.Errorf("%d bytes: %s, %s", size, response.Status, answer)
		}
	}
	for name, headers := range map[string]map[string]string{
		"a part of a file":    {"Upload-Length": "6", "Upload-Concat": "partial"},
		"parts put together":  {"Upload-Concat": "final;/files/a /files/b"},
		"a length that signs": {"Upload-Length": "+6"},
		"a length of nothing": {"Upload-Length": "0x6"},
	} {
		response, answer, err := c.ask(t.Context(), http.MethodPost, base, headers, nil, 0)
		if err != nil || response.StatusCode != http.StatusUnprocessableEntity || !bytes.Contains(answer, []byte(`"not_valid"`)) {
			t.Errorf("%s: %v, %s, %v", name, response, answer, err)
		}
	}
	for range many {
		at := c.begin("sample.txt", 6)
		if response, _, err := c.ask(t.Context(), http.MethodPatch, at, map[string]string{"Upload-Offset": "+0", "Content-Type": "application/offset+octet-stream"}, strings.NewReader("S"), 1); err != nil ||
			response.StatusCode != http.StatusUnprocessableEntity || c.offset(at) != 0 {
			t.Errorf("at an offset that signs: %v, %v", response, err)
		}
	}
	if response, answer := c.post("sample.txt", 6); response.StatusCode != http.StatusUnprocessableEntity || !bytes.Contains(answer, []byte(`"too_many"`)) {
		t.Errorf("one too many: %s, %s", response.Status, answer)
	}
	h.client(others).begin("sample.txt", 6)
	all, err := h.Waiting(t.Context(), h.db, mine)
	if err != nil {
		t.Fatal(err)
	}
	h.tx(func(tx *store.Tx) error { return h.Cancel(t.Context(), tx, mine, all[0].ID) })
	c.begin("sample.txt", 6)

	off := openHall(t, h.place, "")
	if off.Enabled() || !h.Enabled() {
		t.Error("without a scanner files are taken")
	}
	if response, _ := off.client(others).post("sample.txt", 6); response.StatusCode != http.StatusNotFound {
		t.Errorf("without a scanner: %s", response.Status)
	}
}

// TestRefusalsAreAudited: whoever may not come in by a door, or asks for another's upload, leaves a row.
func TestRefusalsAreAudited(t *testing.T) {
	h := newHall(t, "none")
	at := h.client(mine).begin("sample.txt", 6)
	known := len(h.acts())
	stranger, colleague := h.client(refused), h.client(others)
	if response, _ := stranger.post("sample.txt", 6); response.StatusCode != http.StatusNotFound {
		t.Errorf("begun: %s", response.Status)
	}
	for _, c := range []*client{stranger, colleague, h.client("")} { // nobody leaves no trace
		for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
			if response, _, err := c.ask(t.Context(), method, at, patching(0), nil, 0); err != nil || response.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %v, %v", method, response, err)
			}
		}
	}
	each := []string{"upload.resume: not_found", "upload.resume: not_found", "upload.cancel: not_found"}
	want := append(append([]string{"upload.begin: not_found"}, each...), each...)
	if got := h.acts()[known:]; !slices.Equal(got, want) {
		t.Errorf("audit: %q, want %q", got, want)
	}
}

// TestCancelledFiles: whoever begins, sends and cancels, over and over, fills no disk: they begin so many a day, and what they sent is gone a day and two sweeps later.
func TestCancelledFiles(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	for range daily {
		at := c.begin("sample.bin", 10)
		c.cut(at, 0, noise(10, 1), 5)
		if response, _, err := c.ask(t.Context(), http.MethodDelete, at, nil, nil, 0); err != nil || response.StatusCode != http.StatusNoContent {
			t.Fatalf("cancel: %v, %v", response, err)
		}
	}
	if response, answer := c.post("sample.bin", 10); response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %s, %s", response.Status, answer)
	}
	if response, answer := h.client(others).post("sample.bin", 10); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the same person, of another visit: %s, %s", response.Status, answer)
	}
	if n := h.kept(); n != daily {
		t.Errorf("%d blobs are kept, in case a backup runs", n)
	}
	h.due() // marks them
	h.clock.Pass(25 * time.Hour)
	h.due()
	if n := h.kept(); n > 0 {
		t.Errorf("%d blobs are left after a day", n)
	}
}

// TestNames: a name is for reading, and leads nowhere.
func TestNames(t *testing.T) {
	h := newHall(t, "none")
	for sent, want := range map[string]string{
		"../../etc/passwd":                   "passwd.txt",
		`C:\temp\Sample.txt`:                 "Sample.txt",
		"a\x00b\r\nSample: x.txt":            "ab Sample_ x.txt",
		"sample\u202etxt.exe":                "sampletxt.exe.txt",
		"..":                                 "file.txt",
		"":                                   "file.txt",
		"run.js":                             "run.js.txt",
		"Sample.TXT":                         "Sample.TXT",
		" ..  hidden . txt ":                 "hidden . txt.txt",
		"文件 \"quoted\".txt":                  "文件 _quoted_.txt",
		"\xff\xfe.txt":                       "txt.txt",
		strings.Repeat("é", 300) + ".txt":    strings.Repeat("é", 98) + ".txt",
		"sample." + strings.Repeat("x", 300): "sample." + strings.Repeat("x", 193) + ".txt",
	} {
		u := h.checked(sent, []byte("Sample"))
		if got := u.Name.Reveal(); got != want {
			t.Errorf("%q is called %q, want %q", sent, got, want)
		}
		response, err := h.http.Client().Get(h.http.URL + "/read/" + u.ID)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != u.Name.Reveal() {
			t.Errorf("%q is saved as %q, %v", sent, response.Header.Get("Content-Disposition"), err)
		}
		h.tx(func(tx *store.Tx) error { return h.Cancel(t.Context(), tx, mine, u.ID) })
	}
}

// TestServe: a file is for saving; what a browser is told keeps it from running; any range of it can be had.
func TestServe(t *testing.T) {
	h := newHall(t, "none")
	content := pdf(33 * mebibyte)
	u := h.checked("Sample.pdf", content)
	get := func(method, rng string) (*http.Response, []byte) { return h.get(method, u.ID, rng) }
	response, body := get(http.MethodGet, "")
	for name, want := range map[string]string{"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename=Sample.pdf", "Content-Security-Policy": "default-src 'none'; sandbox",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !bytes.Equal(body, content) || response.ContentLength != int64(len(content)) {
		t.Error("it is another")
	}
	if response, _ := get(http.MethodHead, ""); response.StatusCode != http.StatusOK || response.ContentLength != int64(len(content)) {
		t.Errorf("HEAD: %s, %d", response.Status, response.ContentLength)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		from := rng.IntN(len(content))
		to := min(from+rng.IntN(17*mebibyte), len(content)-1)
		response, body := get(http.MethodGet, fmt.Sprintf("bytes=%d-%d", from, to))
		if response.StatusCode != http.StatusPartialContent || !bytes.Equal(body, content[from:to+1]) {
			t.Errorf("%d to %d: %s, %d bytes", from, to, response.Status, len(body))
		}
	}
	if response, _ := get(http.MethodGet, "bytes=99999999999-"); response.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: %s", response.Status)
	}
}

// TestMemory: a large file takes no more memory than a small one, coming, being looked at and going.
func TestMemory(t *testing.T) {
	const size, bound = 200 * mebibyte, 64 * mebibyte
	h := newHall(t, "none")
	c := h.client(mine)
	at := c.begin("sample.bin", size)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	most := uint64(0)
	seen := 0
	measured := func(from io.Reader) io.Reader {
		return io.TeeReader(from, writing(func(b []byte) {
			if seen += len(b); seen > mebibyte {
				seen = 0
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			}
		}))
	}
	response, _, err := c.ask(t.Context(), http.MethodPatch, at, patching(0), measured(io.LimitReader(zeros{}, size)), size)
	if err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("%v, %v", response, err)
	}
	h.due()
	u := h.one()
	if u.State != uploads.Clean {
		t.Fatalf("%+v", u)
	}
	got, err := h.http.Client().Get(h.http.URL + "/read/" + u.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, measured(got.Body), make([]byte, mebibyte))
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if grown := int64(most) - int64(before.HeapInuse); grown > bound {
		t.Errorf("the heap grew by %d bytes", grown)
	} else {
		t.Logf("the heap grew by %d KiB at most", grown>>10)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type writing func([]byte)

func (f writing) Write(b []byte) (int, error) { f(b); return len(b), nil }
