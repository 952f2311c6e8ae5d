package reminders_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
	"housecall/visits/desk"
	"housecall/visits/reminders"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()},
		storetest.Tables{Name: "jobs", Files: jobs.Migrations()},
		storetest.Tables{Name: "notify", Files: notify.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "visits_reminders", Files: reminders.Migrations()}))
}

// Fake people, whose names may stand in no message.
const (
	childName    = "Canary Childname"
	guardianName = "Canary Guardianname"
	serviceName  = "Canary Servicename"
	guardianMail = "guardian@example.org"
	childMail    = "child@example.org"
	guardianCell = "+12025550143"
	doctorMail   = "doctor@example.org"
)

// noon is in New York, three weeks before the visits.
var noon = time.Date(2026, 10, 13, 16, 0, 0, 0, time.UTC)

// house is a hospital with a mail server and an SMS gateway, and a clock that is turned by hand.
type house struct {
	*visits.Service
	t         *testing.T
	db        *store.DB
	queue     *jobs.Queue
	outbox    *notify.Outbox
	reminders *reminders.Service
	sites     *sites.House
	people    *people.Service
	mail      *mailtest.Server
	policy    auth.Policy
	logs      *bytes.Buffer
	scheduler auth.Actor
	asked     asked
	onNow     func() // called whenever the time is read; nil: nothing is

	away    atomic.Bool // the mail server takes nothing
	refused atomic.Bool // and says that it never will
	book    *words.Book
	mu      sync.Mutex
	clock   time.Time
	sms     map[string][]string // by number, in order
}

// asked counts what reminders ask of visits.
type asked struct {
	*visits.Service
	n         int
	meanwhile func() // called once, when a series was read; nil: nothing is
}

func (a *asked) Visit(ctx context.Context, id string) (visits.Visit, error) {
	a.n++
	return a.Service.Visit(ctx, id)
}

func (a *asked) VisitsOf(ctx context.Context, q store.Queryer, ids []string) (map[string]visits.Visit, error) {
	a.n++
	return a.Service.VisitsOf(ctx, q, ids)
}

func (a *asked) ListOf(ctx context.Context, actor auth.Actor, ids []string) (map[string]visits.Visit, error) {
	a.n++
	return a.Service.ListOf(ctx, actor, ids)
}

func (a *asked) InSeries(ctx context.Context, series string) ([]visits.Visit, error) {
	all, err := a.Service.InSeries(ctx, series)
	if meanwhile := a.meanwhile; meanwhile != nil {
		a.meanwhile = nil
		meanwhile()
	}
	return all, err
}

func (a *asked) SiteOf(ctx context.Context, v visits.Visit) (sites.Site, error) {
	a.n++
	return a.Service.SiteOf(ctx, v)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return houseAt(t, storetest.URL(t))
}

// plainHouse is one on SQLite, for tests whose SQL others have on both engines.
func plainHouse(t *testing.T) *house {
	t.Helper()
	return houseAt(t, filepath.Join(t.TempDir(), "housecall.db"))
}

