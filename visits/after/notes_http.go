package after

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

// What one browser may write: far more than anybody types, since it waits for each answer and a moment more.
const (
	noteLimit  = 120
	noteWindow = time.Minute
	maxBody    = web.DefaultMaxBody // bytes
)

// noteJSON is a note as its author's browser gets it.
type noteJSON struct {
	Revision int       `json:"revision"`
	Text     *phi.Text `json:"text,omitempty"` // nil: it is what was sent
	SavedAt  string    `json:"saved_at,omitempty"`
	Signed   bool      `json:"signed"`
}

func newNoteJSON(n Note) noteJSON {
	out := noteJSON{Revision: n.Revision, Signed: n.Signed()}
	if !n.SavedAt.IsZero() {
		out.SavedAt = n.SavedAt.Format(time.RFC3339)
	}
	return out
}

// Routes adds the pages, and what browsers call while somebody types.
func (s *Service) Routes(routes *web.Routes) {
	s.familyRoutes(routes)
	s.pageRoutes(routes)
	s.fileRoutes(routes)
	routes.HandleFunc("GET /v/{visit}/note", web.Invited(NoteWrite), s.serveNote(s.invited))
	routes.HandleFunc("PUT /v/{visit}/note", web.Invited(NoteWrite), s.serveWrite(s.invited))
	routes.HandleFunc("GET "+notePath("{visit}"), web.Staff(NoteWrite), s.serveNote(signed))
	routes.HandleFunc("PUT "+notePath("{visit}"), web.Staff(NoteWrite), s.serveWrite(signed))
}

// notePath is where a clinician's own note of a visit is saved.
func notePath(visit string) string { return "/desk/visits/" + visit + "/note" }

// signed is who is signed in.
func signed(r *http.Request) (Writer, error) {
	return Signed(web.Actor(r.Context()), r.PathValue("visit")), nil
}

// invited is who holds the visit's cookie. Strangers are turned away without a trace, and whoever may not write too.
func (s *Service) invited(r *http.Request) (Writer, error) {
	e, err := s.config.Visits.Holder(r)
	if err != nil {
		return Writer{}, err
	}
	if err := web.Allow(r.Context(), s.config.Limiter, "note:"+e.Session, noteLimit, noteWindow); err != nil {
		return Writer{}, err
	}
	return Invited(e), nil
}

func (s *Service) serveNote(who func(*http.Request) (Writer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		writer, err := who(r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		n, err := s.Mine(r.Context(), writer)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		out := newNoteJSON(n)
		out.Text = &n.Text
		reply(w, http.StatusOK, out)
	}
}

func (s *Service) serveWrite(who func(*http.Request) (Writer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		writer, err := who(r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		var in struct {
			Key  string   `json:"key"`
			Base int      `json:"base"`
			Text phi.Text `json:"text"`
		}
		if err := web.ReadJSON(w, r, maxBody, &in); err != nil {
			web.Problem(w, r, err)
			return
		}
		n, err := s.Save(r.Context(), writer, Write(in))
		var changed *ChangedError
		if errors.As(err, &changed) {
			err = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Detail: "The note was changed elsewhere meanwhile. Both texts are kept: write them together.",
				Fields: map[string]any{"note": conflictJSON(changed.Now)}}
		}
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		reply(w, http.StatusOK, newNoteJSON(n))
	}
}

func conflictJSON(n Note) noteJSON {
	out := newNoteJSON(n)
	out.Text = &n.Text
	return out
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever is gone gets nothing
}
