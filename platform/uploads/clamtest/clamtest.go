// Package clamtest starts real virus scanners for tests: clamd, with one signature, that of the test file which EICAR made for this.
// A Clamd owns its process, its folder and its socket and ends with its test. It must never touch another clamd, and fetches no signatures.
package clamtest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/platform/testkit"
	"housecall/platform/uploads/eicar"
)

// soon bounds every wait for a condition: far more than any of them needs, since machines may be busy.
const soon = time.Minute

// Options of Start.
type Options struct {
	StreamMost string // how much it takes of one file, as in "1M"; empty: its own default
	ScanMost   string // the largest file that it looks at, as in "1M"; empty: its own default. Larger ones it tells of
}

// Clamd is a running scanner.
type Clamd struct {
	t       testing.TB
	dir     string
	process *exec.Cmd
	ended   <-chan struct{} // closed when process has ended
}

// Start starts a scanner that ends with the test.
func Start(t testing.TB, o Options) *Clamd {
	t.Helper()
	dir, err := os.MkdirTemp("", "clamd") // a short path, as sockets need
	if err != nil {
		t.Fatal(err)
	}
	c := &Clamd{t: t, dir: dir}
	t.Cleanup(func() {
		c.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	settings := []string{"Foreground yes", "LocalSocket " + c.socket(), "FixStaleSocket yes", "DatabaseDirectory " + filepath.Join(dir, "signatures"), "TemporaryDirectory " + dir,
		"AlertExceedsMax yes", "AlertEncrypted yes", "MaxThreads 4"}
	if o.StreamMost != "" {
		settings = append(settings, "StreamMaxLength "+o.StreamMost)
	}
	if o.ScanMost != "" {
		settings = append(settings, "MaxFileSize "+o.ScanMost, "MaxScanSize "+o.ScanMost)
	}
	for name, content := range map[string]string{
		"signatures/test.ndb": "Eicar-Test-Signature:0:*:" + hex.EncodeToString(eicar.File()) + "\n",
		"clamd.conf":          strings.Join(settings, "\n") + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.copyProgram()
	c.Restart()
	return c
}

func (c *Clamd) socket() string  { return filepath.Join(c.dir, "socket") }
func (c *Clamd) program() string { return filepath.Join(c.dir, "program") }

// copyProgram gives the scanner a path of its own: to that of Debian, AppArmor lets no other folders than those of the machine's own scanner.
func (c *Clamd) copyProgram() {
	c.t.Helper()
	path, err := exec.LookPath("clamd")
	if err != nil {
		path = "/usr/sbin/clamd"
	}
	program, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(c.program(), program, 0o700) // #nosec G306 G703 -- a program, in a folder of our own
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Address is that of the scanner, for the server's --scanner.
func (c *Clamd) Address() string { return "unix:" + c.socket() }

// Restart starts it, when it was killed.
func (c *Clamd) Restart() {
	c.t.Helper()
	var said bytes.Buffer
	c.process = exec.Command(c.program(), "--config-file="+filepath.Join(c.dir, "clamd.conf")) // #nosec G204 -- Debian's
	c.process.Stdout, c.process.Stderr = &said, &said
	var err error
	if c.ended, err = testkit.Start(c.process); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(soon); !c.answers(); {
		select {
		case <-c.ended:
			c.t.Fatalf("the scanner has ended:\n%s", said.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			c.Kill()
			c.t.Fatalf("the scanner does not answer:\n%s", said.String())
		}
	}
}

// answers says whether it does.
func (c *Clamd) answers() bool {
	conn, err := net.DialTimeout("unix", c.socket(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(soon))
	if _, err := fmt.Fprint(conn, "zPING\x00"); err != nil {
		return false
	}
	answer := make([]byte, 5)
	n, _ := conn.Read(answer)
	return string(answer[:n]) == "PONG\x00"
}

// Kill ends it at once.
func (c *Clamd) Kill() {
	if c.process != nil {
		_ = c.process.Process.Kill()
		<-c.ended
		c.process = nil
	}
}
