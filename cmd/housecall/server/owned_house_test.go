package server_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

// things are ids of what there is, by the names of places in routes.
type things struct {
	t  *testing.T
	of map[string]string

	stays string // the place that is filled alike where what is absent is asked for
}

func (x things) id(place string) string {
	x.t.Helper()
	if x.of[place] == "" {
		x.t.Fatalf("no {%s} is there to ask for: newOwned must make one", place)
	}
	return x.of[place]
}

// but are the same things, one of them another's, which stays in its place where others are asked for that are not there.
func (x things) but(place string, others things) things {
	of := maps.Clone(x.of)
	of[place] = others.id(place)
	return things{x.t, of, place}
}

// absent is an id of nothing, but for the one that stays.
func (x things) absent(place string) string {
	if place == x.stays {
		return x.id(place)
	}
	return store.NewID()
}

// holder is somebody with a link.
type holder struct {
	code    string
	of      things
	cookies []*http.Cookie // of the visit
	letter  *http.Cookie   // of the summary's own link; nil: nobody sent them one
}

// owned is a house in which there is one of everything: a visit that is now and one that is over, of the clinician who is signed in, and one of somebody else's.
type owned struct {
	t            *testing.T
	s            *server.Server
	p            *probe
	mail         *mailtest.Server
	callers      []caller
	ours, theirs things
	mine, done   map[auth.Role]holder // of the visit that is now, and of the one that is over
}

func newOwned(t *testing.T) *owned {
	t.Helper()
	h := &owned{t: t, mail: mailtest.Start(t, mailtest.Options{})}
	h.s = open(t, server.Config{Scanner: "none", SMTP: h.mail.URL(), MailFrom: "visits@example.org"})
	h.callers = callersOf(t, h.s)
	var staffed []caller
	for _, c := range h.callers {
		if c.cookie != nil {
			staffed = append(staffed, c)
		}
	}
	h.p = probeOf(t, h.s, nil, staffed)
	secret, _, err := h.s.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "Sample", Scopes: h.s.Accounts.Policy.Grantable()})
	if err != nil {
		t.Fatal(err)
	}
	h.p.program = who{name: "a program", client: unled, key: secret}
	h.p.call(h.p.program, "POST", "/api/v1/webhooks", object{"url": "https://example.invalid/hooks", "types": []string{"visit.created"}}, nil)
	patient := h.p.patients()
	h.ours, h.mine = h.visit(patient, visits.RoomOpened)
	_, h.done = h.visit(patient, visits.RoomEnded)
	h.theirs, _ = h.visit(patient, visits.RoomAdmitted)
	h.give(patient)
	return h
}

// visit makes a visit with somebody of every role, who have opened their links, and has it come as far as so.
func (h *owned) visit(patient string, until visits.RoomEventKind) (things, map[auth.Role]holder) {
	h.t.Helper()
	open, mailbox, clinician := false, store.NewID()+"@example.org", h.p.as(auth.Clinician)
	request := visits.Request{Service: "Cardiology", StartsAt: time.Now(), Minutes: 30, PatientID: patient, Confidential: &open, AllowOverlap: true}
	for _, role := range auth.InvitedRoles() {
		if role == auth.Clinician {
			request.People = append(request.People, visits.Person{Role: role, StaffID: h.p.accounts[role]})
			continue
		}
		request.People = append(request.People, visits.Person{Name: phi.Text("Sample " + role), Role: role, Email: phi.Text(string(role) + "." + mailbox)})
	}
	v, links, err := h.s.Visits.Create(h.t.Context(), auth.Operator(), request)
	if err != nil {
		h.t.Fatal(err)
	}
	// Whoever ends a connection test is told the same whether or not there was one.
	made, all := things{t: h.t, of: map[string]string{"visit": v.ID, "person": v.Invitations[0].ID, "invitation": v.Invitations[0].ID, "patient": patient,
		"id": store.NewID()}}, map[auth.Role]holder{}
	for _, l := range links {
		address, err := url.Parse(h.s.URL() + "/v/" + v.ID + "/")
		if err != nil {
			h.t.Fatal(err)
		}
		_, code, _ := strings.Cut(l.URL, "#")
		all[l.Invitation.Role] = holder{code: code, of: made, cookies: enter(h.t, h.s, l).client.Jar.Cookies(address)}
	}
	if until == visits.RoomOpened {
		return made, all
	}
	for _, kind := range []visits.RoomEventKind{visits.RoomAdmitted, until} {
		if err := h.s.Visits.OnRoomEvent(h.t.Context(), visits.RoomEvent{Kind: kind, Visit: v.ID, Invitation: v.Invitations[0].ID, Role: auth.Patient, At: time.Now()}); err != nil {
			h.t.Fatal(err)
		}
	}
	after := "/desk/visits/" + v.ID + "/after"
	made.of["upload"] = h.p.file(clinician, after+"/files")
	h.p.follow(clinician, after+"/summary", url.Values{"base": {"0"}, "text": {"Sample"}, "language": {"en"}, "file": {made.of["upload"]}})
	for _, role := range []auth.Role{auth.Patient, auth.Guardian} {
		one := all[role]
		one.letter = h.opened(string(role) + "." + mailbox)
		all[role] = one
	}
	return made, all
}

