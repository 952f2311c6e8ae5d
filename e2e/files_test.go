package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/e2e/bidi"
	"housecall/platform/notify/mailtest"
	"housecall/platform/uploads/clamtest"
	"housecall/platform/uploads/eicar"
)

// fileStates are all states of the files of a summary, as its author and the family see them.
var fileStates = []state{
	{"files-none", "no file was added"},
	{"files-sending", "one is on its way, and another waits for it"},
	{"files-waiting", "the connection was lost meanwhile"},
	{"files-scanning", "they are there, and nobody has looked at them yet"},
	{"files-unready", "giving the summary before that"},
	{"files-out", "their author was signed out, and would remove one"},
	{"files-kept", "removing one did not work"},
	{"files-lost", "one is not there any more"},
	{"files-checked", "some are clean, and some are refused"},
	{"files-full", "one more than there may be"},
	{"files-gone", "one went in another tab before the summary was given"},
	{"files-given", "the family has them"},
	{"files-taken", "one is not to go with the next version"},
	{"family-files", "the family's page, with files"},
	{"family-closed", "a download after the hour of that page"},
}

const (
	familyEmail = "family@example.org"
	pdfSize     = 6 << 20 // more than one piece
)

// pdf makes a real PDF of one page, with a picture in it that nothing makes smaller.
func pdf(size int) []byte {
	noise := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise) // never fails
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /XObject << /Noise 5 0 R >> >> >>",
		"<< /Length 29 >>\nstream\nq 300 0 0 300 0 0 cm /Noise Do Q\nendstream",
		fmt.Sprintf("<< /Type /XObject /Subtype /Image /Width %d /Height 1024 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length %d >>\nstream\n%s\nendstream", size/1024, size, noise),
	}
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n")
	var table strings.Builder
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	at := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, &table, len(objects)+1, at)
	return out.Bytes()
}

// addsFiles chooses files, or drops them on the page: names and contents.
func (p *Person) addsFiles(drops bool, files ...string) {
	p.t.Helper()
	encoded := make([][2]string, 0, len(files)/2)
	for i := 0; i+1 < len(files); i += 2 {
		encoded = append(encoded, [2]string{files[i], base64.StdEncoding.EncodeToString([]byte(files[i+1]))})
	}
	p.await("add files", `async (drops, files) => {
		const chosen = new DataTransfer();
		const types = {pdf: "application/pdf", txt: "text/plain", docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document"};
		for (const [name, content] of files) {
			const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
			chosen.items.add(new File([bytes], name, {type: types[name.split(".").at(-1)]}));
		}
		const field = document.querySelector("#files-field");
		if (drops) {
			document.querySelector("#files").dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: chosen}));
		} else {
			field.files = chosen.files;
			field.dispatchEvent(new Event("change", {bubbles: true}));
		}
		return true;
	}`, drops, encoded)
}

// seesFile waits until the file of a name is in a state.
func (p *Person) seesFile(name, state string) {
	p.t.Helper()
	p.await(fmt.Sprintf("see %s %s", name, state), `(name, state) => [...document.querySelectorAll("#files-list li")].some((row) => row.querySelector("bdi").textContent === name && row.dataset.state === state)`, name, state)
}

// removes presses the button that removes a file, and wants the focus to stay near.
func (p *Person) removes(name string) {
	p.t.Helper()
	p.press("button", p.word("after.files.remove")+" "+name)
	p.await("keep the focus", `(name) => !document.querySelector("#files-list").textContent.includes(name) && document.activeElement.closest("#files") !== null`, name)
}

// fetches gets the file that a link with its name leads to, and says what its bytes hash to.
func (p *Person) fetches(name string) (sha string) {
	p.t.Helper()
	p.within("fetch "+name, func(ctx context.Context) error {
		return p.page.Await(ctx, &sha, `async (name) => {
			const link = [...document.querySelectorAll(".files a")].find((each) => each.textContent.includes(name));
			const response = await fetch(link.href);
			if (!response.ok) return "status " + response.status;
			const hash = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
			return [...new Uint8Array(hash)].map((each) => each.toString(16).padStart(2, "0")).join("");
		}`, name)
	})
	return sha
}

// hadVisit is a visit of a family that took place, of a clinician with an account.
func (tour *tour) hadVisit() Booked {
	tour.t.Helper()
	visit := tour.bookWith(map[string]any{"clinician_id": tour.clinician(), "people": []map[string]string{{"name": drAda, "role": "clinician"},
		{"name": robin, "role": "patient", "email": familyEmail, "language": tour.language}}}, 0)
	if _, err := tour.server.Accounts.DB.ExecContext(tour.t.Context(), `UPDATE visits SET state = 'ended', state_at = ? WHERE id = ?`, time.Now().UnixMilli(), visit.ID); err != nil {
		tour.t.Fatal(err)
	}
	return visit
}

