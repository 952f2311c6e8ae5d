package retention

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// visitPath is the page on which a visit is held from deletion, or let go.
func visitPath(visit string) string { return Path + "/visits/" + visit }

// holdsOn are what keeps a visit: a hold on it, and one on its patient; nil: there is none.
func (s *Service) holdsOn(ctx context.Context, q store.Queryer, visit string) (own, patients *Hold, err error) {
	all, err := store.Collect(ctx, q, s.scanHold, `SELECT subject_kind, subject_id, reason, held_by, held_at FROM retention_holds WHERE subject_kind = 'visit' AND subject_id = ?
		UNION ALL
		SELECT h.subject_kind, h.subject_id, h.reason, h.held_by, h.held_at FROM retention_holds h JOIN visits v ON v.patient_id = h.subject_id
		WHERE h.subject_kind = 'patient' AND v.id = ?`, visit, visit)
	for i := range all {
		if all[i].About.Kind == "visit" {
			own = &all[i]
		} else {
			patients = &all[i]
		}
	}
	return own, patients, err
}

func (s *Service) scanHold(r *sql.Rows) (h Hold, err error) {
	var at int64
	var sealed string
	if err := r.Scan(&h.About.Kind, &h.About.ID, &sealed, &h.By, &at); err != nil {
		return Hold{}, err
	}
	h.At = store.Time(at)
	reason, err := s.config.Vault.Open(sealed, holdPlace(h.About))
	h.Reason = phi.Text(reason)
	return h, err
}

// HoldOn shows what keeps a visit from deletion, whatever the days say: a hold on it, and one on its patient; nil: there is none. Errors: fault.NotAllowed, fault.NotFound.
func (s *Service) HoldOn(ctx context.Context, actor auth.Actor, visit string) (own, patients *Hold, err error) {
	about := store.About("visit", visit)
	err = s.config.DB.Do(ctx, s.act(actor, "retention.read", about), s.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) error {
		if err := s.config.Exists(ctx, about); err != nil {
			return err
		}
		own, patients, err = s.holdsOn(ctx, tx, visit)
		return err
	})
	return own, patients, err
}

// Note is what a visit's page says of it to those who may hold it: whether it is held, without why. It leaves no audit row: the page does.
func (s *Service) Note(ctx context.Context, actor auth.Actor, visit string, said *words.Words) (visits.VisitNote, error) {
	if !s.config.Policy.Allows(actor, Write) {
		return visits.VisitNote{}, nil
	}
	own, patients, err := s.holdsOn(ctx, s.config.DB, visit)
	note := visits.VisitNote{Button: said.T("retention.note.hold"), Path: visitPath(visit)}
	switch {
	case own != nil:
		note.Text, note.Button = said.T("retention.note.held", "day", said.Date(own.At.In(s.config.Zone))), said.T("retention.note.look")
	case patients != nil:
		note.Text = said.T("retention.note.patient", "day", said.Date(patients.At.In(s.config.Zone)))
	}
	return note, err
}

// visitView is the page of one visit.
type visitView struct {
	Path, Back  string
	Held, Since string // why it is held, and since when; empty: it is not
	Patient     string // since when all visits of its patient are; likewise
	Reason      string // as typed
	Problems    web.Problems
	Done        string
	MaxReason   int
}

func (s *Service) visitPage(w http.ResponseWriter, r *http.Request) {
	v := visitView{}
	switch done := r.URL.Query().Get("done"); done {
	case "held", "released":
		v.Done = s.config.Pages.Words(r).T("retention.done." + done)
	}
	s.showVisit(w, r, http.StatusOK, v)
}

func (s *Service) showVisit(w http.ResponseWriter, r *http.Request, status int, v visitView) {
	said, visit := s.config.Pages.Words(r), web.PathID(r, "visit")
	own, patients, err := s.HoldOn(r.Context(), web.Actor(r.Context()), visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Path, v.Back, v.MaxReason = visitPath(visit), visits.DeskPath+"/visits/"+visit, MaxReason
	if own != nil {
		v.Held, v.Since = own.Reason.Reveal(), said.Date(own.At.In(s.config.Zone))
	}
	if patients != nil {
		v.Patient = said.Date(patients.At.In(s.config.Zone))
	}
	s.config.Pages.Render(w, r, status, "retention/visit", web.Page{Title: said.T("retention.visit.title"), Error: len(v.Problems) > 0, Active: visits.DeskPath, Body: v})
}

func (s *Service) holdVisit(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	visit, reason := web.PathID(r, "visit"), r.PostForm.Get("reason")
	err := s.Hold(r.Context(), web.Actor(r.Context()), store.About("visit", visit), phi.Text(reason))
	if err == nil {
		web.Redirect(w, r, visitPath(visit)+"?done=held")
		return
	}
	v := visitView{Reason: reason}
	var held *heldError
	if errors.As(err, &held) {
		v.Problems = web.Problems{s.heldWords(s.config.Pages.Words(r), held.hold)}
		s.showVisit(w, r, http.StatusConflict, v)
		return
	}
	fields, ok := fault.FieldsOf(err)
	if !ok {
		web.Problem(w, r, err)
		return
	}
	for _, f := range fields {
		v.Problems = append(v.Problems, web.FieldProblem{Field: f.Field, Text: s.config.Pages.Words(r).T("retention.wrong."+f.Field, "most", MaxReason)})
	}
	s.showVisit(w, r, http.StatusUnprocessableEntity, v) // where there is no such visit, that is told
}

func (s *Service) releaseVisit(w http.ResponseWriter, r *http.Request) {
	visit := web.PathID(r, "visit")
	err := s.Release(r.Context(), web.Actor(r.Context()), store.About("visit", visit))
	if err != nil && !errors.Is(err, fault.NotFound) { // it is released already
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, visitPath(visit)+"?done=released")
}