var codeOfLetter = regexp.MustCompile(`/after#([0-9A-Za-z_-]+)`)

// opened is the cookie of who opens the link of a summary that was sent to a mailbox.
func (h *owned) opened(mailbox string) *http.Cookie {
	h.t.Helper()
	for { // the test ends by its deadline
		for _, letter := range h.mail.Mailbox(mailbox) {
			if found := codeOfLetter.FindStringSubmatch(strings.ReplaceAll(string(letter.Raw), "=\r\n", "")); found != nil {
				a := h.p.form(h.p.browser("a family"), "/after", url.Values{"code": {found[1]}, "day": {"13"}, "month": {"2"}, "year": {"2011"}})
				cookies := (&http.Response{Header: a.header}).Cookies()
				if a.status != http.StatusSeeOther || len(cookies) == 0 {
					h.t.Fatalf("the link of a summary: %d", a.status)
				}
				return cookies[0]
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// give makes everything else that routes have ids of, and has all of theirs be somebody's who makes no request.
func (h *owned) give(patient string) {
	h.t.Helper()
	admin, coordinator, of := h.p.as(auth.Admin), h.p.as(auth.Coordinator), h.theirs.of
	other, err := h.s.Accounts.Create(h.t.Context(), auth.Operator(), staff.NewAccount{Name: "Somebody Else", Email: "else@example.org", Password: "a long enough password", Role: auth.Clinician})
	if err != nil {
		h.t.Fatal(err)
	}
	h.p.form(h.p.browser("somebody else"), "/sign-in", url.Values{"email": {"else@example.org"}, "password": {"a long enough password"}})
	grant := h.p.follow(coordinator, "/emergency", url.Values{"who": {"Canary Patient Changed"}, "birth_date": {canaryBirth}, "reason": {"He collapsed, and nobody of his team answers"}})
	of["grant"], of["account"], of["site"] = strings.TrimPrefix(grant, "/emergency/"), other.ID, h.p.column(`SELECT id FROM sites`)[0]
	h.p.follow(admin, "/admin/services/new", url.Values{"site": {of["site"]}, "name": {"Sample"}, "minutes": {"30"}, "active": {"yes"}})
	h.p.call(h.p.program, "POST", "/api/v1/sites/"+of["site"]+"/consent", object{"seen": "", "texts": []object{{"language": "en", "text": "Sample"}}}, nil)
	of["passkey"] = store.NewID()
	for _, change := range [][]any{
		{`UPDATE visits SET clinician_id = ? WHERE id = ?`, other.ID, of["visit"]},
		{`UPDATE invitations SET staff_id = ? WHERE visit_id = ? AND staff_id <> ''`, other.ID, of["visit"]},
		{`UPDATE emergency_grants SET account_id = ? WHERE id = ?`, other.ID, of["grant"]},
		{`INSERT INTO staff_passkeys (account_id, id, credential_id, record, name, created_at, used_at) VALUES (?, ?, 'sample', '{}', 'Sample', 1, 1)`, other.ID, of["passkey"]},
	} {
		if _, err := h.s.Accounts.DB.ExecContext(h.t.Context(), change[0].(string), change[1:]...); err != nil {
			h.t.Fatal(err)
		}
	}
	for place, query := range map[string]string{
		"session": `SELECT id FROM staff_sessions WHERE account_id = '` + other.ID + `'`, "key": `SELECT id FROM staff_keys`, "service": `SELECT id FROM site_services`,
		"version": `SELECT version FROM consent_versions`, "message": `SELECT id FROM notify_messages`, "endpoint": `SELECT id FROM notify_endpoints`, "delivery": `SELECT id FROM notify_deliveries`,
	} {
		of[place] = h.p.column(query)[0]
	}
}

// same asks for something that is there, but not for who asks, and for nothing: both must be answered alike, and not by what they asked for.
func (h *owned) same(who asker, pattern string, there things) {
	h.t.Helper()
	if !strings.Contains(strings.Replace(pattern, "{$}", "", 1), "{") {
		return
	}
	is, absent := h.told(who, pattern, there.id), h.told(who, pattern, there.absent)
	if is != absent {
		h.t.Errorf("%s as %s: told apart from nothing: %d %s %.300s, and %d %s %.300s", pattern, who.name, is.status, is.header, is.body, absent.status, absent.header, absent.body)
	}
	if is.status < http.StatusBadRequest && is.status != http.StatusSeeOther && !strings.Contains(pattern, "/check/{id}") {
		h.t.Errorf("%s as %s: %d", pattern, who.name, is.status)
	}
}

// problem is all that is told of an error that says no more than its kind.
func problem(err error) string {
	w := httptest.NewRecorder()
	web.WriteProblem(w, web.FaultOf(err))
	return w.Body.String()
}