// TestFilesOfASummary: a clinician adds files, one of which is cut midway and one of which has a virus; the family fetches the others with the link of its letter, byte for byte.
func TestFilesOfASummary(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			scanner, mail := clamtest.Start(t, clamtest.Options{}), mailtest.Start(t, mailtest.Options{})
			tour := newTour(t, language, func(c *server.Config) {
				c.Scanner, c.SMTP, c.MailFrom = scanner.Address(), mail.URL(), "Example Hospital <visits@example.org>"
			})
			visit, content := tour.hadVisit(), pdf(pdfSize)
			doctor := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
			doctor.allows("ERR_", "status of 409", "409 to PATCH", // as what comes again after a cut is answered
				"status of 401", "401 to DELETE", "status of 422", "422 to POST")
			doctor.goTo(tour.url + "/sign-in")
			doctor.fills("#email", clinicianEmail)
			doctor.fills("#password", clinicianPassword)
			doctor.submits()
			doctor.goTo(tour.url + "/desk/visits/" + visit.ID + "/after")
			doctor.examine("files-none")

			tour.cutMidway(doctor, scanner, content)
			tour.elsewhere(doctor)
			tour.checked(doctor, scanner)
			tour.goneBefore(doctor)
			doctor.fills("#summary", "Drink a lot.\n\n- Water\n- Tea")
			doctor.follows("give the summary to the family", "form[action$='/summary'] > p:last-child > button")
			doctor.shows(".notice.good")
			doctor.examine("files-given")

			family := tour.takes(chromium(t, 1, robin, bidi.Phone))
			family.allows("status of 404", "404 to GET")
			tour.opensLetter(family, mail)
			family.shows(".files a")
			family.examine("family-files")
			sum := sha256.Sum256(content)
			if got := family.fetches("Report of today.pdf"); got != hex.EncodeToString(sum[:]) {
				t.Errorf("the family got %s", got)
			}
			doctor.removes("Report of today.pdf")
			doctor.shows("#files-note")
			doctor.examine("files-taken")
			doctor.follows("give the next version", "form[action$='/summary'] > p:last-child > button")
			doctor.shows(".notice.good")
			if got := family.fetches("Report of today.pdf"); got != "status 404" {
				t.Errorf("what was taken back: %s", got)
			}
			if _, err := tour.server.Accounts.DB.ExecContext(t.Context(), `DELETE FROM after_openings`); err != nil {
				t.Fatal(err)
			}
			family.follows("download when the hour is over", ".files a")
			family.await("be told", `(words) => document.querySelector("main h1").textContent === words`, family.word("problem.after_closed.title"))
			family.examine("family-closed")
			tour.complete(fileStates)
		})
	}
}

// cutMidway sends two files while the connection goes, and the scanner is away.
func (tour *tour) cutMidway(doctor *Person, scanner *clamtest.Clamd, content []byte) {
	tour.t.Helper()
	scanner.Kill()
	tour.door.hold(doctor.at)
	doctor.addsFiles(false, "Report of today.pdf", string(content), "Exercises.txt", "Sample text")
	doctor.seesFile("Exercises.txt", "queued")
	doctor.examine("files-sending")
	tour.door.refuse(doctor.at, true)
	tour.door.release(doctor.at)
	doctor.seesFile("Report of today.pdf", "waiting")
	doctor.examine("files-waiting")
	tour.door.tear(doctor.at, pdfSize*3/4)
	tour.door.refuse(doctor.at, false)
	doctor.until("be cut midway", func() bool { return tour.door.isTorn(doctor.at) })
	doctor.seesFile("Report of today.pdf", "scanning")
	doctor.seesFile("Exercises.txt", "scanning")
	doctor.examine("files-scanning")
	if n := len(tour.audited("upload.begin")); n != 2 {
		tour.t.Errorf("%d files were begun: what was cut did not go on where it was", n)
	}
	doctor.fills("#summary", "Sample")
	doctor.press("button", doctor.word("after.summary.publish"))
	doctor.shows("#files-wrong")
	doctor.examine("files-unready")
}

// otherTab removes a file as another tab does.
func (p *Person) otherTab(name string) {
	p.t.Helper()
	p.await("remove "+name+" in another tab", `async (name) => {
		const row = [...document.querySelectorAll("#files-list li")].find((each) => each.querySelector("bdi").textContent === name);
		return (await fetch(document.querySelector("#files").dataset.files + "/" + row.dataset.file, {method: "DELETE"})).ok;
	}`, name)
}

