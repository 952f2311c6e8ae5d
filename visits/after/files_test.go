package after_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/visits"
	"housecall/visits/after"
)

// report is a PDF, as far as its content says so.
var report = append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("Canary content\n"), 500)...)

// attended is a visit that took place, whose clinician is signed in.
func (c *clinic) attended(confidential bool, people ...visits.Person) (visits.Visit, after.Writer) {
	c.t.Helper()
	v := c.took(confidential, people...)
	c.staff = auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	if _, err := c.db.ExecContext(c.t.Context(), `UPDATE visits SET clinician_id = ? WHERE id = ?`, c.staff.ID, v.ID); err != nil {
		c.t.Fatal(err)
	}
	return v, after.Signed(c.staff, v.ID)
}

func filesPath(v visits.Visit) string { return "/desk/visits/" + v.ID + "/after/files" }

// tus sends a request of the protocol by which files come.
func (b browser) tus(method, path string, body []byte, headers ...string) *http.Response {
	b.c.t.Helper()
	r, err := http.NewRequestWithContext(b.c.t.Context(), method, b.c.front.URL+path, bytes.NewReader(body))
	if err != nil {
		b.c.t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.c.t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// begins says that a file is to come, and returns where; "" and the status where it may not.
func (b browser) begins(v visits.Visit, name string, size int) (where string, status int) {
	b.c.t.Helper()
	response := b.tus(http.MethodPost, filesPath(v), nil, "Upload-Length", strconv.Itoa(size), "Upload-Metadata", "filename "+base64.StdEncoding.EncodeToString([]byte(name)))
	return response.Header.Get("Location"), response.StatusCode
}

// goesOn sends a piece of a file.
func (b browser) goesOn(where string, offset int, piece []byte) {
	b.c.t.Helper()
	response := b.tus(http.MethodPatch, where, piece, "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
	if response.StatusCode != http.StatusNoContent {
		b.c.t.Fatalf("a piece: %d", response.StatusCode)
	}
}

// sends sends all of a file, and has it looked at.
func (b browser) sends(v visits.Visit, name string, content []byte) (id string) {
	b.c.t.Helper()
	where, status := b.begins(v, name, len(content))
	if status != http.StatusCreated {
		b.c.t.Fatalf("begin a file: %d", status)
	}
	b.goesOn(where, 0, content)
	b.c.queue.RunDue(b.c.t.Context())
	return where[strings.LastIndex(where, "/")+1:]
}

// states are those of the files that were added, with what is said of them.
func (b browser) states(v visits.Visit) (all []string) {
	b.c.t.Helper()
	_, page := b.get(filesPath(v))
	var answer struct {
		Files []struct{ State, About, Says string }
	}
	if err := json.Unmarshal([]byte(page), &answer); err != nil {
		b.c.t.Fatalf("%v: %s", err, page)
	}
	for _, f := range answer.Files {
		all = append(all, f.State+": "+f.About+": "+f.Says)
	}
	return all
}

func (c *clinic) gives(w after.Writer, base int, files ...string) {
	c.t.Helper()
	if _, err := c.Publish(c.t.Context(), w, base, "Sample", "en", files...); err != nil {
		c.t.Fatal(err)
	}
}

// TestFiles: sent in pieces, checked, given with a version, found and read by the family with the summary's link, kept by the next version, and gone from the one after.
func TestFiles(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient, guardian)
	desk := c.browser()
	where, _ := desk.begins(v, "../Canary report.pdf", len(report))
	first := where[strings.LastIndex(where, "/")+1:]
	desk.goesOn(where, 0, report[:100])
	if got := desk.tus(http.MethodHead, where, nil).Header.Get("Upload-Offset"); got != "100" {
		t.Errorf("after a cut: %s bytes are there", got)
	}
	wrong := func(why string, files ...string) {
		t.Helper()
		_, err := c.Publish(t.Context(), doctor, 0, "Sample", "en", files...)
		if fault.CodeOf(err) != fault.CodeNotValid || c.count("after_summaries") != 0 {
			t.Errorf("%s: %v", why, err)
		}
	}
	wrong("half of it", first)
	desk.goesOn(where, 100, report[100:])
	wrong("nobody has looked", first)
	if got, want := desk.states(v), []string{"scanning: 8 KB: " + c.words("after.file.scanning")}; !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
	c.queue.RunDue(t.Context())
	if got, want := desk.states(v), []string{"clean: PDF, 8 KB: " + c.words("after.file.clean")}; !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
	wrong("twice", first, first)
	wrong("one that there is not", first, store.NewID())
	if status, page := desk.post("/desk/visits/"+v.ID+"/after/summary", "base", "0", "text", "Sample", "language", "en", "file", first); status != http.StatusOK || !strings.Contains(page, "Canary report.pdf") {
		t.Errorf("given: %d", status)
	}

	family := c.browser()
	_, page := family.opens(codeIn(t, c.delivers("guardian@example.org", 1)))
	if strings.Contains(string(c.mail.Mailbox("guardian@example.org")[0].Raw), "report") || !strings.Contains(page, ">Canary report.pdf<") || !strings.Contains(page, "PDF, 8 KB") {
		t.Errorf("the family's page: %s", page)
	}
	_, href, _ := strings.Cut(page, `<a class="button primary" href="`)
	href, _, _ = strings.Cut(href, `"`)
	c.reads(family, href, http.StatusOK)
	second := desk.sends(v, "Canary picture.txt", []byte("Sample text"))
	c.gives(doctor, 1, first, second)
	c.reads(family, href, http.StatusOK)
	c.reads(family, "/after/visit/files/"+second, http.StatusOK)
	c.gives(doctor, 2, second)
	c.reads(family, href, http.StatusNotFound)
	c.reads(family, "/after/visit/files/"+second, http.StatusOK)
	c.reads(desk, filesPath(v)+"/"+first, http.StatusOK) // as a version was that the family had

	allowed := func(id string) string { return "allowed file " + id }
	if got, want := c.audited("summary.file"), []string{allowed(first), allowed(first), allowed(second), "refused not_found", allowed(second), allowed(first) + " as clinician"}; !slices.Equal(got, want) {
		t.Errorf("audited %q, want %q", got, want)
	}
	for _, secret := range []string{"Canary report", "Canary content"} {
		if c.onDisk(secret) {
			t.Errorf("%q stands in the database as it is", secret)
		}
	}
}

// TestFilesThatWait are their author's alone, and go along only where all of the summary does.
func TestFilesThatWait(t *testing.T) {
	c := newClinic(t)
	v, first := c.attended(false, patient)
	mine := c.browser().sends(v, "Canary mine.txt", []byte("Sample text"))
	colleague := auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Clinician}
	if _, err := c.db.ExecContext(t.Context(), `UPDATE invitations SET staff_id = ? WHERE id = ?`, colleague.ID, v.Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	c.staff = colleague
	if got := c.browser().states(v); len(got) != 0 {
		t.Errorf("a colleague sees %q", got)
	}
	c.reads(c.browser(), filesPath(v)+"/"+mine, http.StatusNotFound)
	wantCode(t, c.RemoveFile(t.Context(), after.Signed(colleague, v.ID), mine), fault.CodeNotFound, fault.NotFound)
	if _, err := c.Publish(t.Context(), after.Signed(colleague, v.ID), 0, "Sample", "en", mine); fault.CodeOf(err) != fault.CodeNotValid {
		t.Errorf("a colleague gives it: %v", err)
	}
	theirs := c.browser().sends(v, "Canary theirs.txt", []byte("Sample text"))
	c.gives(after.Signed(colleague, v.ID), 0, theirs)

	c.staff = first.Actor
	status, page := c.browser().post("/desk/visits/"+v.ID+"/after/summary", "base", "0", "text", "Sample of mine", "language", "en", "file", mine)
	if status != http.StatusConflict || !strings.Contains(page, "Canary mine.txt") || !strings.Contains(page, "Canary theirs.txt") || !strings.Contains(page, "Sample of mine") {
		t.Errorf("over a colleague's version: %d", status)
	}
	if got := c.browser().states(v); len(got) != 1 {
		t.Errorf("after that: %q", got)
	}
	files := []string{theirs, mine}
	for i := range 4 {
		files = append(files, c.browser().sends(v, fmt.Sprintf("Canary %d.txt", i), []byte("Sample text")))
	}
	form := url.Values{"base": {"1"}, "text": {"Sample"}, "language": {"en"}, "file": files}
	if status, page := c.browser().ask(http.MethodPost, "/desk/visits/"+v.ID+"/after/summary", form); status != http.StatusUnprocessableEntity || !strings.Contains(page, c.book.In("en").T("after.files.full", "max", after.MaxFiles)) {
		t.Errorf("six files: %d", status)
	}

	// Without a script: one of the version before, and one that was added.
	for left, id := range []string{theirs, mine} {
		form["remove"], form["text"] = []string{id}, []string{"Sample as it was"}
		status, page := c.browser().ask(http.MethodPost, "/desk/visits/"+v.ID+"/after/summary", form)
		form["file"] = slices.DeleteFunc(form["file"], func(each string) bool { return each == id })
		list, _, _ := strings.Cut(page, `id="files-choose"`)
		if status != http.StatusOK || strings.Contains(list, `value="`+id+`"`) || strings.Count(list, `name="file"`) != 5-left || !strings.Contains(page, "Sample as it was") {
			t.Errorf("without %s: %d", id, status)
		}
	}
	if got := c.audited("summary.file.remove"); !slices.Equal(got, []string{"refused not_found", "allowed file " + mine}) {
		t.Errorf("audited %q", got)
	}
	c.gives(first, 1, form["file"]...)
	_, err := c.Publish(t.Context(), first, 2, phi.Text("Sample"), "en", theirs)
	if fault.CodeOf(err) != fault.CodeNotValid {
		t.Errorf("a file of a version before the last: %v", err)
	}
}

// TestFilesThatAreGone: a summary is not given without a file that its author believes to go along, before they have read which.
func TestFilesThatAreGone(t *testing.T) {
	c := newClinic(t)
	v, _ := c.attended(false, patient)
	desk, path := c.browser(), "/desk/visits/"+v.ID+"/after/summary"
	expired := desk.sends(v, "Canary expired.txt", []byte("Sample text"))
	c.pass(26 * time.Hour)
	c.queue.RunDue(t.Context())
	bad, good := desk.sends(v, "Canary bad.pdf", []byte("<!doctype html><p>Sample")), desk.sends(v, "Canary good.txt", []byte("Sample text"))
	form := url.Values{"base": {"0"}, "text": {"Sample as it was"}, "language": {"en"}, "file": {expired, bad, good}, "called": {"Canary expired.txt", "Canary bad.pdf", "Canary good.txt"}}
	status, page := desk.ask(http.MethodPost, path, form)
	if status != http.StatusUnprocessableEntity || c.count("after_summaries") != 0 || !strings.Contains(page, "Sample as it was") {
		t.Fatalf("with two that can't go: %d", status)
	}
	own := c.book.In("en")
	for _, said := range []string{own.T("after.wrong.less"), own.T("after.files.said", "name", "Canary expired.txt", "state", own.T("after.file.gone")),
		own.T("after.files.said", "name", "Canary bad.pdf", "state", own.T("after.file.refused.type"))} {
		if !strings.Contains(page, html.EscapeString(said)) {
			t.Errorf("the page lacks %q", said)
		}
	}
	for id, goes := range map[string]bool{expired: false, bad: false, good: true} {
		field := `<input type="hidden" name="file" value="` + id + `"`
		if !strings.Contains(page, field) || strings.Contains(page, field+" disabled") == goes {
			t.Errorf("%s in the form that is drawn then: %s", id, page)
		}
	}
	if !strings.Contains(page, `<li class="file" data-file="`+expired+`" data-state="gone">`) {
		t.Error("the row of the one that is gone is no such")
	}
	form["file"], form["called"] = []string{good}, []string{"Canary good.txt"}
	if status, page := desk.ask(http.MethodPost, path, form); status != http.StatusOK || c.count("after_files") != 1 || strings.Contains(page, "Canary expired.txt") {
		t.Errorf("once its author knows: %d", status)
	}
	form["base"], form["file"], form["called"] = []string{"1"}, []string{good, expired}, nil
	if status, page := desk.ask(http.MethodPost, path, form); status != http.StatusUnprocessableEntity || !strings.Contains(page, own.T("after.file.unnamed")) {
		t.Errorf("a form that says no names: %d", status)
	}
}

// TestFilesAreRemoved in one way, whether the page has a script or none.
func TestFilesAreRemoved(t *testing.T) {
	c := newClinic(t)
	v, _ := c.attended(false, patient)
	desk := c.browser()
	first, second := desk.sends(v, "Canary first.txt", []byte("Sample text")), desk.sends(v, "Canary second.txt", []byte("Sample text"))
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if got := desk.tus(http.MethodDelete, filesPath(v)+"/"+first, nil).StatusCode; got != want {
			t.Errorf("with a script: %d, want %d", got, want)
		}
	}
	desk.post("/desk/visits/"+v.ID+"/after/summary", "base", "0", "text", "Sample", "language", "en", "file", second, "remove", second)
	if got := desk.states(v); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
	if got, want := c.audited("summary.file.remove"), []string{"allowed file " + first, "refused not_found", "allowed file " + second}; !slices.Equal(got, want) {
		t.Errorf("audited %q, want %q", got, want)
	}
	if got := c.audited("upload.cancel"); len(got) != 0 {
		t.Errorf("another way was gone: %q", got)
	}
}

// TestFilesAreRefused: what a family could not open, and what is none before the visit.
func TestFilesAreRefused(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient)
	id := c.browser().sends(v, "report.pdf", []byte("<!doctype html><script>alert(1)</script>"))
	if got := c.browser().states(v); len(got) != 1 || !strings.HasPrefix(got[0], "refused: ") || !strings.HasSuffix(got[0], c.book.In("en").T("after.file.refused.type")) {
		t.Errorf("states %q", got)
	}
	if _, err := c.Publish(t.Context(), doctor, 0, "Sample", "en", id); fault.CodeOf(err) != fault.CodeNotValid {
		t.Errorf("given: %v", err)
	}
	c.reads(c.browser(), filesPath(v)+"/"+id, http.StatusNotFound)
	if _, status := c.browser().begins(v, "report.pdf", after.MaxFile+1); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", status)
	}
	early := c.visit(nurse)
	if _, err := c.db.ExecContext(t.Context(), `UPDATE visits SET clinician_id = ? WHERE id = ?`, c.staff.ID, early.ID); err != nil {
		t.Fatal(err)
	}
	if _, status := c.browser().begins(early, "report.pdf", 10); status != http.StatusConflict {
		t.Errorf("before the visit: %d", status)
	}
	for _, why := range []string{uploads.Virus, uploads.Encrypted, uploads.Limits, uploads.Type, uploads.Damaged} {
		if !c.book.In("en").Has("after.file.refused." + why) {
			t.Errorf("no words for %s", why)
		}
	}
	for _, state := range []uploads.State{uploads.Coming, uploads.Scanning, uploads.Clean} {
		if !c.book.In("en").Has("after.file." + string(state)) {
			t.Errorf("no words for %s", state)
		}
	}
}

