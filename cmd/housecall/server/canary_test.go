package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"housecall/cmd/housecall/server"
	"housecall/platform/notify/mailtest"
	"housecall/platform/store/storetest"
)

// What is put in as health data: everything has this word in it, or is this day of birth or this number.
const (
	canary      = "Canary"
	canaryBirth = "2011-02-13"
	canaryPhone = "+12125550199"
)

// disguises are how a canary looks when somebody has written it down in another way.
var disguises = []*regexp.Regexp{
	regexp.MustCompile(`(?i)canary`),
	regexp.MustCompile(`(?i)` + hex.EncodeToString([]byte(canary)) + `|` + hex.EncodeToString([]byte(strings.ToLower(canary)))),
	regexp.MustCompile(inBase64(canary) + `|` + inBase64(strings.ToLower(canary))),
	regexp.MustCompile(`2011[-/.]0?2[-/.]13\b|\b13[-/. ]0?2[-/. ]2011|\b0?2/13/2011|\bFeb[a-z]* 13, 2011|\b13 Feb[a-z]* 2011`),
	regexp.MustCompile(`212\)?[-. ]?555[-. ]?0199`),
}

// inBase64 finds a text within base64, wherever in what was encoded it began.
func inBase64(text string) string {
	var all []string
	for before := range 3 {
		whole := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
		from := (before*8 + 5) / 6 // characters that hold bits of what stands before
		all = append(all, whole[from:len(whole)-1])
	}
	return strings.Join(all, "|")
}

// canaryIn finds a canary, or one of some secrets, in a text, and returns it with what stands around it; "": there is none.
func canaryIn(text string, secrets ...string) string {
	at := -1
	for _, d := range disguises {
		if found := d.FindStringIndex(text); found != nil {
			at = found[0]
			break
		}
	}
	for _, secret := range secrets {
		at = max(at, strings.Index(text, secret))
	}
	if at < 0 {
		return ""
	}
	return strings.ToValidUTF8(text[max(at-80, 0):min(at+80, len(text))], "?")
}

// TestCanariesAreFound: what looks for canaries finds them in every disguise, and nothing else.
func TestCanariesAreFound(t *testing.T) {
	for _, text := range []string{"a Canary here", `{"name":"CANARY"}`, "%20canary%20", hex.EncodeToString([]byte("so Canary")), "born 2011-02-13", "on 13.02.2011", "13 February 2011", "Feb 13, 2011",
		"tel +12125550199", "(212) 555-0199", "the secret", base64.StdEncoding.EncodeToString([]byte("Canary")), base64.StdEncoding.EncodeToString([]byte("a canary there")),
		base64.URLEncoding.EncodeToString([]byte("xx Canary"))} {
		if canaryIn(text, "the secret") == "" {
			t.Errorf("not found in %q", text)
		}
	}
	for _, text := range []string{"", "2011-02-14", "a can of worms", "+12125550198", "2011:02:13"} {
		if found := canaryIn(text, "the secret"); found != "" {
			t.Errorf("found in %q: %q", text, found)
		}
	}
}

// sink keeps what a server has written somewhere.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// watchedRedis starts a real Redis that ends with the test, and writes down each command that it is sent, those of scripts included.
func watchedRedis(t *testing.T) (url string, said *sink) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	redis := exec.CommandContext(t.Context(), "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := redis.Start(); err != nil {
		t.Fatalf("this test needs redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = redis.Process.Kill()
		_ = redis.Wait() // killed
	})
	var connection net.Conn
	for connection == nil {
		if connection, err = net.Dial("tcp", address); err != nil && t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	if _, err := connection.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	said = &sink{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = bytes.NewBuffer(nil).ReadFrom(teeReader{connection, said})
	}()
	t.Cleanup(func() {
		connection.Close()
		<-ended
	})
	return "redis://" + address, said
}

// teeReader writes down what it reads.
type teeReader struct {
	from net.Conn
	to   *sink
}

func (r teeReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	_, _ = r.to.Write(b[:n])
	return n, err
}

// outside is everything that a server writes to, beside its database.
type outside struct {
	logs, redis, hooks *sink
	mail               *mailtest.Server
	hook               string // the address that webhooks go to
	data               string // the server's folder
}

