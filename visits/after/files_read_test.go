package after_test

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/after"
)

// reads fetches a file, and wants all of it, as something to keep and not to show, or nothing.
func (c *clinic) reads(b browser, path string, want int) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.front.URL+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := b.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil || response.StatusCode != want:
		c.t.Errorf("%s: %d %v, want %d", path, response.StatusCode, err, want)
	case want != http.StatusOK:
		if bytes.Contains(body, []byte("Canary")) {
			c.t.Errorf("%s tells %s", path, body)
		}
	case !bytes.Equal(body, report) && string(body) != "Sample text":
		c.t.Errorf("%s: other bytes", path)
	case !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(response.Header.Get("Content-Security-Policy"), "sandbox"):
		c.t.Errorf("%s: %v", path, response.Header)
	}
}

// TestFilesAreForWhomTheSummaryIs: who may not read the summary any more may not fetch its files, and strangers never.
func TestFilesAreForWhomTheSummaryIs(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient, guardian)
	id := c.browser().sends(v, "Canary report.pdf", report)
	c.gives(doctor, 0, id)
	path := "/after/visit/files/" + id
	parent, child := c.browser(), c.browser()
	parent.opens(codeIn(t, c.delivers("guardian@example.org", 1)))
	child.opens(codeIn(t, c.delivers("patient@example.org", 1)))
	c.reads(parent, path, http.StatusOK)
	c.reads(child, path, http.StatusOK)
	c.reads(c.browser(), path, http.StatusNotFound)
	c.reads(c.browser(), "/v/"+v.ID+"/after/files/"+id, http.StatusNotFound)
	c.reads(parent, "/after/visit/files/"+store.NewID(), http.StatusNotFound)

	other, _ := c.attended(false, visits.Person{Name: "Canary Othername", Role: auth.Patient, Email: "other@example.org"})
	c.gives(after.Signed(c.staff, other.ID), 0)
	stranger := c.browser()
	stranger.opens(codeIn(t, c.delivers("other@example.org", 1)))
	c.reads(stranger, path, http.StatusNotFound)
	c.reads(c.browser(), filesPath(v)+"/"+id, http.StatusNotFound) // the other visit's clinician is signed in
	if status, _ := c.browser().get(filesPath(v)); status != http.StatusNotFound {
		t.Errorf("another's clinician asks for states: %d", status)
	}
	if _, status := c.browser().begins(v, "sample.txt", 10); status != http.StatusNotFound {
		t.Errorf("another's clinician adds a file: %d", status)
	}
	if response := c.browser().tus(http.MethodPatch, filesPath(v)+"/"+id, nil, "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"); response.StatusCode != http.StatusNotFound {
		t.Errorf("another's clinician goes on with a file: %d", response.StatusCode)
	}
	for action, want := range map[string]string{"summary.write": "refused not_found", "upload.begin": "refused not_found", "upload.resume": "refused not_found"} {
		if got := c.audited(action); len(got) == 0 || got[len(got)-1] != want {
			t.Errorf("%s is audited as %q", action, got)
		}
	}
	if got := c.audited("summary.publish"); !slices.Contains(got, "allowed version 1 told 2 files 1 "+id) {
		t.Errorf("given: audited as %q", got)
	}

	if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET confidential = 1 WHERE id = ?`, v.ID); err != nil {
		t.Fatal(err)
	}
	c.reads(parent, path, http.StatusNotFound)
	c.reads(child, path, http.StatusOK)
	if err := c.visits.Withdraw(t.Context(), auth.Operator(), v.ID, v.Invitations[1].ID); err != nil {
		t.Fatal(err)
	}
	withdrawn, _ := child.get("/after/visit")
	c.reads(child, path, withdrawn)
	c.pass(2 * time.Hour)
	c.reads(parent, path, http.StatusNotFound) // the browser was in for an hour
}

// TestFilesOfAClosedPage: a family whose hour is over is told to open the link again, in its language; a stranger is told just the same, whether there is a file or none.
func TestFilesOfAClosedPage(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient)
	id := c.browser().sends(v, "Canary report.pdf", report)
	c.gives(doctor, 0, id)
	family := c.browser()
	_, page := family.opens(codeIn(t, c.delivers("patient@example.org", 1)))
	if !strings.Contains(page, id) {
		t.Fatalf("the family's page: %s", page)
	}
	if status, page := family.get("/after/visit/files/" + store.NewID()); status != http.StatusNotFound || !strings.Contains(page, html.EscapeString(c.book.In("es").T("problem.after_file"))) {
		t.Errorf("a file that was replaced meanwhile: %d %s", status, page)
	}
	c.pass(2 * time.Hour)
	stranger := c.browser()
	front, err := url.Parse(c.front.URL)
	if err != nil {
		t.Fatal(err)
	}
	stranger.http.Jar.SetCookies(front, []*http.Cookie{{Name: words.Cookie, Value: "es", Path: "/"}})
	want := ""
	for _, path := range []string{"/after/visit", "/after/visit/files/" + id, "/after/visit/files/" + store.NewID(), "/v/" + v.ID + "/after", "/v/" + v.ID + "/after/files/" + id, "/v/" + store.NewID() + "/after/files/" + id} {
		for who, b := range map[string]browser{"the family": family, "a stranger": stranger} {
			status, page := b.get(path)
			if want == "" {
				want = page
			}
			if status != http.StatusNotFound || page != want {
				t.Errorf("%s at %s: %d %s", who, path, status, page)
			}
		}
	}
	for _, key := range []string{"title", "detail"} {
		if said := c.book.In("es").T("problem.after_closed." + key); !strings.Contains(want, html.EscapeString(said)) {
			t.Errorf("the page lacks %q: %s", said, want)
		}
	}
}

// TestDownloadsAreAuditedOnce: whoever comes to a file for the first time has a row, whatever of it they ask for; what goes on with that has none.
func TestDownloadsAreAuditedOnce(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient, guardian)
	id := c.browser().sends(v, "Canary report.pdf", report)
	c.gives(doctor, 0, id)
	family := c.browser()
	family.opens(codeIn(t, c.delivers("guardian@example.org", 1)))
	rows := 0
	wants := func(b browser, path, method, ranges string, more int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, c.front.URL+path+"/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ranges != "" {
			r.Header.Set("Range", ranges)
		}
		response, err := b.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		rows += more
		if got := c.audited("summary.file"); response.StatusCode >= 300 || len(got) != rows {
			t.Errorf("%s %q: %s, %q, want %d", method, ranges, response.Status, got, rows)
		}
	}
	const path = "/after/visit/files"
	wants(family, path, http.MethodGet, "bytes=1-", 1) // all but a byte, and the first that is heard of this reader
	wants(family, path, http.MethodHead, "", 0)
	wants(family, path, http.MethodGet, "bytes=100-200", 0)
	wants(family, path, http.MethodGet, "bytes=00-200", 1)
	wants(family, path, http.MethodGet, "bytes=-200", 1)
	wants(family, path, http.MethodGet, "bytes=5-6,0-200", 1)
	wants(family, path, http.MethodGet, "", 1)
	wants(c.browser(), filesPath(v), http.MethodGet, "bytes=9-", 1) // another reader
	wants(c.browser(), filesPath(v), http.MethodGet, "bytes=9-", 0)
	c.pass(61 * time.Minute)
	wants(c.browser(), filesPath(v), http.MethodGet, "bytes=100-200", 1)
}
