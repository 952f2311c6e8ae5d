package calendar_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
)

// reader is a program that reads calendar files, of a make that is not ours.
type reader struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// held is an event as a calendar holds it.
type held struct {
	UID, Summary, Description, URL, Location, Status string
	Sequence                                         int
	Starts, Ends                                     string
	Conference, Organizer, Attendees                 []map[string]any
	Alarms                                           [][2]string
}

// icalJS is a calendar on ical.js, which keeps events by their UID.
func icalJS(t testing.TB) *reader {
	library, err := filepath.Abs("../../static/node_modules/ical.js/dist/ical.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("%v: run make deps", err)
	}
	return start(t, "node", "testdata/read.mjs", library)
}

// icalendarPy is Debian's python3-icalendar; it tells each file's event.
func icalendarPy(t testing.TB) *reader { return start(t, "/usr/bin/python3", "testdata/read.py") }

func start(t testing.TB, name string, args ...string) *reader {
	t.Helper()
	command := exec.Command(name, args...)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("%v: run make deps", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &reader{in: in, out: bufio.NewReader(out)}
}

// read gives the program files in the order in which they came, and returns what it holds then.
func (r *reader) read(t testing.TB, files ...[]byte) []held {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := make([]string, len(files))
	for i, f := range files {
		texts[i] = string(f)
	}
	if err := json.NewEncoder(r.in).Encode(texts); err != nil {
		t.Fatal(err)
	}
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Events []held
		Error  string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		t.Fatalf("%s\n%s", answer.Error, texts)
	}
	return answer.Events
}

// catalogues are what the house says.
var catalogues = sync.OnceValues(func() (*words.Book, error) { return words.Load(static.Locales(), visits.Locales()) })

func book(t testing.TB) *words.Book {
	t.Helper()
	b, err := catalogues()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