func houseAt(t *testing.T, database string) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, database, store.Options{}), clock: noon, sms: map[string][]string{},
		logs: &bytes.Buffer{}, scheduler: auth.Actor{Kind: auth.KindStaff, ID: store.NewID(), Role: auth.Scheduler}}
	h.mail = mailtest.Start(t, mailtest.Options{Recipient: func(string) error {
		if h.refused.Load() {
			return &smtp.SMTPError{Code: 550, Message: "never"}
		}
		if h.away.Load() {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}})
	logger := slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug})) // jobs run one after another
	ring, err := keys.Open(t.Context(), h.db, filepath.Join(t.TempDir(), "master.key"))
	h.must(err)
	h.policy, err = auth.NewPolicy(sites.Rules, people.Rules, reminders.Rules)
	h.must(err)
	zone, err := time.LoadLocation("America/New_York")
	h.must(err)
	h.book, err = words.Load(static.Locales(), web.Locales(), staff.Locales(), visits.Locales(), desk.Locales(), reminders.Locales())
	h.must(err)
	h.sites, err = sites.New(t.Context(), sites.Config{DB: h.db, Policy: h.policy, Languages: h.book.Tags(), Now: h.now,
		First: sites.Site{Name: "Example Children's Hospital", Phone: "+1 617 555 0100", Country: "US", Calendar: sites.Calendar{Zone: zone}}})
	h.must(err)
	h.people, err = people.New(t.Context(), people.Config{DB: h.db, Policy: h.policy, Sites: h.sites, Languages: h.book.Tags(), Now: h.now,
		Changed: []func(context.Context, *store.Tx, auth.Actor, people.Patient, people.Patient) error{h.follow}})
	h.must(err)
	from, err := notify.NewMail(h.mail.URL(), "Example Children's Hospital <visits@hospital.example>")
	h.must(err)
	h.queue, err = jobs.New(t.Context(), jobs.Config{DB: h.db, Now: h.now, Logger: logger})
	h.must(err)
	h.outbox, err = notify.New(t.Context(), notify.Config{DB: h.db, Jobs: h.queue, Vault: ring.Mail(), Mail: from, SMS: h.gateway(), Now: h.now, Logger: logger})
	h.must(err)
	h.Service, err = visits.New(t.Context(), visits.Config{Sends: visits.Ways{Email: true, SMS: true}, DB: h.db, LinkKey: ring.Link(), Chat: ring.Chat(), PublicURL: "https://visits.example", Languages: h.book.Tags(), Words: h.book,
		MailFrom: "visits@hospital.example", TimeZone: zone, Sites: h.sites, Patients: h.people, Limiter: h, Now: h.now, Logger: logger,
		Changed: changes{reminders.Changed(h.queue, h.outbox)}})
	h.must(err)
	h.asked.Service = h.Service
	h.reminders = reminders.New(reminders.Config{DB: h.db, Jobs: h.queue, Outbox: h.outbox, Visits: &h.asked, Policy: h.policy, Words: h.book, Now: h.now})
	t.Cleanup(func() {
		if strings.Contains(h.logs.String(), "Canary") || strings.Contains(h.logs.String(), "@example.org") {
			t.Errorf("health data in the log: %s", h.logs)
		}
	})
	return h
}

// follow tells visits, which are opened after patients, of a patient that was changed.
func (h *house) follow(ctx context.Context, tx *store.Tx, actor auth.Actor, old, now people.Patient) error {
	return h.FollowPatient(ctx, tx, actor, old, now)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) now() time.Time {
	if h.onNow != nil {
		h.onNow()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// gateway keeps what it is given.
func (h *house) gateway() *notify.Gateway {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ To, Text string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			h.t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.sms[m.To] = append(h.sms[m.To], m.Text)
	}))
	h.t.Cleanup(server.Close)
	file := filepath.Join(h.t.TempDir(), "sms.json")
	h.must(os.WriteFile(file, []byte(`{"url": "`+server.URL+`", "headers": {"Content-Type": "application/json"}, "body": "{\"to\": {{json .To}}, \"text\": {{json .Text}}}"}`), 0o600))
	g, err := notify.ReadGateway(file)
	h.must(err)
	return g
}

// due does all that is due.
func (h *house) due() { h.queue.RunDue(h.t.Context()) }

// until turns the clock to a time, stopping whenever something is due before.
func (h *house) until(t time.Time) {
	h.t.Helper()
	for h.now().Before(t) {
		next := t
		var at int64
		h.must(h.db.QueryRowContext(h.t.Context(), `SELECT COALESCE(MIN(next_at), 0) FROM jobs WHERE state = 'waiting'`).Scan(&at))
		if at > 0 && store.Time(at).Before(t) {
			next = store.Time(at)
		}
		h.mu.Lock()
		h.clock = next
		h.mu.Unlock()
		h.due()
	}
}

