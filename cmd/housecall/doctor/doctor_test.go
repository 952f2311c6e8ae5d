package doctor_test

import (
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housecall/cmd/housecall/doctor"
	"housecall/cmd/housecall/server"
	"housecall/platform/bucket/buckettest"
	"housecall/platform/keys"
	"housecall/platform/notify/mailtest"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/uploads/clamtest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Both(m).Run()) }

// examined are the findings about one thing.
func examined(t *testing.T, c server.Config, thing string) doctor.Finding {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	for _, f := range doctor.Examine(t.Context(), c) {
		if f.Thing == thing {
			return f
		}
	}
	t.Fatalf("nothing was found about %s", thing)
	return doctor.Finding{}
}

func expect(t *testing.T, f doctor.Finding, want doctor.State, words string) {
	t.Helper()
	if f.State != want || !strings.Contains(f.Found+" → "+f.Remedy, words) || (f.Remedy == "") != (f.State == doctor.Good) {
		t.Errorf("%s: %s %s → %s; want %s with %q", f.Thing, f.State, f.Found, f.Remedy, want, words)
	}
}

// A server that runs is found well, and what is wrong is told of without a password.
func TestDatabase(t *testing.T) {
	url := storetest.URL(t)
	c := server.Config{Data: t.TempDir(), Database: url, Listen: "127.0.0.1:0"}
	s, err := server.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "database"), doctor.Good, "answers")
	expect(t, examined(t, c, "master key"), doctor.Good, "owner")
	c.PublicURL = s.URL()
	expect(t, examined(t, c, "public"), doctor.Good, "answers")
	expect(t, examined(t, c, "relay"), doctor.Good, "answers")
	c.Listen = strings.TrimPrefix(s.URL(), "http://")
	c.Listen = strings.Replace(c.Listen, "localhost", "127.0.0.1", 1)
	expect(t, examined(t, c, "pages"), doctor.Weak, "in use")
	expect(t, examined(t, c, "media"), doctor.Weak, "in use")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "public"), doctor.Bad, "nobody listens")
	expect(t, examined(t, c, "relay"), doctor.Weak, "start the server")
	c.KeyFile = filepath.Join(t.TempDir(), "other.key") // as on a second node to which nobody has copied it
	expect(t, examined(t, c, "master key"), doctor.Bad, "from another node")
	if err := os.WriteFile(c.KeyFile, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "master key"), doctor.Bad, "does not fit")
	c.Database = "postgres://user:swordfish@127.0.0.1:1/none"
	f := examined(t, c, "database")
	expect(t, f, doctor.Bad, "refused")
	if strings.Contains(f.Found, "swordfish") {
		t.Errorf("a password is shown: %s", f.Found)
	}
}

func TestFiles(t *testing.T) {
	c := server.Config{Data: filepath.Join(t.TempDir(), "data")}
	expect(t, examined(t, c, "database"), doctor.Good, "first start")
	if _, err := os.Stat(c.Data); err == nil {
		t.Error("the doctor made the data folder")
	}
	path := filepath.Join(c.Data, "housecall.db")
	db, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(c.Data, "master.key")
	expect(t, examined(t, c, "master key"), doctor.Good, "first start")
	if _, err := keys.Open(t.Context(), db, key); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "database"), doctor.Good, "answers")
	expect(t, examined(t, c, "master key"), doctor.Good, "owner")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "master key"), doctor.Bad, "put the key of this database there")
	if err := os.WriteFile(key, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "master key"), doctor.Bad, "chmod 600")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "database"), doctor.Bad, "restore a backup")
}

func TestPublicAddress(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	for url, want := range map[string]struct {
		thing string
		state doctor.State
		words string
	}{
		"":                          {"public", doctor.Weak, "not set"},
		"http://visits.example.org": {"public", doctor.Bad, "begin with https"},
		"https://visits.invalid":    {"public", doctor.Bad, "no address"},
		strings.Replace(other.URL, "127.0.0.1", "localhost", 1): {"public", doctor.Bad, "somebody else"},
		tls.URL: {"certificate", doctor.Bad, "browsers refuse"},
	} {
		expect(t, examined(t, server.Config{Data: t.TempDir(), PublicURL: url}, want.thing), want.state, want.words)
	}
	certified := server.Config{Data: t.TempDir(), TLS: server.TLS{Domains: []string{"visits.invalid"}}}
	expect(t, examined(t, certified, "public"), doctor.Bad, "visits.invalid has no address")
}

