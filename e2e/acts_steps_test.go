package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"housecall/loadtest"
)

// More people of these tests; none of their names may stand in the log either.
const (
	uma = "Uma Hazelwood"
)

// A deed is one row of the audit log.
type deed struct {
	Actor   string // id
	Role    string
	Subject string // id
	Outcome string
	Detail  string
}

// reads asks the server's database, beside it as another process would, and hands over each row.
func (h *House) reads(row func(*sql.Rows) error, query string, args ...any) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.data, "housecall.db")+"?_query_only=on&_busy_timeout=10000")
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(h.t.Context(), query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
}

// audited lists what the audit says of an action, oldest first.
func (h *House) audited(action string) (deeds []deed) {
	h.t.Helper()
	h.reads(func(rows *sql.Rows) error {
		var d deed
		err := rows.Scan(&d.Actor, &d.Role, &d.Subject, &d.Outcome, &d.Detail)
		deeds = append(deeds, d)
		return err
	}, `SELECT actor_id, actor_role, subject_id, outcome, detail FROM audit WHERE action = ? ORDER BY at, id`, action)
	return deeds
}

// wasDone waits until the audit says that somebody did something to somebody (invitations), once.
func (h *House) wasDone(action, by, to string) {
	h.t.Helper()
	want := deed{Actor: by, Role: "clinician", Subject: to, Outcome: "allowed"}
	var got []deed
	for late := time.Now().Add(patience); time.Now().Before(late); <-time.After(20 * time.Millisecond) {
		if got = h.audited(action); len(got) > 0 {
			break
		}
	}
	for i := range got {
		got[i].Detail = "" // the visit
	}
	if len(got) != 1 || got[0] != want {
		h.t.Errorf("the audit of %s has %+v, want %+v once", action, got, want)
	}
}

// planned is a visit as its scheduler sees it later.
type planned struct {
	State       string
	Invitations []struct {
		ID, Name, Role string
		RevokedAt      *time.Time `json:"revoked_at"`
	}
}

func (h *House) planned(visit string) (p planned) {
	h.t.Helper()
	h.api(http.MethodGet, "/api/v1/visits/"+visit, nil, &p)
	return p
}

// withdrawn says whether an invitation is.
func (p planned) withdrawn(id string) bool {
	for _, each := range p.Invitations {
		if each.ID == id {
			return each.RevokedAt != nil
		}
	}
	return false
}

// pion has somebody join without a browser, sending sound and pictures, until the test's end. birthDate is empty unless the link asks for it.
func pion(t *testing.T, link, birthDate string) *loadtest.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	visitor, err := loadtest.Redeem(ctx, http.DefaultClient, link, birthDate)
	if err != nil {
		t.Fatal(err)
	}
	pass, err := visitor.Pass(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client, err := visitor.Join(ctx, pass, loadtest.Options{Sends: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	pionWaits(t, client, "be somewhere", func(s loadtest.State) bool { return s.Place != "" })
	return client
}

// pionWaits waits until what a client without a browser knows satisfies a condition.
func pionWaits(t *testing.T, c *loadtest.Client, what string, enough func(loadtest.State) bool) loadtest.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	state, err := c.Wait(ctx, enough)
	if err != nil {
		t.Fatalf("a client without a browser could not %s: %v", what, err)
	}
	return state
}

// picks chooses an option of a list that a selector finds.
func (p *Person) picks(selector, value string) {
	p.t.Helper()
	p.await("choose "+value, `(selector, value) => {
		const list = document.querySelector(selector);
		if (!list?.checkVisibility()) return false;
		list.value = value;
		list.dispatchEvent(new Event("change", {bubbles: true}));
		return list.value === value;
	}`, selector, value)
}

// asks sends a request from the page and returns the answer's status and its code, if it has one.
func (p *Person) asks(method, path string, body any) (status int, code string) {
	p.t.Helper()
	var answer struct {
		Status int
		Code   string
	}
	p.within("ask "+method+" "+path, func(ctx context.Context) error {
		return p.page.Call(ctx, &answer, `async (method, path, body) => {
			const reply = await fetch(path, {method, headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
			const {code = ""} = await reply.json().catch(() => ({}));
			return {status: reply.status, code};
		}`, method, path, body)
	})
	return answer.Status, answer.Code
}

// opus is the payload type of sound between this page and the server; everything else of RTP is pictures.
func (p *Person) opus() (pt int) {
	p.t.Helper()
	p.within("tell how its sound is marked", func(ctx context.Context) error {
		return p.page.Await(ctx, &pt, `() => Number(/^a=rtpmap:(\d+) opus/m.exec(witness.peers.at(-1)?.localDescription?.sdp)?.[1] ?? 0)`)
	})
	return pt
}

// carried is how many packets of sound and of pictures have passed to and from a page so far.
type carried struct{ soundTo, soundFrom, picturesTo, picturesFrom int }

// carried counts on the server's own socket.
func (h *House) carried(port uint16, opus int) carried {
	to, from := h.wire.sentTo(port), h.wire.gotFrom(port)
	return carried{to.types[opus], from.types[opus], to.rtp - to.types[opus], from.rtp - from.types[opus]}
}

func (c carried) less(before carried) carried {
	return carried{c.soundTo - before.soundTo, c.soundFrom - before.soundFrom, c.picturesTo - before.picturesTo, c.picturesFrom - before.picturesFrom}
}

func (c carried) String() string {
	return fmt.Sprintf("sound %d to and %d from, pictures %d to and %d from", c.soundTo, c.soundFrom, c.picturesTo, c.picturesFrom)
}

// comesToRest waits until a count stands still while so much else passes that it would have been under way with it, and returns it.
func comesToRest[T comparable](p *Person, what string, count func() T, others func() int) T {
	p.t.Helper()
	last, passed := count(), others()
	p.until(what, func() bool {
		if now := count(); now != last {
			last, passed = now, others()
		}
		return others() > passed+150
	})
	return last
}
