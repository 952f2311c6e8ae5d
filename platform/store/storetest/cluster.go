package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"housecall/platform/testkit"

	"github.com/jackc/pgx/v5"
)

// soon bounds every wait for a condition: far more than any of them needs, since machines may be busy.
const soon = time.Minute

// Cluster is a PostgreSQL server of our own. It ends with the process that started it, however that ends.
type Cluster struct {
	dir      string   // of everything it has; its socket too
	lock     *os.File // held as long as the process lives, so that a later one knows what to clear away
	bin      string
	settings []string
	owner    *syscall.Credential // nil: the user of this process
	process  *exec.Cmd
	ended    <-chan struct{} // closed when process has ended
	made     atomic.Int64    // databases
	template template        // that databases of tests are copies of
}

// NewCluster starts a server that is one test's alone, with these settings, as in "fsync=off". Its end ends the server.
func NewCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// start makes a server and waits until it answers.
func start(settings ...string) (_ *Cluster, err error) {
	c := &Cluster{settings: settings}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("storetest: %w", err)
	}
	// Words are sorted as no program would: a query that relies on the order of bytes must not pass.
	initdb := c.command("initdb", "--pgdata", c.data(), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
		"--locale-provider=icu", "--icu-locale=en-US", "--no-sync")
	var said bytes.Buffer
	initdb.Stdout, initdb.Stderr = &said, &said
	ended, err := testkit.Start(initdb)
	if err != nil {
		return nil, fmt.Errorf("storetest: %w", err)
	}
	if <-ended; !initdb.ProcessState.Success() {
		return nil, fmt.Errorf("storetest: initdb: %v\n%s", initdb.ProcessState, said.Bytes())
	}
	return c, c.Start()
}

// binaries finds where PostgreSQL's programs are; Debian keeps them out of the way.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("this test needs PostgreSQL's server: apt-get install postgresql")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// version is the number in a path of Debian's.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // what is no number comes last
	return n
}

const dirPrefix = "housecall-postgres-"

