package server_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/web"
)

// everybodys are the actions of staff and keys that whoever may them may on everything there is. An action of a route with an id stands here or in ofTheirOwn.
var everybodys = []auth.Action{"visit.schedule", "visit.read", "visit.revoke", "visit.late", "record.read", "staff.manage", "staff.keys", "emergency.review", "webhooks.manage", "consent.write",
	"people.read", "people.write", "sites.write", "retention.write"}

// ofTheirOwn are the actions that these roles may on what is their own alone; of anything else they are told what is told of nothing.
var ofTheirOwn = map[auth.Action][]auth.Role{
	"":               auth.Roles(), // whoever is signed in: their own account
	"note.write":     {auth.Clinician},
	"summary.write":  {auth.Clinician},
	"queue.lead":     {auth.Clinician},
	"visit.late":     {auth.Clinician},
	"record.read":    {auth.Clinician},
	"emergency.open": {auth.Clinician, auth.Coordinator},
}

// answered is all that somebody is told, so that two answers can be compared byte by byte.
type answered struct {
	status       int
	header, body string
}

// asker is somebody who asks, with all that opens anything to them.
type asker struct {
	name    string
	cookies []*http.Cookie
	key     string // of a program
	code    string // of a link
}

// told asks for a route whose places are filled. What the asker said themselves, and the time, are taken out of the answer.
func (h *owned) told(a asker, pattern string, fill func(place string) string) answered {
	h.t.Helper()
	var own []string
	method, path, _ := strings.Cut(pattern, " ")
	path = place.ReplaceAllStringFunc(path, func(name string) string {
		if name == "{$}" {
			return ""
		}
		own = append(own, fill(strings.Trim(name, "{}")), "ID")
		return own[len(own)-2]
	})
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.s.URL()+path, strings.NewReader(strings.ReplaceAll(sends[pattern][1], "CODE", a.code)))
	if err != nil {
		h.t.Fatal(err)
	}
	if kind := sends[pattern][0]; kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if strings.Contains(path, "/files") {
		r.Header.Set("Tus-Resumable", "1.0.0")
		r.Header.Set("Upload-Offset", "0")
		r.Header.Set("Upload-Length", "1")
	}
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	for _, c := range a.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	response, err := unled.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, changes := range []string{"Date", "Content-Length"} {
		response.Header.Del(changes)
	}
	plain := strings.NewReplacer(own...).Replace
	return answered{response.StatusCode, plain(fmt.Sprint(response.Header)), plain(string(body))}
}

// sends is what is sent to routes that would say that it is missing, before they look for anything.
var sends = map[string][2]string{
	"POST /api/v1/join":           {"application/json", `{"code": "CODE", "birth_date": "2011-02-13"}`},
	"POST /api/v1/late":           {"application/json", `{"code": "CODE"}`},
	"POST /v/{visit}/consent":     {"application/json", `{"version": "1", "language": "en"}`},
	"POST /v/{visit}/invitations": {"application/json", `{"name": "Sample", "role": "guest"}`},
	"PUT /v/{visit}/note":         {"application/json", `{"key": "0193a1f0-0000-7000-8000-000000000001", "base": 0, "text": "Sample"}`},
	"PUT /desk/visits/{visit}/note": {"application/json",
		`{"key": "0193a1f0-0000-7000-8000-000000000001", "base": 0, "text": "Sample"}`},
}

// TestNotYoursIsAsAbsent asks for every route that has an id, as everybody, by ids of what is there and not theirs: the answer is byte by byte what is told of what there is not.
func TestNotYoursIsAsAbsent(t *testing.T) {
	h := newOwned(t)
	callers := append(h.callers, caller{name: "a holder", reach: web.Holder().Reach})
	for _, route := range h.s.Routes() {
		if !strings.Contains(strings.Replace(route.Pattern, "{$}", "", 1), "{") || route.Access.Reach == web.Public(" ").Reach {
			continue
		}
		a := route.Access.Action
		if route.Access.Reach != web.Holder().Reach && !slices.Contains(everybodys, a) && ofTheirOwn[a] == nil {
			t.Errorf("%s is for %q, of which nobody says whether it is for everything or one's own: add it to one of the lists above", route.Pattern, a)
		}
		keys := 0
		for _, c := range callers {
			if c.role.Invited() && c.role != auth.Clinician {
				continue // has no account
			}
			if c.key != "" && c.reach != route.Access.Reach {
				if keys++; keys > 1 {
					continue // what a key is for makes no difference at a door that no key opens
				}
			}
			if c.reach == route.Access.Reach && c.role != "" && h.s.Accounts.Policy.May(c.role, a) && !slices.Contains(ofTheirOwn[a], c.role) {
				continue // it is theirs
			}
			if c.name == "a holder" && route.Access.Reach == c.reach {
				continue // TestEveryRouteWithEveryInvitation
			}
			who := asker{name: c.name, key: c.key}
			if c.cookie != nil {
				who.cookies = []*http.Cookie{c.cookie}
			}
			if c.name == "a holder" {
				who.cookies = h.mine[auth.Patient].cookies
			}
			h.same(who, route.Pattern, h.theirs)
			if c.role == auth.Clinician && strings.Count(route.Pattern, "{") > 1 { // of what is theirs something of another's
				h.same(who, route.Pattern, h.theirs.but("visit", h.ours))
			}
		}
	}
}

// TestEveryRouteWithEveryInvitation asks for every route of holders as everybody who can be invited: of their own visit they are told as the table of rules has it, of another what is
// told of none.
func TestEveryRouteWithEveryInvitation(t *testing.T) {
	h := newOwned(t)
	refused := map[string]bool{problem(fault.NotAllowed): true, problem(fault.NotFound): true}
	tried := 0
	for _, route := range h.s.Routes() {
		if route.Access.Reach != web.Holder().Reach {
			continue
		}
		tried++
		if a := route.Access.Right; a != "" && !h.s.Accounts.Policy.Knows(a) {
			t.Errorf("%s is for %q, which has no row in the table", route.Pattern, a)
		}
		byLetter := strings.Contains(route.Pattern, " /after/")
		for _, role := range auth.InvitedRoles() {
			holder := h.mine[role]
			if strings.Contains(route.Pattern, "/after") { // comes when a visit is over
				holder = h.done[role]
			}
			may := route.Access.Right == "" || h.s.Accounts.Policy.May(role, route.Access.Right)
			if byLetter && holder.letter == nil {
				if role == auth.Patient || role == auth.Guardian {
					t.Errorf("a %s got no letter", role)
				}
				continue // nobody sends them one: there is no way to ask
			}
			who := asker{name: string(role), cookies: holder.cookies, code: holder.code}
			if byLetter {
				who.cookies = []*http.Cookie{holder.letter}
			}
			got := h.told(who, route.Pattern, holder.of.id)
			if refused := refused[got.body]; refused == may || got.status >= http.StatusInternalServerError {
				t.Errorf("%s as a %s: %d %s", route.Pattern, role, got.status, got.body)
			}
			h.same(who, route.Pattern, h.theirs)
			if strings.Count(route.Pattern, "{") > 1 {
				h.same(who, route.Pattern, h.theirs.but("visit", holder.of))
			}
		}
		h.same(asker{name: "nobody", code: strings.Repeat("A", 22)}, route.Pattern, h.theirs)
	}
	if tried < 20 {
		t.Errorf("only %d routes of holders", tried)
	}
}
