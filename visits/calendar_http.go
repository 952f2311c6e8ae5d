package visits

import (
	"net/http"
	"strconv"

	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits/calendar"
)

// serveCalendar gives who holds a visit's cookie its calendar file, to keep by themself.
func (s *Service) serveCalendar(w http.ResponseWriter, r *http.Request) {
	var whole Visit
	e, err := s.ownAct(r.Context(), "calendar.read", r.PathValue("visit"), sessionOf(r), func(tx *store.Tx, e Entry, _ *store.Act) (err error) {
		whole, err = s.visitWhole(r.Context(), tx, e.Visit.ID)
		return err
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	event, err := s.CalendarEvent(r.Context(), whole, e.You, s.wordsOf(r, e.You))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	file := event.File(calendar.Save, s.now())
	w.Header().Set("Content-Type", calendar.Save.MediaType())
	w.Header().Set("Content-Disposition", `attachment; filename="`+calendar.FileName+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	_, _ = w.Write(file) // #nosec G705 -- an attachment of text/calendar, which no browser runs; whoever is gone gets nothing
}

// wordsOf are the words of somebody whose browser sends a request: in the language they chose, else that of their invitation, else their browser's.
func (s *Service) wordsOf(r *http.Request, i Invitation) *words.Words {
	if _, err := r.Cookie(words.Cookie); err != nil && i.Language != "" {
		return s.config.Words.In(i.Language)
	}
	return s.config.Words.For(r)
}