// prepare makes the folder, for the user that the server runs as: it refuses to run as root.
func (c *Cluster) prepare() (err error) {
	clearAway()
	if c.dir, err = os.MkdirTemp("", dirPrefix); err != nil {
		return err
	}
	if c.lock, err = os.Create(filepath.Join(c.dir, "lock")); err != nil {
		return err
	}
	if err := syscall.Flock(int(c.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return errors.New("PostgreSQL does not run as root, and there is no user postgres: apt-get install postgresql")
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(c.dir, uid, gid)
}

// clearAway removes what processes that were killed have left.
func clearAway() {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*", "lock"))
	if err != nil {
		return
	}
	for _, path := range locks {
		st, err := os.Stat(path)
		if err != nil || time.Since(st.ModTime()) < time.Minute { // perhaps it is just being made
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = f.Close()
	}
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// command is one of PostgreSQL's programs, which ends at once when this process does.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...) // #nosec G204 -- only tests start it
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	return cmd
}

// Start starts the server, after Kill once more, and waits until it answers.
func (c *Cluster) Start() error {
	args := []string{"-D", c.data(), "-k", c.dir}
	for _, s := range append([]string{"listen_addresses=", "autovacuum=off", "max_connections=200", "shared_buffers=32MB", "max_wal_size=256MB", "log_min_messages=panic"},
		c.settings...) {
		args = append(args, "-c", s)
	}
	c.process = c.command("postgres", args...)
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return fmt.Errorf("storetest: %w", err)
	}
	defer log.Close()
	c.process.Stdout, c.process.Stderr = log, log
	if c.ended, err = testkit.Start(c.process); err != nil {
		return fmt.Errorf("storetest: %w", err)
	}
	for deadline := time.Now().Add(soon); ; {
		err := c.exec("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			deadline = time.Now()
		case <-time.After(5 * time.Millisecond):
		}
		if !time.Now().Before(deadline) {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("storetest: PostgreSQL does not start: %w\n%s", err, said)
		}
	}
}

// exec runs one statement as the superuser.
func (c *Cluster) exec(database, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.address(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (c *Cluster) address(database string) string {
	query := url.Values{"host": {c.dir}}
	for _, s := range c.settings {
		if port, found := strings.CutPrefix(s, "port="); found { // it is part of the socket's name
			query.Set("port", port)
		}
	}
	return "postgres://postgres@/" + database + "?" + query.Encode()
}

// Exec runs one statement in the database at url as the superuser.
func (c *Cluster) Exec(t testing.TB, url, statement string) {
	t.Helper()
	if err := c.exec(databaseOf(t, url), statement); err != nil {
		t.Fatal(err)
	}
}

// URL gives the address of a new, empty database, which lasts as long as the test.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return c.make(t, "test_"+strconv.FormatInt(c.made.Add(1), 10), "")
}

// make makes a database, which lasts as long as the test.
func (c *Cluster) make(t testing.TB, name, how string) string {
	t.Helper()
	if err := c.exec("postgres", "CREATE DATABASE "+name+how); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-c.ended:
		default:
			if err := c.exec("postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		}
	})
	return c.address(name)
}

// Secure gives the server a certificate, and has it take nobody by TCP who does not use it and give a password.
func (c *Cluster) Secure(t testing.TB, crt, key []byte) {
	t.Helper()
	for name, content := range map[string][]byte{"server.crt": crt, "server.key": key,
		"pg_hba.conf": []byte("local all postgres trust\nhostssl all all all scram-sha-256\n")} {
		path := filepath.Join(c.data(), name)
		err := os.WriteFile(path, content, 0o600)
		if err == nil && c.owner != nil {
			err = os.Chown(path, int(c.owner.Uid), int(c.owner.Gid))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if err := c.exec("postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
}

func databaseOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// files are those of the database at url. What the server keeps to redo is of all its databases together, and not among them.
func (c *Cluster) files(t testing.TB, url string) []string {
	t.Helper()
	c.Exec(t, url, "CHECKPOINT")
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var id uint32
	if err := conn.QueryRow(ctx, "SELECT oid FROM pg_database WHERE datname = current_database()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(c.data(), "base", strconv.FormatUint(uint64(id), 10), "*"))
	if err != nil || len(all) == 0 {
		t.Fatalf("the database has no files: %v", err)
	}
	return all
}

// Freeze stops every process of the server, as a machine that hangs would.
func (c *Cluster) Freeze(t testing.TB) {
	t.Helper()
	c.signal(syscall.SIGSTOP)
	t.Cleanup(c.Thaw) // a server that is stopped can't be ended
}

// Thaw lets a server that was frozen go on.
func (c *Cluster) Thaw() { c.signal(syscall.SIGCONT) }

// Kill ends every process of the server at once, without a word to anybody.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	children := c.signal(syscall.SIGKILL)
	<-c.ended
	deadline := time.Now().Add(soon)
	for slices.ContainsFunc(children, alive) { // a server does not start beside processes of the one before
		if time.Now().After(deadline) {
			t.Fatal("processes of PostgreSQL outlive kill -9")
		}
		time.Sleep(time.Millisecond)
	}
}

// signal sends a signal to the server first, so that it starts no more processes, and then to those it has. They are no group: each leads its
// own.
func (c *Cluster) signal(s syscall.Signal) (children []int) {
	pid := c.process.Process.Pid
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	list := func() []int {
		var all []int
		for _, path := range threads {
			b, _ := os.ReadFile(path) // it may have ended meanwhile
			for _, field := range strings.Fields(string(b)) {
				if child, err := strconv.Atoi(field); err == nil {
					all = append(all, child)
				}
			}
		}
		return all
	}
	children = list()
	_ = syscall.Kill(pid, s) // it may have ended meanwhile
	if now := list(); len(now) > 0 {
		children = now
	}
	for _, child := range children {
		_ = syscall.Kill(child, s)
	}
	return children
}

// alive says whether a process runs; one that has ended and was not yet buried doesn't.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// close ends the server and removes what it had.
func (c *Cluster) close() {
	if c.process != nil && c.process.Process != nil {
		_ = c.process.Process.Signal(syscall.SIGQUIT) // at once: nobody reads it again
		<-c.ended
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
	if c.lock != nil {
		_ = c.lock.Close()
	}
}
