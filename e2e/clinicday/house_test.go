package clinicday

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/words"
)

const (
	hospital = "Example Children's Hospital"
	password = "four words in a row"
	look     = 20 * time.Millisecond // how often the server looks for what is due
)

// house is the hospital: the real server with a real mail server, and a clock that the script turns.
type house struct {
	t      *testing.T
	server *server.Server
	mail   *mailtest.Server
	http   *http.Client // follows no redirect
	zone   *time.Location
	today  time.Time // noon of the clinic's day
	book   *words.Book
	clock  atomic.Int64 // milliseconds since 1970
	key    string       // of the hospital's own program
	diary  diary
	read   int // letters that were taken from the mail server
	boxes  map[string][]letter
}

// open starts the hospital on the day on which visits are planned. Certificates of media go by the machine's clock too, so that the script is about the days around
// the next change of clocks in New York.
func open(t *testing.T) *house {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, mail: mailtest.Start(t, mailtest.Options{}), zone: zone, boxes: map[string][]letter{}}
	h.diary.zone, h.today = zone, dayOfChange(t, time.Now().In(zone)).AddDate(0, 0, 1)
	h.http = &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	h.clock.Store(h.at(planningDay, "09:00").UnixMilli())
	data := t.TempDir()
	h.server, err = server.New(t.Context(), server.Config{Listen: "127.0.0.1:0", Data: data, Database: filepath.Join(data, "housecall.db"), Site: hospital, TimeZone: zone, Staff: server.Staff{Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}},
		Phone: "+1 617 555 0100", SMTP: h.mail.URL(), MailFrom: hospital + " <visits@hospital.example>", JobsEvery: look, Now: h.now})
	h.must(err)
	t.Cleanup(func() {
		h.http.CloseIdleConnections()
		if err := h.server.Close(); err != nil {
			t.Error(err)
		}
	})
	h.book, err = server.Book()
	h.must(err)
	h.key, _, err = h.server.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "the hospital's program", Scopes: h.server.Accounts.Policy.Grantable()})
	h.must(err)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) now() time.Time { return time.UnixMilli(h.clock.Load()) }

// worker is somebody who works here and signs in by the page.
type worker struct {
	h       *house
	email   string
	cookie  *http.Cookie
	came    time.Time // when they signed in
	account string
}

// hires makes an account with a password.
func (h *house) hires(name, email string, role auth.Role) *worker {
	h.t.Helper()
	a, err := h.server.Accounts.Create(h.t.Context(), auth.Operator(), staff.NewAccount{Name: phi.Text(name), Email: phi.Text(email), Password: password, Role: role})
	h.must(err)
	return &worker{h: h, email: email, account: a.ID}
}

// hiresUnseen makes an account of a clinician whose owner never signs in, and gives its id.
func (h *house) hiresUnseen(name, email string) string {
	h.t.Helper()
	_, a, err := h.server.Accounts.Invite(h.t.Context(), auth.Operator(), staff.NewAccount{Name: phi.Text(name), Email: phi.Text(email), Role: auth.Clinician})
	h.must(err)
	return a.ID
}

// shift is how long somebody stays signed in; the server's own end comes after that.
const shift = 10 * time.Hour

// sends asks for a page, or with a form sends it.
func (w *worker) sends(path string, form url.Values) (status int, to, body string) {
	w.h.t.Helper()
	if form == nil {
		return w.asks(http.MethodGet, path, "", nil)
	}
	return w.asks(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// does sends a form that must be taken, and says where it leads.
func (w *worker) does(path string, form url.Values) (to string) {
	w.h.t.Helper()
	status, to, body := w.sends(path, form)
	if status != http.StatusSeeOther {
		w.h.t.Fatalf("POST %s: %d\n%s", path, status, body)
	}
	return to
}

// sees is a page that must be there.
func (w *worker) sees(path string) (body string) {
	w.h.t.Helper()
	status, to, body := w.sends(path, nil)
	if status != http.StatusOK {
		w.h.t.Fatalf("GET %s: %d, to %q\n%s", path, status, to, body)
	}
	return body
}

func (w *worker) asks(method, path, kind string, body io.Reader) (status int, to, answer string) {
	w.h.t.Helper()
	if w.cookie == nil || w.h.now().Sub(w.came) > shift {
		w.signsIn()
	}
	r, err := http.NewRequestWithContext(w.h.t.Context(), method, w.h.server.URL()+path, body)
	w.h.must(err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "text/html")
	r.AddCookie(w.cookie)
	response, text := w.h.does(r)
	return response.StatusCode, response.Header.Get("Location"), text
}

func (w *worker) signsIn() {
	w.h.t.Helper()
	form := url.Values{"email": {w.email}, "password": {password}}
	r, err := http.NewRequestWithContext(w.h.t.Context(), http.MethodPost, w.h.server.URL()+"/sign-in", strings.NewReader(form.Encode()))
	w.h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, text := w.h.does(r)
	if len(response.Cookies()) == 0 {
		w.h.t.Fatalf("%s cannot sign in: %s\n%s", w.email, response.Status, text)
	}
	w.cookie, w.came = response.Cookies()[0], w.h.now()
}

func (h *house) does(r *http.Request) (*http.Response, string) {
	h.t.Helper()
	response, err := h.http.Do(r)
	h.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	h.must(err)
	return response, string(text)
}

// calls does something by the JSON API, as the hospital's own program.
func (h *house) calls(method, path string, question, answer any) {
	h.t.Helper()
	var body bytes.Buffer
	if question != nil {
		h.must(json.NewEncoder(&body).Encode(question))
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL()+path, &body)
	h.must(err)
	r.Header.Set("Authorization", "Bearer "+h.key)
	if question != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, text := h.does(r)
	if response.StatusCode >= http.StatusMultipleChoices {
		h.t.Fatalf("%s %s: %s\n%s", method, path, response.Status, text)
	}
	if answer != nil {
		h.must(json.Unmarshal([]byte(text), answer))
	}
}

// dayOfChange is noon of the next day on which clocks are set forward or back.
func dayOfChange(t *testing.T, now time.Time) time.Time {
	t.Helper()
	for days := range 366 {
		noon := time.Date(now.Year(), now.Month(), now.Day()+days, 12, 0, 0, 0, now.Location())
		_, before := noon.AddDate(0, 0, -1).Zone()
		if _, offset := noon.Zone(); offset != before {
			return noon
		}
	}
	t.Fatalf("clocks don't change any more in %s: choose another zone", now.Location())
	return time.Time{}
}

// date is a day of the script, as forms take it.
func (h *house) date(day int) string { return h.today.AddDate(0, 0, day).Format(time.DateOnly) }

// at is a time of a day of the script, as clocks show it at the hospital.
func (h *house) at(day int, clock string) time.Time {
	h.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", h.date(day)+" "+clock, h.zone)
	h.must(err)
	return t
}

// turn lets time pass, and stops whenever the diary says that somebody is reminded: whatever is due is done and read before it goes on.
func (h *house) turn(day int, clock string) {
	h.t.Helper()
	h.settle()
	for to := h.at(day, clock); h.now().Before(to); {
		next := h.diary.next(h.now(), to)
		h.clock.Store(next.UnixMilli())
		h.diary.remind(next)
		h.settle()
	}
}

// settle waits until the server has done all that is due, and reads what it has sent.
func (h *house) settle() {
	h.t.Helper()
	for due := 1; due > 0; {
		h.must(h.server.Accounts.DB.QueryRowContext(h.t.Context(), `SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND next_at <= ?`, h.clock.Load()).Scan(&due))
		if due > 0 {
			time.Sleep(look)
		}
	}
	h.harvest()
}
