package notify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/notify/mailtest"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// several is a message that tells of several things in one.
func (o *office) several(key string, of ...string) notify.Message {
	m := o.message(key)
	m.About = "series"
	for _, part := range of {
		m.Parts = append(m.Parts, notify.Part{About: "visit-" + part, Key: part})
	}
	return m
}

// partKeys are the keys of a message's parts, in one.
func partKeys(m notify.Message) string {
	var keys []string
	for _, p := range m.Parts {
		keys = append(keys, p.Key)
	}
	return strings.Join(keys, " ")
}

// TestParts: each of the things that a message tells is told once, by whatever message; what is stopped up to the last moment is left out, and what a text left out
// is told by another.
func TestParts(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	var composed []string
	var meanwhile func()
	tells := func(m notify.Message) []string { return nil }
	o.compose = func(m notify.Message) (notify.Content, error) {
		composed = append(composed, m.Key+": "+partKeys(m))
		if meanwhile != nil {
			meanwhile()
			meanwhile = nil
		}
		return notify.Content{Subject: "Your visits", Text: text, Tells: tells(m)}, nil
	}
	first := o.several("first", "c", "a", "b", "d")
	o.put(first)
	o.stop("visit-d")
	o.put(o.several("second", "b", "e")) // takes b over
	o.put(o.several("third", "e"))       // and this all that is left but b
	meanwhile = func() { o.stop("visit-a") }
	o.due()
	got := slices.Clone(composed)
	slices.Sort(got)
	if want := []string{"first: c", "first: c a", "second: b", "third: e"}; !slices.Equal(got, want) || len(server.Letters()) != 3 {
		t.Fatalf("%d letters of %q, want %q", len(server.Letters()), got, want)
	}
	for _, key := range []string{"b", "c", "e"} {
		if s := o.status(key); s.State != notify.Sent || !s.Part || s.Key != key {
			t.Errorf("%s: %+v", key, s)
		}
	}
	if all, err := o.About(t.Context(), "visit-a"); err != nil || len(all) != 0 {
		t.Errorf("of what was taken out: %+v, %v", all, err)
	}

	expect := func(want string) {
		t.Helper()
		before := len(server.Letters())
		composed = nil
		o.due()
		if !slices.Equal(composed, []string{want}) || len(server.Letters()) != before+1 {
			t.Errorf("%d letters of %q, want %q", len(server.Letters())-before, composed, want)
		}
	}
	o.put(o.several("fourth", "c", "f", "g")) // c is told
	o.put(o.message("b"))                     // so is b
	tells = func(notify.Message) []string { return []string{"f"} }
	expect("fourth: f g")
	tells = func(notify.Message) []string { return nil }
	alone := o.message("h")
	alone.At = o.clock.Now().Add(time.Hour)
	o.put(alone)
	o.put(o.several("fifth", "f", "g", "h")) // f is told, g was left out, and h is told alone in an hour
	expect("fifth: g")
	o.clock.Pass(time.Hour)
	expect("h: ")

	waits := o.several("sixth", "i", "j")
	waits.At = o.clock.Now().Add(time.Hour)
	o.put(waits)
	o.put(o.several("sixth", "j", "k")) // put anew, it tells what it says now
	expect("sixth: j k")
	waits.Key = "seventh"
	waits.Parts = o.several("seventh", "l", "m").Parts
	o.put(waits)
	o.put(o.message("seventh"))
	expect("seventh: ")
}

// TestPartsAreForgotten: a message goes with the last of what it told, whatever became of it.
func TestPartsAreForgotten(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	o.put(o.several("sent", "a", "b"))
	o.due()
	waits := o.several("waits", "c", "b2")
	waits.Parts[1].About = "visit-b"
	waits.At = o.clock.Now().Add(time.Hour)
	o.put(waits)
	for n, want := range []string{"2 messages, 2 parts, 1 jobs", "1 messages, 1 parts, 1 jobs", "0 messages, 0 parts, 0 jobs"} {
		o.tx(func(tx *store.Tx) error { return o.Forget(t.Context(), tx, "visit-"+[]string{"b", "a", "c"}[n]) })
		count := func(table string) int { return o.count(`SELECT COUNT(*) FROM ` + table) }
		if got := fmt.Sprintf("%d messages, %d parts, %d jobs", count("notify_messages"), count("notify_parts"), count("jobs")); got != want {
			t.Errorf("after %d: %s, want %s", n+1, got, want)
		}
	}
}

// TestPartsUnsettled: what nobody knows of a message stands in the list once, and with each thing that it tells, from where it is sent again.
func TestPartsUnsettled(t *testing.T) {
	o := newOffice(t, ways{})
	o.put(o.several("first", "b", "a"))
	o.put(o.message("c"))
	o.due()
	all, err := o.Unsettled(t.Context(), 5)
	if err != nil || len(all) != 2 {
		t.Fatalf("unsettled: %+v, %v", all, err)
	}
	first := all[slices.IndexFunc(all, func(s notify.Status) bool { return s.Part })]
	if first.Key != "b" || first.About != "visit-b" || first.ID != o.status("a").ID || o.status("a").State != notify.Failed {
		t.Errorf("by its first: %+v", first)
	}
	if err := o.Again(t.Context(), auth.Operator(), true, "visit-c", first.ID); err == nil {
		t.Error("sent again from what it says nothing of")
	}
	o.stop("visit-b")
	if err := o.Again(t.Context(), auth.Operator(), true, "visit-a", first.ID); err != nil {
		t.Error(err)
	}
	o.expect("a", notify.Waiting, "")
}

// TestSeriesLetter: a file for keeping is attached and nothing else, and words lead where the link behind them does.
func TestSeriesLetter(t *testing.T) {
	server := mailtest.Start(t, mailtest.Options{})
	o := newOffice(t, ways{mail: newMail(t, server.URL())})
	o.compose = func(notify.Message) (notify.Content, error) {
		return notify.Content{Subject: "Your visits", Text: phi.Text("Wednesday <https://visits.example.org/v#CANARY>\n1 < 2 <b>\nsee <javascript:alert(1)>"),
			Attachments: []notify.Attachment{{Name: "visits.ics", Type: "text/calendar; method=PUBLISH; charset=utf-8", Body: []byte("BEGIN:VCALENDAR\r\n")}}}, nil
	}
	o.put(o.message("a"))
	o.due()
	raw := string(server.Letters()[0].Raw)
	if strings.Count(raw, "Content-Type: text/calendar") != 1 || !strings.Contains(raw, `attachment; filename="visits.ics"`) {
		t.Errorf("not one calendar in\n%s", raw)
	}
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "=\r\n", ""), "=3D", "=")
	for _, want := range []string{`<a href="https://visits.example.org/v#CANARY" style="display: inline-block; padding: .4em 0">Wednesday</a>`, `1 &lt; 2 &lt;b&gt;<br>see &lt;javascript:alert(1)&gt;`,
		"\nWednesday <https://visits.example.org/v#CANARY>"} {
		if !strings.Contains(raw, want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
}