// What keeps a server from starting is told beforehand.
func TestOptions(t *testing.T) {
	dir := t.TempDir()
	c := server.Config{Data: dir, TLS: server.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	expect(t, examined(t, c, "certificate"), doctor.Bad, "private key")
	c = server.Config{Data: dir, Consent: filepath.Join(dir, "none")}
	expect(t, examined(t, c, "consent"), doctor.Bad, "mend the texts")
	c = server.Config{Data: dir, NodeListen: ":7443"}
	expect(t, examined(t, c, "options"), doctor.Bad, "--redis")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c = server.Config{Data: dir, Redis: "redis://127.0.0.1:1", NodeListen: ":7443"}
	expect(t, examined(t, c, "options"), doctor.Bad, "the same PostgreSQL")
	c = server.Config{Data: dir, NodeListen: taken.Addr().String(), AdminListen: taken.Addr().String()}
	expect(t, examined(t, c, "nodes"), doctor.Weak, "in use")
	expect(t, examined(t, c, "metrics"), doctor.Weak, "in use")
}

// A node behind a proxy that has the certificate is no relay for browsers, which ask for it inside of TLS.
func TestRelayWithoutCertificate(t *testing.T) {
	s, err := server.New(t.Context(), server.Config{Data: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := server.Config{Data: t.TempDir(), PublicURL: "https://visits.invalid", RelayAddress: strings.TrimPrefix(s.URL(), "http://")}
	expect(t, examined(t, c, "relay"), doctor.Weak, "--tls-cert")
}

func TestRedisAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expect(t, examined(t, server.Config{Data: t.TempDir(), Redis: "redis://" + l.Addr().String()}, "redis"), doctor.Bad, "start Redis")
	expect(t, examined(t, server.Config{Data: t.TempDir()}, "redis"), doctor.Good, "alone")
}

func TestMail(t *testing.T) {
	letters := mailtest.Start(t, mailtest.Options{User: "housecall", Password: "right"})
	c := server.Config{Data: t.TempDir(), SMTP: letters.URL(), MailFrom: "Example Hospital <visits@example.org>"}
	expect(t, examined(t, c, "mail"), doctor.Good, "TLS 1.3, signed in")
	c.SMTP = strings.Replace(c.SMTP, "right", "wrong", 1)
	f := examined(t, c, "mail")
	expect(t, f, doctor.Bad, "535 5.7.8 → let this machine reach localhost")
	if strings.Contains(f.Found+f.Remedy, "wrong") {
		t.Errorf("a password is shown: %+v", f)
	}
	c.MailFrom = ""
	expect(t, examined(t, c, "mail"), doctor.Bad, "need each other")
	c.SMTP = ""
	expect(t, examined(t, c, "mail"), doctor.Good, "not used")
	if len(letters.Letters()) != 0 {
		t.Error("the doctor sent mail")
	}
}

func TestSMS(t *testing.T) {
	asked := false
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	c := server.Config{Data: t.TempDir(), SMS: filepath.Join(t.TempDir(), "sms.json")}
	expect(t, examined(t, c, "sms"), doctor.Bad, "mend the file")
	if err := os.WriteFile(c.SMS, []byte(`{"url": "`+gateway.URL+`?to={{query .To}}"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "sms"), doctor.Good, "answers")
	gateway.Close()
	expect(t, examined(t, c, "sms"), doctor.Bad, "let this machine reach the gateway")
	c.SMS = ""
	expect(t, examined(t, c, "sms"), doctor.Good, "not used")
	if asked {
		t.Error("the doctor sent something")
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	if doctor.Print(&out, []doctor.Finding{{Thing: "a", State: doctor.Weak, Found: "x", Remedy: "do y"}}) || !strings.Contains(out.String(), "→ do y") {
		t.Errorf("printed %q", out.String())
	}
	if !doctor.Print(&out, []doctor.Finding{{Thing: "a", State: doctor.Bad}}) {
		t.Error("bad is not told")
	}
}

// TestBlobs: what is looked at is left as it was.
func TestBlobs(t *testing.T) {
	c := server.Config{Data: filepath.Join(t.TempDir(), "data")}
	expect(t, examined(t, c, "blobs"), doctor.Good, "made when it is needed")
	c.Blobs = t.TempDir()
	expect(t, examined(t, c, "blobs"), doctor.Good, "written, read and deleted")
	if left, err := os.ReadDir(c.Blobs); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
	c.Blobs = filepath.Join(c.Blobs, "file")
	if err := os.WriteFile(c.Blobs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, c, "blobs"), doctor.Bad, "let this machine")
	c.Blobs = "gs://bucket"
	expect(t, examined(t, c, "blobs"), doctor.Bad, "mend --blobs")
	s3 := buckettest.NewS3(t)
	c.Blobs = s3.Address("blobs")
	expect(t, examined(t, c, "blobs"), doctor.Good, "s3://test/blobs can be written, read and deleted")
	if err := filepath.WalkDir(s3.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			t.Errorf("left is %s", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	expect(t, examined(t, c, "blobs"), doctor.Bad, "signature")
	s3.Kill()
	expect(t, examined(t, c, "blobs"), doctor.Bad, "refused")
}

// TestScanner: one that lets the test file through is no scanner, and who has none is told what that means.
func TestScanner(t *testing.T) {
	c := server.Config{Data: t.TempDir()}
	expect(t, examined(t, c, "scanner"), doctor.Good, "not used")
	c.Scanner = "none"
	expect(t, examined(t, c, "scanner"), doctor.Weak, "nobody looks")
	c.Scanner = "clamd"
	expect(t, examined(t, c, "scanner"), doctor.Bad, "mend --scanner")
	clamd := clamtest.Start(t, clamtest.Options{})
	c.Scanner = clamd.Address()
	expect(t, examined(t, c, "scanner"), doctor.Weak, "knows the test file")
	clamd.Kill()
	expect(t, examined(t, c, "scanner"), doctor.Bad, "start clamd")

	for says, want := range map[string]struct {
		state doctor.State
		words string
	}{
		"ClamAV 1.4.6/27820/" + time.Now().UTC().Format(time.ANSIC): {doctor.Good, "its signatures are of"},
		"ClamAV 1.4.6/20000/Sat Nov 28 08:26:54 2020":               {doctor.Weak, "signatures of 2020-11-28"},
	} {
		c.Scanner = "tcp://" + fakeScanner(t, says, "stream: Eicar-Test-Signature FOUND")
		expect(t, examined(t, c, "scanner"), want.state, want.words)
	}
	c.Scanner = "tcp://" + fakeScanner(t, "ClamAV 1.4.6", "stream: OK")
	expect(t, examined(t, c, "scanner"), doctor.Bad, "lets the test file")
}

// fakeScanner says so of its version and of the test file, which no clamd of a test can be brought to say.
func fakeScanner(t *testing.T, version, ofTestFile string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked := make([]byte, 1<<10)
			n, _ := conn.Read(asked)
			for got := string(asked[:n]); strings.HasPrefix(got, "zINSTREAM") && !strings.HasSuffix(got, "\x00\x00\x00\x00"); got = string(asked[:n]) {
				more, err := conn.Read(asked[n:])
				if n += more; err != nil {
					break
				}
			}
			switch got := string(asked[:n]); {
			case strings.HasPrefix(got, "zVERSION"):
				_, _ = io.WriteString(conn, version+"\x00")
			case strings.Contains(got, "Sample"):
				_, _ = io.WriteString(conn, "stream: OK\x00")
			default:
				_, _ = io.WriteString(conn, ofTestFile+"\x00")
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}