// TestNoFilesWithoutAScanner: nothing is offered where nobody looks at files, and nothing taken.
func TestNoFilesWithoutAScanner(t *testing.T) {
	c := newClinicWith(t, "")
	v, doctor := c.attended(false, patient)
	c.gives(doctor, 0)
	if _, page := c.browser().get("/desk/visits/" + v.ID + "/after"); strings.Contains(page, "files") || !strings.Contains(page, "Sample") {
		t.Errorf("the page: %s", page)
	}
	if _, status := c.browser().begins(v, "sample.txt", 10); status != http.StatusNotFound {
		t.Errorf("a file: %d", status)
	}
}

// TestFilesSayWhetherAScannerLooks: nobody is told that files are looked at where the operator chose that nothing does.
func TestFilesSayWhetherAScannerLooks(t *testing.T) {
	for scanner, want := range map[string]string{"none": "They are not checked for viruses here.", "tcp://127.0.0.1:1": "Each is checked for viruses first."} {
		c := newClinicWith(t, scanner)
		v, doctor := c.attended(false, patient)
		c.gives(doctor, 0)
		if _, page := c.browser().get("/desk/visits/" + v.ID + "/after"); !strings.Contains(page, want) || strings.Count(page, "viruses") != 1 {
			t.Errorf("with the scanner %s the page does not say only that %q: %s", scanner, want, page)
		}
	}
}

// TestFilesAreForgotten with what else is kept of a visit.
func TestFilesAreForgotten(t *testing.T) {
	c := newClinic(t)
	v, doctor := c.attended(false, patient)
	c.gives(doctor, 0, c.browser().sends(v, "Canary report.pdf", report))
	err := c.db.Tx(t.Context(), func(tx *store.Tx) error {
		if err := after.Forget(t.Context(), tx, []string{v.ID}); err != nil {
			return err
		}
		return c.uploads.Drop(t.Context(), tx, after.AboutSummary(v.ID))
	})
	if err != nil || c.count("after_files")+c.count("uploads")+c.count("upload_parts") != 0 {
		t.Errorf("%v; kept: %d, %d, %d", err, c.count("after_files"), c.count("uploads"), c.count("upload_parts"))
	}
}
