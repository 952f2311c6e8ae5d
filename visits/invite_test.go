package visits_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/visitstest"
)

// TestWhoInvitesWhom tries every role with every role, first from the waiting room and then in the visit.
func TestWhoInvitesWhom(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, entries := h.Everybody()
	for by, e := range entries {
		for _, who := range auth.Roles() {
			_, err := h.InviteFrom(t.Context(), v.ID, e.Token, visits.Person{Name: "Sample", Role: who})
			visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
		}
		h.Enters(e)
		for _, who := range auth.Roles() {
			l, err := h.InviteFrom(t.Context(), v.ID, e.Token, visits.Person{Name: " Sample Person ", Role: who, Language: "es"})
			family := by == auth.Patient || by == auth.Guardian
			switch {
			case by == auth.Clinician && !who.Invited():
				visitstest.WantFields(t, err, "role")
			case by == auth.Clinician && who == auth.Patient: // of whom there is one
				visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
			case by == auth.Clinician, family && who == auth.Guest:
				if err != nil {
					t.Errorf("%s invites %s: %v", by, who, err)
					continue
				}
				if got := h.Follow(l, ""); got.You.Role != who || got.You.Name.Reveal() != "Sample Person" || got.You.Language != "es" || got.Visit.ID != v.ID {
					t.Errorf("the link of %s leads %+v", who, got)
				}
				if n := h.Count(`audit WHERE action = 'invitation.create' AND outcome = 'allowed' AND actor_kind = 'invitation' AND actor_id = ? AND actor_role = ? AND subject_id = ? AND detail = ?`,
					e.You.ID, string(by), l.Invitation.ID, "visit "+v.ID); n != 1 {
					t.Errorf("%d audit rows of the invitation", n)
				}
				if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, l.Invitation.ID); err != nil { // so that there is room again
					t.Fatal(err)
				}
			default:
				visitstest.WantCode(t, err, fault.CodeNotAllowed, fault.NotAllowed)
			}
		}
	}
	// Nobody invites from the waiting room; in the visit guests, interpreters and observers invite nobody, families nobody but guests.
	roles := len(auth.Roles())
	if refused := h.Audited("invitation.create", store.Refused); refused != 6*roles+3*roles+2*(roles-1) {
		t.Errorf("%d refusals audited", refused)
	}
}

func TestInvitingHasLimits(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	e := h.Follow(links[1], "")
	h.Enters(e)
	guest := visits.Person{Name: "Sample Guest", Role: auth.Guest}
	for range visits.MaxPeople - len(links) {
		if _, err := h.InviteFrom(t.Context(), v.ID, e.Token, guest); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.InviteFrom(t.Context(), v.ID, e.Token, guest)
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	_, err = h.InviteFrom(t.Context(), v.ID, e.Token, visits.Person{Name: "\n", Role: auth.Guest, Language: "tlh"})
	visitstest.WantFields(t, err, "language", "name")
	rows := h.Count("audit")
	h.Limited = time.Minute
	_, err = h.InviteFrom(t.Context(), v.ID, e.Token, guest)
	visitstest.WantCode(t, err, fault.CodeTryLater, fault.TryAgain)
	h.Limited, h.Unknown = 0, errors.New("no answer")
	_, err = h.InviteFrom(t.Context(), v.ID, e.Token, guest)
	visitstest.WantCode(t, err, fault.CodeTryLater, fault.TryAgain)
	h.Unknown = nil
	for _, token := range []string{"", "x", strings.Repeat("A", len(e.Token))} {
		_, err = h.InviteFrom(t.Context(), v.ID, token, guest)
		visitstest.WantCode(t, err, fault.CodeNotFound, fault.NotFound)
	}
	if n := h.Count("audit"); n != rows {
		t.Errorf("%d rows of audit for it", n-rows)
	}
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, e.You.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.InviteFrom(t.Context(), v.ID, e.Token, guest)
	visitstest.WantCode(t, err, fault.CodeRevoked, fault.NotAllowed)
}

func TestInvitingOverHTTP(t *testing.T) {
	f := newFront(t, "")
	v, links := f.Plan()
	e := f.Follow(links[2], "") // the guardian
	invite := func(body string, token string) reply {
		return f.do("POST", "/v/"+v.ID+"/invitations", body, withCookie("housecall_visit", token))
	}
	const aunt = `{"name":"\u202eSample\u2069\u200f Aunt \u061c\u202c","role":"guest","language":"es"}`
	wantProblem(t, "from the waiting room", invite(aunt, e.Token), 403, "not_allowed")
	f.Enters(e)
	r := invite(aunt, e.Token)
	made := r.json(t)
	link, _ := made["link"].(string)
	if r.StatusCode != 201 || len(made) != 3 || made["name"] != "Sample Aunt" || made["role"] != "guest" || !strings.HasPrefix(link, "https://visits.example/v#") ||
		r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("invited: %d %s", r.StatusCode, r.body)
	}
	_, code, _ := strings.Cut(link, "#")
	if in := f.do("POST", "/api/v1/join", `{"code":"`+code+`"}`); in.StatusCode != 200 || in.json(t)["language"] != "es" {
		t.Errorf("the link: %d %s", in.StatusCode, in.body)
	}
	wantProblem(t, "a clinician", invite(`{"name":"Sample","role":"clinician"}`, e.Token), 403, "not_allowed")
	wantProblem(t, "no name", invite(`{"role":"guest"}`, e.Token), 422, "not_valid")
	wantProblem(t, "another field", invite(`{"name":"Sample","role":"guest","admit":true}`, e.Token), 422, "not_valid")
	wantProblem(t, "a stranger", invite(aunt, strings.Repeat("A", 43)), 404, "not_found")
	for _, body := range []string{aunt, "", `{"name":1}`, `{"name":"` + strings.Repeat("x", 8<<10) + `"}`} {
		wantProblem(t, "nobody", f.do("POST", "/v/"+v.ID+"/invitations", body), 404, "not_found")
		wantProblem(t, "nobody's consent", f.do("POST", "/v/"+v.ID+"/consent", body), 404, "not_found")
	}
}

func TestInvite(t *testing.T) {
	h := visitstest.NewHospital(t)
	v, links := h.Plan()
	guest := visits.Person{Name: " Sample Guest ", Role: auth.Guest}
	for range visits.MaxPeople - len(links) {
		l, err := h.Invite(t.Context(), h.Scheduler, v.ID, guest)
		if err != nil {
			t.Fatal(err)
		}
		if e := h.Follow(l, ""); e.You.Name.Reveal() != "Sample Guest" || e.Visit.ID != v.ID {
			t.Errorf("the link leads %+v", e)
		}
	}
	_, err := h.Invite(t.Context(), h.Scheduler, v.ID, guest)
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
	// A place that was taken back can be given again.
	if err := h.Withdraw(t.Context(), h.Scheduler, v.ID, links[2].Invitation.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Invite(t.Context(), h.Scheduler, v.ID, guest); err != nil {
		t.Error(err)
	}
	_, err = h.Invite(t.Context(), h.Scheduler, v.ID, visits.Person{Role: auth.Admin})
	visitstest.WantFields(t, err, "name", "role")
	h.At(v.ClosesAt)
	_, err = h.Invite(t.Context(), h.Scheduler, v.ID, guest)
	visitstest.WantCode(t, err, fault.CodeConflict, fault.NotValid)
}
