package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/visits"
)

// longestTell is how many characters may be told: as many as on the visit page.
const longestTell = 500

// readyWords name what can be told by one tap. The visit page has words for them in every language.
var readyWords = []string{"soon", "late", "sound"}

// tellForm is the form by which somebody is told something.
type tellForm struct {
	about
	Note    string // its own id: sent twice, it tells once
	Text    string
	Ready   []choice
	Nobody  bool // waits any more
	Longest int
}

func (q *Queue) askTell(w http.ResponseWriter, r *http.Request) {
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q.showTell(w, r, http.StatusOK, a, v, tellForm{Note: store.NewID()})
}

func (q *Queue) showTell(w http.ResponseWriter, r *http.Request, status int, a asked, v visits.Visit, f tellForm) {
	present, _ := q.config.Rooms.Present(r.Context()) // what is not known is shown as nobody
	f.Entry, _ = q.entry(a, v, present[v.ID])
	f.Longest = longestTell
	for _, name := range readyWords {
		f.Ready = append(f.Ready, choice{name, a.own.T("tell." + name)})
	}
	q.config.Pages.Render(w, r, status, "queue/tell", web.Page{Title: a.own.T("queue.tell.title"), Error: len(f.Problems) > 0, Active: Path, Body: f})
}

// tell says something to all who wait in a visit that the reader leads.
func (q *Queue) tell(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	v, a, err := q.toDo(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f := tellForm{Note: r.PostForm.Get("note"), Text: strings.TrimSpace(typed.Prose(r.PostForm.Get("text")))}
	if !store.IsID(f.Note) {
		f.Note = store.NewID()
	}
	note := Note{Text: phi.Text(f.Text)}
	if ready := r.PostForm.Get("ready"); slices.Contains(readyWords, ready) {
		note.Ready, note.Text = ready, phi.Text(a.own.T("tell."+ready))
	}
	note.ID = noteID(f.Note, note)
	wrong := ""
	switch length := utf8.RuneCountInString(note.Text.Reveal()); {
	case length == 0:
		wrong = a.own.T("queue.tell.empty")
	case length > longestTell:
		wrong = a.own.N("queue.tell.long", longestTell)
	}
	if wrong != "" {
		f.Problems = web.Problems{{Field: "text", Text: wrong}}
		q.again(w, r, func(a asked, v visits.Visit) { q.showTell(w, r, http.StatusUnprocessableEntity, a, v, f) })
		return
	}
	err = q.say(r, a, v.ID, note)
	var p *fault.Problem
	switch {
	case errors.Is(err, fault.NotFound):
		f.Nobody = true
		q.again(w, r, func(a asked, v visits.Visit) { q.showTell(w, r, http.StatusConflict, a, v, f) })
	case errors.As(err, &p) && p.Key == "too_often":
		f.Text = note.Text.Reveal()
		minutes := int((p.RetryAfter + time.Minute - 1) / time.Minute)
		f.Problems = web.Problems{{Field: "text", Text: a.own.N("queue.tell.often", minutes)}}
		w.Header().Set("Retry-After", strconv.Itoa(int(p.RetryAfter/time.Second)))
		q.again(w, r, func(a asked, v visits.Visit) { q.showTell(w, r, http.StatusTooManyRequests, a, v, f) })
	default:
		q.did(w, r, "told", err)
	}
}

// noteID is the id of a note that a form tells: sent twice it is the same one, and another when a browser went back to the form for other words. What is random
// in it keeps anybody from finding the words by their hash.
func noteID(form string, n Note) string {
	sum := sha256.Sum256([]byte(form + "|" + n.Ready + "|" + n.Text.Reveal()))
	return hex.EncodeToString(sum[:16])
}

// say has a note told, and the audit has whether it was.
func (q *Queue) say(r *http.Request, a asked, visit string, note Note) error {
	ctx := r.Context()
	by, err := q.config.Visits.Speak(ctx, a.actor, visit)
	if err != nil {
		return err
	}
	return q.config.Visits.Spoke(ctx, a.actor, visit, by, q.config.Rooms.Tell(ctx, visit, by, note))
}