// patient makes a patient with a guardian and a contact of their own.
func (h *house) patient(confidential bool) people.Patient {
	h.t.Helper()
	p, err := h.people.Create(h.t.Context(), h.scheduler, people.Patient{Name: childName, BirthDate: "2012-05-31", Language: "en", Contacts: []people.Contact{
		{Kind: people.Guardian, Name: guardianName, Email: guardianMail, Phone: guardianCell, Language: "es"},
		{Kind: people.Self, Email: childMail, Confidential: confidential},
	}})
	h.must(err)
	return p
}

// starts is when visits start: 15:00 in New York, three days after the clocks went back there.
var starts = time.Date(2026, 11, 4, 20, 0, 0, 0, time.UTC)

// request is of a visit of a patient, whose contacts are given by their places, with what change makes of it; nil: nothing.
func request(p people.Patient, change func(*visits.Request)) visits.Request {
	r := visits.Request{Service: serviceName, StartsAt: starts, Minutes: 30, AskBirthDate: true, PatientID: p.ID, People: []visits.Person{
		{Role: auth.Patient, ContactID: p.Contacts[1].ID},
		{Role: auth.Guardian, ContactID: p.Contacts[0].ID},
		{Role: auth.Clinician, Name: "Canary Doctorname", Email: doctorMail},
	}}
	if change != nil {
		change(&r)
	}
	return r
}

// visit makes a visit of a patient, and has people told.
func (h *house) visit(p people.Patient, change func(*visits.Request)) visits.Visit {
	h.t.Helper()
	v, _, err := h.Create(h.t.Context(), h.scheduler, request(p, change))
	h.must(err)
	h.due()
	return v
}

// letter is an e-mail as its reader sees it.
type letter struct {
	subject, text string
	file          []byte // for a calendar; nil: none
	method        string
}

// Allow fills web.Limiter: nobody comes too often.
func (h *house) Allow(context.Context, string, int, time.Duration) (bool, time.Duration, error) {
	return true, 0, nil
}

// mailbox reads what was sent to an address.
func (h *house) mailbox(address string) (all []letter) {
	h.t.Helper()
	for _, l := range h.mail.Mailbox(address) {
		m, err := mail.ReadMessage(bytes.NewReader(l.Raw))
		h.must(err)
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		h.must(err)
		out := letter{subject: subject}
		h.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, &out)
		all = append(all, out)
	}
	return all
}

func (h *house) read(kind, encoding string, body io.Reader, out *letter) {
	h.t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	h.must(err)
	if strings.HasPrefix(media, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			h.must(err)
			h.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, out)
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	h.must(err)
	switch {
	case media == "text/plain":
		out.text = string(text)
	case media == "text/calendar" && out.file == nil:
		out.file, out.method = text, params["method"]
	}
}

// held is an event as a calendar holds it.
type held struct {
	UID, Status, URL string
	Sequence         int
	Starts           string
}

// calendar gives files to a calendar that nobody here wrote (ical.js), in the order in which they came, and tells what is in it then.
func (h *house) calendar(letters []letter) []held {
	h.t.Helper()
	library, err := filepath.Abs("../../static/node_modules/ical.js/dist/ical.js")
	h.must(err)
	var files []string
	for _, l := range letters {
		if l.file != nil {
			files = append(files, string(l.file))
		}
	}
	in, err := json.Marshal(files)
	h.must(err)
	command := exec.Command("node", "../calendar/testdata/read.mjs", library)
	command.Stdin, command.Stderr = bytes.NewReader(append(in, '\n')), os.Stderr
	out, err := command.Output()
	if err != nil {
		h.t.Fatalf("%v: run make deps", err)
	}
	var answer struct {
		Events []held
		Error  string
	}
	h.must(json.Unmarshal(out, &answer))
	if answer.Error != "" {
		h.t.Fatal(answer.Error)
	}
	return answer.Events
}
