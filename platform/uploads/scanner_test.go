package uploads

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/platform/fault"
	"housecall/platform/uploads/clamtest"
	"housecall/platform/uploads/eicar"
)

func TestParseScanner(t *testing.T) {
	for address, want := range map[string]string{"tcp://scanner.example.org:3310": "tcp scanner.example.org:3310", "tcp://[::1]:3310": "tcp [::1]:3310", "unix:/run/clamav/clamd.ctl": "unix /run/clamav/clamd.ctl", "none": " "} {
		s, err := ParseScanner(address)
		if err != nil || s == nil || s.network+" "+s.address != want {
			t.Errorf("%s: %+v, %v", address, s, err)
		}
	}
	if s, err := ParseScanner(""); s != nil || err != nil {
		t.Errorf("nothing: %+v, %v", s, err)
	}
	for _, address := range []string{"yes", "scanner:3310", "tcp://scanner", "tcp://:3310", "unix:clamd.ctl", "http://scanner:3310", "None"} {
		if s, err := ParseScanner(address); err == nil {
			t.Errorf("%q is taken: %+v", address, s)
		}
	}
}

// TestClamd speaks to a real one.
func TestClamd(t *testing.T) {
	clamd := clamtest.Start(t, clamtest.Options{StreamMost: "4M", ScanMost: "2M"})
	s, err := ParseScanner(clamd.Address())
	if err != nil {
		t.Fatal(err)
	}
	program, _, err := s.Version(t.Context())
	if err != nil || !strings.HasPrefix(program, "ClamAV ") {
		t.Errorf("its version: %q, %v", program, err)
	}
	if err := s.Prove(t.Context()); err != nil {
		t.Error(err)
	}
	large := func(n int) []byte { return bytes.Repeat([]byte("Sample text. "), n/13) }
	for name, c := range map[string]struct {
		content []byte
		why     string
	}{
		"text":                  {[]byte("Sample"), ""},
		"several chunks":        {large(1 << 20), ""},
		"whole chunks":          {make([]byte, 2*chunkSize), ""},
		"virus":                 {eicar.File(), Virus},
		"more than it looks at": {large(3 << 20), Limits},
		"more than it takes":    {large(64 << 20), Limits},
	} {
		for range 3 {
			why, signature, err := s.Scan(t.Context(), bytes.NewReader(c.content))
			if err != nil || why != c.why || (why == Virus) != strings.Contains(signature, "Eicar-Test-Signature") {
				t.Errorf("%s: %q %q, %v", name, why, signature, err)
			}
		}
	}
	broken := errors.New("broken")
	if _, _, err := s.Scan(t.Context(), io.MultiReader(strings.NewReader("Sample"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("of a file that can't be read: %v", err)
	}
	clamd.Kill()
	if _, _, err := s.Scan(t.Context(), strings.NewReader("Sample")); !errors.Is(err, fault.TryAgain) {
		t.Errorf("when it is away: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestVerdict: what no clamd of the test can be brought to say.
func TestVerdict(t *testing.T) {
	for answer, want := range map[string]string{
		"stream: OK": "", "stream: Win.Test.EICAR_HDB-1 FOUND": Virus, "stream: Heuristics.Encrypted.PDF FOUND": Encrypted, "stream: Heuristics.Limits.Exceeded.MaxFiles FOUND": Limits,
		"INSTREAM size limit exceeded. ERROR": Limits,
	} {
		if why, _, err := verdict(answer); why != want || err != nil {
			t.Errorf("%q: %q, %v", answer, why, err)
		}
	}
	for _, answer := range []string{"", "OK", "stream: Can't allocate memory ERROR", "COMMAND READ TIMED OUT", "UNKNOWN COMMAND", "stream: OK FOUNDX"} {
		if why, _, err := verdict(answer); !errors.Is(err, fault.TryAgain) {
			t.Errorf("%q: %q, %v", answer, why, err)
		}
	}
}

// TestScannerHangsUp: one that answers nothing, or half, is away.
func TestScannerHangsUp(t *testing.T) {
	for _, says := range []string{"", "stream: O", "stream: OK"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, len("zINSTREAM\x00")+4+len("Sample")+4))
			_, _ = io.WriteString(conn, says)
			_ = conn.Close()
		}()
		s, err := ParseScanner("tcp://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if why, _, err := s.Scan(t.Context(), strings.NewReader("Sample")); !errors.Is(err, fault.TryAgain) {
			t.Errorf("after %q: %q, %v", says, why, err)
		}
		_ = l.Close()
		<-done
	}
}

// acting is a scanner that does with each connection what a test wants.
func acting(t *testing.T, act func(net.Conn)) *Scanner {
	t.Helper()
	dir, err := os.MkdirTemp("", "scan") // a short path, as sockets need
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			act(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	return scannerAt("unix", path)
}

// TestScannerAnswersEarly: before it has all, a scanner can say that a file is bad, and not that it is good.
func TestScannerAnswersEarly(t *testing.T) {
	for says, want := range map[string]string{"stream: OK": "", "stream: Win.Test.EICAR_HDB-1 FOUND": Virus} {
		said := make(chan struct{})
		s := acting(t, func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, len("zINSTREAM\x00")+4+chunkSize))
			_, _ = io.WriteString(conn, says+"\x00")
			close(said)
			_, _ = io.Copy(io.Discard, conn) // it hears the rest, so that nothing fails
		})
		why, _, err := s.Scan(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, chunkSize)), after{said}))
		if why != want || errors.Is(err, fault.TryAgain) != (want == "") {
			t.Errorf("%q: %q, %v", says, why, err)
		}
	}
}

// after is an end that comes when something has happened.
type after struct{ happened chan struct{} }

func (a after) Read([]byte) (int, error) { <-a.happened; return 0, io.EOF }

// TestScannerHangs: one that takes nothing more, or answers nothing, is given up, and so is one that is asked in vain when the node stops.
func TestScannerHangs(t *testing.T) {
	gone := make(chan struct{})
	s := acting(t, func(net.Conn) { <-gone })
	for name, c := range map[string]struct {
		size         int
		takes, looks time.Duration
	}{"takes nothing": {8 << 20, time.Millisecond, time.Hour}, "says nothing": {6, time.Hour, time.Millisecond}} {
		s.takes, s.looks = c.takes, c.looks
		if why, _, err := s.Scan(t.Context(), bytes.NewReader(make([]byte, c.size))); !errors.Is(err, fault.TryAgain) {
			t.Errorf("%s: %q, %v", name, why, err)
		}
	}
	s.takes, s.looks = time.Hour, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	if why, _, err := s.Scan(ctx, io.MultiReader(strings.NewReader("Sample"), calling(cancel))); !errors.Is(err, fault.TryAgain) {
		t.Errorf("called off: %q, %v", why, err)
	}
	close(gone)
}

// calling is an end that does something first.
type calling func()

func (f calling) Read([]byte) (int, error) { f(); return 0, io.EOF }
