// Package firstday follows docs/operating.md from nothing to a backup that was tried, as an operator does: the commands are read from the page and typed
// as they stand, in namespaces of their own, with a certificate of a real ACME server.
package firstday

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for what must come; it is never measured.
const patience = 3 * time.Minute

// root is where the source is, and where the page says that its commands are typed.
const root = "../.."

// steps are the blocks of commands of the page's part on the first day, in their order.
func steps(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(page), "\n## The first day\n")
	part, _, closed := strings.Cut(part, "\n## ")
	if !found || !closed {
		t.Fatal("docs/operating.md has no part on the first day")
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(part, -1) {
		blocks = append(blocks, block[1])
	}
	if fences := strings.Count(part, "\n```"); fences != 2*len(blocks) {
		t.Fatalf("%d lines of fences around %d blocks of commands", fences, len(blocks))
	}
	return blocks
}

// serves says whether a block ends with a server, which then has the terminal for itself.
func serves(block string) bool {
	lines := strings.Split(strings.TrimSpace(block), "\n")
	return strings.HasPrefix(lines[len(lines)-1], "housecall serve")
}

// terminal is where the page's commands are typed, one block after the other, by a reader who puts folders of their own in the place of the page's.
type terminal struct {
	t   *testing.T
	dir string // of the reader's folders
	env []string
}

// folders are those the page names.
var folders = []string{"/etc/", "/srv/", "/usr/local/bin/", "/var/backups/", "/var/lib/"}

func newTerminal(t *testing.T, env ...string) *terminal {
	t.Helper()
	r := &terminal{t: t, dir: t.TempDir()}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(r.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "HOUSECALL_") }),
		"PATH="+filepath.Join(r.dir, "/usr/local/bin")+":"+os.Getenv("PATH"))
	r.env = append(r.env, env...)
	return r
}

// own puts the reader's folders in the place of the page's.
func (r *terminal) own(text string) string {
	return regexp.MustCompile(`(^|[\s"'=])(`+strings.Join(folders, "|")+")").ReplaceAllString(text, "${1}"+r.dir+"${2}")
}

// command is a block as a shell runs it: it stops at the first failure, and knows what earlier blocks exported.
func (r *terminal) command(ctx context.Context, block string) *exec.Cmd {
	exports := filepath.Join(r.dir, "exports")
	script := "touch " + exports + "; . " + exports + "\n" + r.own(block)
	if !serves(block) {
		script += "\nexport -p > " + exports
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = root, r.env
	return cmd
}

// run types a block and returns what it said when it is over.
func (r *terminal) run(block string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	said, err := r.command(ctx, block).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v\n%s\n%s", err, block, said)
	}
	r.t.Logf("%s\n%s", block, said)
	return string(said)
}

// server is a block whose last command goes on.
type server struct {
	*exec.Cmd
	t     *testing.T
	block string
	log   string // file of what it says
	ended chan struct{}
}

// serve types a block whose last command goes on until the test ends, or until Ctrl-C.
func (r *terminal) serve(block string) *server {
	r.t.Helper()
	log, err := os.CreateTemp(r.dir, "log-")
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	s := &server{Cmd: r.command(context.Background(), block), t: r.t, block: block, log: log.Name(), ended: make(chan struct{})}
	s.Stdout, s.Stderr, s.SysProcAttr = log, log, &syscall.SysProcAttr{Setpgid: true}
	if err := s.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.Wait() // a shell tells of Ctrl-C as of a failure
	}()
	r.t.Cleanup(s.interrupt)
	return s
}

// interrupt is Ctrl-C. A second one changes nothing.
func (s *server) interrupt() {
	_ = syscall.Kill(-s.Process.Pid, syscall.SIGINT)
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = syscall.Kill(-s.Process.Pid, syscall.SIGKILL)
		s.t.Errorf("still runs after Ctrl-C:\n%s\n%s", s.block, s.said())
		<-s.ended
	}
}

func (s *server) said() string {
	said, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Error(err)
	}
	return string(said)
}

// until waits for what must come while the server runs, and tells what it said when that has ended.
func (s *server) until(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-s.ended:
			s.t.Fatalf("ended before %s:\n%s\n%s", what, s.block, s.said())
		case <-limit:
			s.t.Fatalf("never happened: %s\n%s\n%s", what, s.block, s.said())
		}
	}
}

// find waits until the server says something that fits, and returns its first group.
func (s *server) find(pattern string) string {
	s.t.Helper()
	var found []string
	s.until("it said "+pattern, func() bool {
		found = regexp.MustCompile(pattern).FindStringSubmatch(s.said())
		return found != nil
	})
	return found[1]
}
