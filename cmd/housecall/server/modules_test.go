package server_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/module"
	"housecall/platform/module/letters"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/web"
)

// TestAModule puts the smallest module there can be beside the visits, and uses all that it brings: a page, a table, a job, a rule, words.
func TestAModule(t *testing.T) {
	var mu sync.Mutex
	ahead := time.Duration(0)
	s := open(t, server.Config{Modules: []module.Module{letters.Module}, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}})
	const page = "/desk/letters"
	if status, _ := get(t, s.URL()+page); status != http.StatusOK { // by way of the sign-in page
		t.Errorf("who is not signed in: %d", status)
	}
	outsider := signedIn(t, s, auth.Scheduler)
	if status, body := outsider.try(t, s, "GET "+page); status != http.StatusNotFound || strings.Contains(body, "Your letter") {
		t.Errorf("a scheduler: %d", status)
	}
	writer := signedIn(t, s, auth.Coordinator)
	if status, body := writer.try(t, s, "GET "+page); status != http.StatusOK || !strings.Contains(body, `aria-current="page"`) {
		t.Errorf("a coordinator: %d %s", status, body)
	}
	if status := writer.send(t, s, page, url.Values{}); status != http.StatusUnprocessableEntity {
		t.Errorf("no letter: %d", status)
	}
	if status := writer.send(t, s, page, url.Values{"text": {"Thank you & see you"}}); status != http.StatusSeeOther {
		t.Fatalf("a letter: %d", status)
	}
	if _, body := writer.try(t, s, "GET "+page); !strings.Contains(body, "Thank you &amp; see you · Goes out within a minute") {
		t.Errorf("a letter that waits: %s", body)
	}
	mu.Lock()
	ahead = 2 * time.Minute
	mu.Unlock()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, body := writer.try(t, s, "GET "+page)
		if strings.Contains(body, "see you · Sent") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a letter that was posted: %s", body)
		}
	}
	var written, refused int
	if err := s.Accounts.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'letter.write' AND outcome = 'allowed'`).Scan(&written); err != nil {
		t.Fatal(err)
	}
	if err := s.Accounts.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE action = 'letter.write' AND outcome = 'refused'`).Scan(&refused); err != nil {
		t.Fatal(err)
	}
	if written != 1 || refused != 1 {
		t.Errorf("the audit has %d letters and %d refusals", written, refused)
	}
}

// TestAModuleIsSmall keeps what a module takes below 150 lines: its code, table, page, and words in one language.
func TestAModuleIsSmall(t *testing.T) {
	const folder = "../../../platform/module/letters"
	lines := 0
	for _, pattern := range []string{"*.go", "migrations/*.sql", "pages/*.html", "locales/en.json"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range found {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines += strings.Count(string(b), "\n")
		}
	}
	if lines >= 150 {
		t.Errorf("a module takes %d lines", lines)
	}
}

// signedIn makes an account of a role and signs it in.
func signedIn(t *testing.T, s *server.Server, role auth.Role) caller {
	t.Helper()
	email := phi.Text(string(role) + "@example.org")
	account, err := s.Accounts.Create(t.Context(), auth.Operator(), staff.NewAccount{Name: "Sam Example", Email: email, Password: "a long enough password", Role: auth.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts.DB.ExecContext(t.Context(), `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(role), account.ID); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/sign-in",
		strings.NewReader(url.Values{"email": {email.Reveal()}, "password": {"a long enough password"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := unled.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if len(response.Cookies()) == 0 {
		t.Fatalf("%s cannot sign in: %s", role, response.Status)
	}
	return caller{name: string(role), role: role, reach: web.Staff("").Reach, cookie: response.Cookies()[0]}
}

// send sends a form.
func (c caller) send(t *testing.T, s *server.Server, path string, form url.Values) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.AddCookie(c.cookie)
	response, err := unled.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