// elsewhere has files come and go in another tab, which signs out as well, while the connection is gone for a while. What was typed stays.
func (tour *tour) elsewhere(doctor *Person) {
	tour.t.Helper()
	const other = "Other.txt"
	doctor.await("send a file in another tab", `async (name) => {
		const tus = {"Tus-Resumable": "1.0.0"};
		const begun = await fetch(document.querySelector("#files").dataset.files, {method: "POST", headers: {...tus, "Upload-Length": "6", "Upload-Metadata": "filename " + btoa(name)}});
		const headers = {...tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"};
		return (await fetch(begun.headers.get("Location"), {method: "PATCH", headers, body: "Sample"})).ok;
	}`, other)
	doctor.seesFile(other, "scanning")
	doctor.await("sign out in another tab", `async () => (await fetch("/sign-out", {method: "POST"})).ok`)
	doctor.seesFile(other, "unsure")
	doctor.keeps(other, "after.files.kept_out")
	doctor.examine("files-out")
	doctor.await("sign in in another tab", `async (email, password) => (await fetch("/sign-in", {method: "POST", body: new URLSearchParams({email, password})})).ok`, clinicianEmail, clinicianPassword)
	doctor.seesFile(other, "scanning")
	tour.door.refuse(doctor.at, true)
	doctor.keeps(other, "after.files.kept")
	doctor.examine("files-kept")
	tour.door.refuse(doctor.at, false)
	doctor.otherTab(other)
	doctor.seesFile(other, "gone")
	doctor.examine("files-lost")
	doctor.removes(other)
	doctor.await("keep what was typed", `() => document.querySelector("#summary").value === "Sample"`)
}

// keeps presses the button that removes a file, and is told that it stays.
func (p *Person) keeps(name, key string) {
	p.t.Helper()
	p.press("button", p.word("after.files.remove")+" "+name)
	p.await("be told that "+name+" stays", `(words, name) => document.querySelector("#files-wrong").textContent === words && document.querySelector("#files-list").textContent.includes(name)`,
		strings.ReplaceAll(p.word(key), "{name}", name), name)
}

// goneBefore would give a summary with a file that is gone, and reads which.
func (tour *tour) goneBefore(doctor *Person) {
	tour.t.Helper()
	doctor.otherTab("Exercises.txt")
	doctor.follows("give what is not all there", "form[action$='/summary'] > p:last-child > button")
	doctor.seesFile("Exercises.txt", "gone")
	doctor.shows(".summary")
	doctor.examine("files-gone")
	doctor.removes("Exercises.txt")
}

// checked has the scanner look at files, among them its test file.
func (tour *tour) checked(doctor *Person, scanner *clamtest.Clamd) {
	tour.t.Helper()
	doctor.addsFiles(true, "Bad.txt", string(eicar.File()), "Letter.docx", "Sample")
	doctor.seesFile("Letter.docx", "refused")
	scanner.Restart()
	doctor.seesFile("Bad.txt", "refused")
	for _, name := range []string{"Report of today.pdf", "Exercises.txt"} {
		doctor.seesFile(name, "clean")
	}
	doctor.await("be told of the virus", `(words) => [...document.querySelectorAll(".file-says")].some((each) => each.textContent === words)`, doctor.word("after.file.refused.virus"))
	doctor.examine("files-checked")
	doctor.removes("Bad.txt")
	doctor.removes("Letter.docx")
	doctor.addsFiles(true, "1.txt", "Sample", "2.txt", "Sample", "3.txt", "Sample", "4.txt", "Sample")
	doctor.shows("#files-wrong")
	for _, name := range []string{"1.txt", "2.txt", "3.txt"} {
		doctor.seesFile(name, "clean")
	}
	doctor.examine("files-full")
	for _, name := range []string{"1.txt", "2.txt", "3.txt"} {
		doctor.removes(name)
	}
}

// opensLetter waits for the letter about the summary, and opens its link.
func (tour *tour) opensLetter(family *Person, mail *mailtest.Server) {
	tour.t.Helper()
	code := ""
	family.until("get a letter", func() bool {
		for _, letter := range mail.Mailbox(familyEmail) {
			if found := regexp.MustCompile(`/after#([0-9A-Za-z_-]+)`).FindSubmatch(bytes.ReplaceAll(letter.Raw, []byte("=\r\n"), nil)); found != nil {
				code = string(found[1])
			}
		}
		return code != ""
	})
	family.goTo(tour.url + "/after#" + code)
	family.submits()
}
