package loadtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/cmd/housecall/server"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/sfu/sfutest"
)

// meet brings so many clinicians into a visit, who need nobody to admit them.
func (h *hospital) meet(ctx context.Context, t testing.TB, clinicians int) (visitors []*Visitor, clients []*Client) {
	t.Helper()
	_, links, err := h.plan(ctx, clinicians)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		visitor := h.redeem(ctx, t, link)
		client := join(ctx, t, visitor)
		t.Cleanup(func() { _ = client.Close() })
		visitors, clients = append(visitors, visitor), append(clients, client)
	}
	for _, client := range clients {
		if _, err := client.Wait(ctx, func(s State) bool { return s.Sent > 0 }); err != nil {
			t.Fatal(err)
		}
	}
	return visitors, clients
}

// cutNowAndThen loses a client's websocket again and again, and resumes, until it is done.
func cutNowAndThen(ctx context.Context, c *Client, dice *rand.Rand, done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		case <-time.After(time.Duration(dice.IntN(80)) * time.Millisecond):
		}
		c.Cut()
		if err := c.Resume(ctx); err != nil {
			return err
		}
	}
}

// A hundred lines said over connections that are lost all the time: each is told once and in order, to everybody, and in the database; and sound and
// pictures go on.
func TestChatAcrossCuts(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, clients := hospital.meet(ctx, t, 3)
	speaker, sees := clients[0], clients[1].State().You
	if _, err := speaker.Wait(ctx, func(s State) bool { c, _ := s.Shows(sees, sourceCamera); return c.Frames > 10 }); err != nil {
		t.Fatal(err)
	}

	const lines = 100
	var want []Line
	done := make(chan struct{})
	var others sync.WaitGroup
	for i, c := range clients[1:] {
		others.Go(func() {
			if err := cutNowAndThen(ctx, c, rand.New(rand.NewPCG(uint64(i), 1)), done); err != nil {
				t.Error(err)
			}
		})
	}
	dice := rand.New(rand.NewPCG(7, 7))
	for n := range lines {
		id := fmt.Sprint(n)
		want = append(want, Line{id, speaker.State().You})
		_ = speaker.Say(id, "line "+id)                              // it may be lost on its way
		time.Sleep(time.Duration(dice.IntN(110)) * time.Millisecond) // within what a client may send for long
		if dice.IntN(5) == 0 {
			speaker.Cut()
			if err := speaker.Resume(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	heard, err := speaker.Wait(ctx, func(s State) bool { return len(s.Lines) >= lines })
	if err != nil {
		t.Fatalf("the speaker heard %d of %d: %v", len(heard.Lines), lines, err)
	}
	close(done)
	others.Wait()
	for i, c := range clients {
		s, err := c.Wait(ctx, func(s State) bool { return len(s.Lines) >= lines })
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Lines, want) || s.Doubled != 0 {
			var ids []string
			for _, line := range s.Lines {
				ids = append(ids, line.ID)
			}
			t.Errorf("client %d has %d lines, %d of them twice: %v", i, len(s.Lines), s.Doubled, ids)
		}
		if s.Messages["resumed"] < 5 {
			t.Errorf("client %d resumed only %d times", i, s.Messages["resumed"])
		}
		t.Logf("client %d resumed %d times", i, s.Messages["resumed"])
	}
	var kept []string
	rows, err := hospital.database(t).QueryContext(ctx, `SELECT line_id FROM visit_chat ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, id)
	}
	if err := rows.Err(); err != nil || len(kept) != lines || kept[0] != "0" || kept[lines-1] != fmt.Sprint(lines-1) {
		t.Errorf("the database has %v, %v", kept, err)
	}
	mostlyThere(t, clients)
}

// mostlyThere wants everybody to have got most of what the others sent: a busy machine's sockets lose some. That nothing at all is missing for a cut
// is shown where receivers ask again for what their own socket lost (signaling's TestResume).
func mostlyThere(t *testing.T, clients []*Client) {
	t.Helper()
	for i, viewer := range clients {
		for j, other := range clients {
			if i == j {
				continue
			}
			for _, source := range []string{sourceCamera, sourceMicrophone} {
				c, shown := viewer.State().Shows(other.State().You, source)
				if t.Logf("client %d misses %d of %d of the %s of %d", i, c.Missing, c.Missing+c.Packets, source, j); !shown || c.Missing*4 > c.Packets {
					t.Errorf("client %d got %+v of the %s of %d", i, c, source, j)
				}
			}
		}
	}
}

// What was said is there after the server was started anew.
func TestChatAcrossARestart(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	visitors, clients := hospital.meet(ctx, t, 2)
	for i, c := range clients {
		if err := c.Say("1", "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(ctx, func(s State) bool { return len(s.Lines) == i+1 }); err != nil {
			t.Fatal(err)
		}
	}
	want := clients[1].State().Lines
	hospital.stop(t)
	hospital.http.CloseIdleConnections()
	hospital.start(t)
	for i, v := range visitors {
		v.base.Host = hospital.server.URL()[len("http://"):]
		c := join(ctx, t, v)
		t.Cleanup(func() { _ = c.Close() })
		s, err := c.Wait(ctx, func(s State) bool { return s.Place != "" })
		if err != nil {
			t.Fatal(err)
		}
		if s.Place != placeVisit || !slices.Equal(s.Lines, want) {
			t.Errorf("client %d came to %s with %v, want %v", i, s.Place, s.Lines, want)
		}
	}
}

// A line that the database cannot take is refused; said again later it is told once.
func TestChatWhileTheDatabaseIsLocked(t *testing.T) {
	hospital := openHospital(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, clients := hospital.meet(ctx, t, 2)
	holder, err := hospital.database(t).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := clients[0].Say("1", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := clients[0].Wait(ctx, func(s State) bool { return s.Messages["error"] == 1 }); err != nil {
		t.Fatal(err)
	}
	clients[1].Cut() // resuming needs no database
	if err := clients[1].Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(clients[1].State().Lines); n != 0 {
		t.Errorf("%d lines were told", n)
	}
	if _, err := holder.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := clients[0].Say("1", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := clients[0].Say("2", "x"); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		s, err := c.Wait(ctx, func(s State) bool { return len(s.Lines) >= 2 })
		if err != nil {
			t.Fatal(err)
		}
		if you := clients[0].State().You; !slices.Equal(s.Lines, []Line{{"1", you}, {"2", you}}) || s.Doubled != 0 {
			t.Errorf("told %v", s.Lines)
		}
	}
}

// A server of PostgreSQL that hangs stops no picture. A line is refused within seconds, readiness says what is missing, and when the server goes on
// everything does, without a restart; what was said again is told once.
func TestChatWhilePostgresHangs(t *testing.T) {
	cluster := storetest.NewCluster(t)
	hospital := openHospital(t, func(c *server.Config) { c.Database = cluster.URL(t) })
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, clients := hospital.meet(ctx, t, 2)
	speaker, hearer := clients[0], clients[1]
	say := func(id string) {
		t.Helper()
		if err := speaker.Say(id, "x"); err != nil {
			t.Fatal(err)
		}
	}
	say("1")
	if _, err := hearer.Wait(ctx, func(s State) bool { return len(s.Lines) == 1 }); err != nil {
		t.Fatal(err)
	}
	cluster.Freeze(t)
	frozen := time.Now()
	say("2")
	if status, body := hospital.get(t, "/readyz"); status != 503 || body != "missing: database\n" {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := hospital.get(t, "/livez"); status != 200 {
		t.Errorf("/livez: %d", status)
	}
	if _, err := speaker.Wait(ctx, func(s State) bool { return s.Messages["error"] == 1 }); err != nil {
		t.Fatal(err)
	}
	t.Logf("refused after %v", time.Since(frozen).Round(time.Millisecond))
	counts, _ := hearer.State().Shows(speaker.State().You, sourceCamera)
	if _, err := hearer.Wait(ctx, func(s State) bool {
		now, _ := s.Shows(speaker.State().You, sourceCamera)
		return now.Frames > counts.Frames+30
	}); err != nil {
		t.Errorf("no picture while the database hangs: %v", err)
	}
	if n := len(hearer.State().Lines); n != 1 {
		t.Errorf("%d lines were told", n)
	}
	cluster.Thaw()
	thawed := time.Now()
	for status := 0; status != 200; status, _ = hospital.get(t, "/readyz") {
		if ctx.Err() != nil {
			t.Fatal("not ready again")
		}
	}
	you := speaker.State().You
	for _, id := range []string{"2", "3"} {
		for said := false; !said; { // a refusal may still be on its way; who is refused says it again
			refused := speaker.State().Messages["error"]
			say(id)
			s, err := speaker.Wait(ctx, func(s State) bool { return slices.Contains(s.Lines, Line{id, you}) || s.Messages["error"] > refused })
			if err != nil {
				t.Fatal(err)
			}
			said = slices.Contains(s.Lines, Line{id, you})
		}
		say(id) // once more than needed
	}
	for _, c := range clients {
		s, err := c.Wait(ctx, func(s State) bool { return len(s.Lines) >= 3 })
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Lines, []Line{{"1", you}, {"2", you}, {"3", you}}) || s.Doubled != 0 {
			t.Errorf("told %v", s.Lines)
		}
	}
	t.Logf("all normal %v after the server goes on", time.Since(thawed).Round(time.Millisecond))
	var kept int
	if err := storetest.Open(t, hospital.config.Database, store.Options{}).QueryRowContext(ctx, `SELECT count(*) FROM visit_chat`).Scan(&kept); err != nil || kept != 3 {
		t.Errorf("%d lines kept, %v", kept, err)
	}
}

// The whole network is gone for a while, websockets too: afterwards everything is back within two seconds.
func TestNetworkGone(t *testing.T) {
	t.Parallel()
	var air *sfutest.Impaired
	hospital := openHospital(t, func(c *server.Config) {
		c.WrapUDP = func(conn net.PacketConn) net.PacketConn {
			air = sfutest.Impair(conn, 1)
			return air
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, clients := hospital.meet(ctx, t, 2)
	air.Lose(1, 1)
	clients[1].Cut()
	time.Sleep(2 * time.Second)
	if err := clients[0].Restart(); err != nil { // gets an answer, but nothing through
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	air.Lose(0, 0)
	begin := time.Now()
	if err := clients[1].Resume(ctx); err != nil {
		t.Fatal(err)
	}
	frames := make([]uint64, len(clients))
	for i, c := range clients {
		counts, _ := c.State().Shows(clients[1-i].State().You, sourceCamera)
		frames[i] = counts.Frames
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range clients {
		if _, err := c.Wait(ctx, func(s State) bool {
			counts, _ := s.Shows(clients[1-i].State().You, sourceCamera)
			return counts.Frames > frames[i]
		}); err != nil {
			t.Fatal(err)
		}
	}
	back := time.Since(begin)
	t.Logf("back %v after the network", back)
	if back > 2*time.Second {
		t.Errorf("back %v after the network", back)
	}
}
