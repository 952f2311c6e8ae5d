package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
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
	v, a, err := q.one(r, "queue.visit")
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	f := tellForm{Note: r.PostForm.Get("note"), Text: strings.TrimSpace(r.PostForm.Get("text"))}
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
		q.showTell(w, r, http.StatusUnprocessableEntity, a, v, f)
		return
	}
	err = fault.NotFound
	if q.maybeWaits(r.Context(), v.ID) {
		err = q.say(r, a, v.ID, note)
	}
	if errors.Is(err, fault.NotFound) {
		f.Nobody = true
		q.showTell(w, r, http.StatusConflict, a, v, f)
		return
	}
	q.did(w, r, "told", err)
}

// noteID is the id of a note that a form tells: sent twice it is the same one, and another when a browser went back to the form for other words. What is random
// in it keeps anybody from finding the words by their hash.
func noteID(form string, n Note) string {
	sum := sha256.Sum256([]byte(form + "|" + n.Ready + "|" + n.Text.Reveal()))
	return hex.EncodeToString(sum[:16])
}

// maybeWaits says whether anybody waits in a visit, as far as is known: where nobody does, nothing is said, and the audit must not have that it was.
func (q *Queue) maybeWaits(ctx context.Context, visit string) bool {
	present, err := q.config.Rooms.Present(ctx)
	return err != nil || slices.ContainsFunc(present[visit], func(p Present) bool { return p.Waiting })
}

// say has a note told.
func (q *Queue) say(r *http.Request, a asked, visit string, note Note) error {
	by, err := q.config.Visits.Speak(r.Context(), a.actor, visit)
	if err != nil {
		return err
	}
	return q.config.Rooms.Tell(r.Context(), visit, by, note)
}