// watched starts a server of which everything is seen that it writes.
func watched(t *testing.T) (*server.Server, *outside) {
	t.Helper()
	o := &outside{logs: &sink{}, hooks: &sink{}, mail: mailtest.Start(t, mailtest.Options{Recipient: func(address string) error {
		if strings.Contains(address, "father") { // whose letters wait, with his address
			return &smtp.SMTPError{Code: 450, Message: "later"}
		}
		return nil
	}})}
	var redis string
	redis, o.redis = watchedRedis(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "" // the endpoint's own
		_ = r.Write(o.hooks)
	}))
	t.Cleanup(receiver.Close)
	o.hook = receiver.URL + "/hooks"
	consent := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(consent, "1"), 0o700), os.WriteFile(filepath.Join(consent, "1", "en.md"), []byte("Sample text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o.data = filepath.Join(t.TempDir(), "data")
	s := open(t, server.Config{AdminListen: "127.0.0.1:0", Scanner: "none", Redis: redis, SMTP: o.mail.URL(), MailFrom: "visits@example.org", WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Database: storetest.File(t), Blobs: filepath.Join(o.data, "blobs"), AuditFile: filepath.Join(o.data, "audit"), Consent: consent,
		Logger: slog.New(slog.NewJSONHandler(o.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	return s, o
}

// plain are the columns that hold what is typed as it is, since people look for it and pages list it, or since it is of no patient; each must have held a canary in the end. No other column may.
var plain = []string{
	"patients.name", "patients.birth_date", "patients.number", "patients.number_key", "patients.folded",
	"patient_contacts.name", "patient_contacts.relation", "patient_contacts.email", "patient_contacts.phone",
	"visits.service", "visits.birth_date", "visits.identifier_value", "invitations.name", "invitations.email", "invitations.phone",
	"sites.name", "sites.phone", "site_services.name", "site_holidays.name", "staff_accounts.name", "staff_accounts.email", "staff_keys.name", "notify_endpoints.about", "consent_texts.text",
}

// sealed are the columns said to be sealed: in each must be something in the end.
var sealed = []string{
	"after_notes.text", "after_addenda.text", "after_summaries.text", "after_surveys.comment", "visit_chat.text", "notify_messages.recipient",
	"notify_endpoints.url", "notify_endpoints.secret", "emergency_grants.reason", "emergency_grants.words", "api_idempotency.answer", "staff_totp.secret", "uploads.name",
}

// TestCanaries puts health data into every page and call of the server, and then finds it in nothing that others can read: logs, metrics, addresses, Redis, jobs, webhooks,
// files, what is told of errors, and columns where it should not stand as it is.
func TestCanaries(t *testing.T) {
	s, o := watched(t)
	p := newProbe(t, s, o)
	p.script()
	p.searchTables() // before the crawl, which removes some of it
	p.wreck()
	p.crawl()
	p.everyRoute()
	p.settle()

	for what, text := range map[string]string{"the log": o.logs.String(), "Redis": o.redis.String(), "webhooks": o.hooks.String(), "metrics": p.metrics()} {
		if len(text) < 1000 {
			t.Errorf("%s: only %d bytes were written, which proves nothing", what, len(text))
		}
		for line := range strings.Lines(text) {
			if found := canaryIn(line, p.secrets...); found != "" {
				t.Errorf("%s: …%s…", what, found)
			}
		}
	}
	p.searchTables()
	p.searchFiles()
	for _, name := range plain {
		if !p.held[name] {
			t.Errorf("%s held no canary: none was put in, or the column need not be among those that may", name)
		}
	}
	for _, name := range sealed {
		if !p.filled[name] {
			t.Errorf("%s is empty: nothing was put in", name)
		}
	}
}

// searchTables looks into every column of every table.
func (p *probe) searchTables() {
	db := p.s.Accounts.DB
	for _, table := range p.column(`SELECT name FROM sqlite_master WHERE type = 'table'`) {
		for _, column := range p.column(`SELECT name FROM pragma_table_info(?)`, table) {
			name := table + "." + column
			rows, err := db.QueryContext(p.t.Context(), fmt.Sprintf(`SELECT CAST(%q AS TEXT) FROM %q WHERE %q IS NOT NULL`, column, table, column))
			if err != nil {
				p.t.Fatal(err)
			}
			for rows.Next() {
				var value string
				if err := rows.Scan(&value); err != nil {
					p.t.Fatal(err)
				}
				p.filled[name] = p.filled[name] || value != ""
				found := canaryIn(value)
				p.held[name] = p.held[name] || found != ""
				if found != "" && !slices.Contains(plain, name) {
					p.t.Errorf("%s holds …%s…", name, found)
				}
				if slices.ContainsFunc(p.secrets, func(secret string) bool { return strings.Contains(value, secret) }) {
					p.t.Errorf("%s holds a secret as it is", name)
				}
			}
			if err := rows.Close(); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// column reads the first column of a query.
func (p *probe) column(query string, args ...any) (all []string) {
	p.t.Helper()
	rows, err := p.s.Accounts.DB.QueryContext(p.t.Context(), query, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// searchFiles looks into every file the server has made beside its database.
func (p *probe) searchFiles() {
	err := filepath.WalkDir(p.o.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if found := canaryIn(path+"\n"+string(b), p.secrets...); found != "" {
			p.t.Errorf("file %s: …%s…", d.Name(), found)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
}

// settle waits until nothing is due: letters and webhooks are out.
func (p *probe) settle() {
	for due := 1; due > 0; time.Sleep(20 * time.Millisecond) {
		now := time.Now().UnixMilli()
		err := p.s.Accounts.DB.QueryRowContext(p.t.Context(), `SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND next_at <= ?`, now).Scan(&due)
		if err != nil {
			p.t.Fatal(err)
		}
	}
	if len(p.o.mail.Letters()) == 0 {
		p.t.Error("no letter was sent")
	}
}
