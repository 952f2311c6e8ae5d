package retention

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits/desk"
)

// holdPath is the page on which a visit, or a patient with all visits, is held from deletion, or let go.
func holdPath(about store.Subject) string { return Path + "/" + about.Kind + "s/" + about.ID }

// pageOf is the page of a visit or a patient.
func pageOf(about store.Subject) string {
	if about.Kind == "patient" {
		return people.Path + "/" + about.ID
	}
	return desk.Path + "/visits/" + about.ID
}

// holdsOn are what keeps a visit or a patient: a hold on it, and of a visit one on its patient; nil: there is none.
func (s *Service) holdsOn(ctx context.Context, q store.Queryer, about store.Subject) (own, patients *Hold, err error) {
	all, err := store.Collect(ctx, q, s.scanHold, `SELECT subject_kind, subject_id, reason, held_by, held_at FROM retention_holds WHERE subject_kind = ? AND subject_id = ?
		UNION ALL
		SELECT h.subject_kind, h.subject_id, h.reason, h.held_by, h.held_at FROM retention_holds h JOIN visits v ON v.patient_id = h.subject_id
		WHERE h.subject_kind = 'patient' AND ? = 'visit' AND v.id = ?`, about.Kind, about.ID, about.Kind, about.ID)
	for i := range all {
		if all[i].About == about {
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

// HoldOn shows what keeps a visit or a patient from deletion, whatever the days say: a hold on it, and of a visit one on its patient; nil: there is none.
// Errors: fault.NotAllowed, fault.NotFound.
func (s *Service) HoldOn(ctx context.Context, actor auth.Actor, about store.Subject) (own, patients *Hold, err error) {
	err = s.config.DB.Do(ctx, s.act(actor, "retention.read", about), s.config.Policy.Allows(actor, Write), func(tx *store.Tx, _ *store.Act) error {
		if err := s.config.Exists(ctx, about); err != nil {
			return err
		}
		own, patients, err = s.holdsOn(ctx, tx, about)
		return err
	})
	return own, patients, err
}

// Note is what a visit's page says of it to those who may hold it: whether it is held, without why. It leaves no audit row: the page does.
func (s *Service) Note(ctx context.Context, actor auth.Actor, visit string, said *words.Words) (desk.Note, error) {
	text, button, path, err := s.note(ctx, actor, store.About("visit", visit), said)
	return desk.Note{Text: text, Button: button, Path: path}, err
}

// PatientNote is Note for a patient's page.
func (s *Service) PatientNote(ctx context.Context, actor auth.Actor, patient string, said *words.Words) (people.Note, error) {
	text, button, path, err := s.note(ctx, actor, store.About("patient", patient), said)
	return people.Note{Text: text, Button: button, Path: path}, err
}

func (s *Service) note(ctx context.Context, actor auth.Actor, about store.Subject, said *words.Words) (text, button, path string, err error) {
	if !s.config.Policy.Allows(actor, Write) {
		return "", "", "", nil
	}
	zone, err := s.firstZone(ctx)
	if err != nil {
		return "", "", "", err
	}
	own, patients, err := s.holdsOn(ctx, s.config.DB, about)
	button = said.T("retention.note.hold")
	if own != nil {
		button = said.T("retention.note.look")
	}
	switch {
	case own != nil && about.Kind == "visit":
		text = said.T("retention.note.held", "day", said.Date(own.At.In(zone)))
	case own != nil:
		text = said.T("retention.note.patient", "day", said.Date(own.At.In(zone)))
	case patients != nil:
		text = said.T("retention.note.patient", "day", said.Date(patients.At.In(zone)))
	}
	return text, button, holdPath(about), err
}

// oneView is the page of one visit or patient.
type oneView struct {
	Title, Body    string
	Path           string
	Back, BackText string
	Held, Since    string // why it is held, and since when; empty: it is not
	Patient        string // since when all visits of a visit's patient are; likewise
	Reason         string // as typed
	Problems       web.Problems
	Done           string
	MaxReason      int
}

func (s *Service) onePage(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := oneView{}
		switch done := r.URL.Query().Get("done"); done {
		case "held", "released":
			v.Done = s.config.Pages.Words(r).T("retention.done." + done)
		}
		s.showOne(w, r, http.StatusOK, store.About(kind, web.PathID(r, kind)), v)
	}
}

func (s *Service) showOne(w http.ResponseWriter, r *http.Request, status int, about store.Subject, v oneView) {
	said := s.config.Pages.Words(r)
	own, patients, err := s.HoldOn(r.Context(), web.Actor(r.Context()), about)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	zone, err := s.firstZone(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	v.Title, v.Body = said.T("retention."+about.Kind+".title"), said.T("retention."+about.Kind+".body")
	v.Path, v.Back, v.BackText, v.MaxReason = holdPath(about), pageOf(about), said.T("retention."+about.Kind+".back"), MaxReason
	if own != nil {
		v.Held, v.Since = own.Reason.Reveal(), said.Date(own.At.In(zone))
	}
	if patients != nil {
		v.Patient = said.Date(patients.At.In(zone))
	}
	active := desk.Path
	if about.Kind == "patient" {
		active = people.Path
	}
	s.config.Pages.Render(w, r, status, "retention/one", web.Page{Title: v.Title, Error: len(v.Problems) > 0, Active: active, Body: v})
}

func (s *Service) holdOne(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !web.ReadForm(w, r) {
			return
		}
		about, reason := store.About(kind, web.PathID(r, kind)), r.PostForm.Get("reason")
		err := s.Hold(r.Context(), web.Actor(r.Context()), about, phi.Text(reason))
		if err == nil {
			web.Redirect(w, r, holdPath(about)+"?done=held")
			return
		}
		v := oneView{Reason: reason}
		var held *heldError
		if errors.As(err, &held) {
			zone, err := s.firstZone(r.Context())
			if err != nil {
				web.Problem(w, r, err)
				return
			}
			v.Problems = web.Problems{heldWords(s.config.Pages.Words(r), held.hold, zone)}
			s.showOne(w, r, http.StatusConflict, about, v)
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
		s.showOne(w, r, http.StatusUnprocessableEntity, about, v) // where there is no such thing, that is told
	}
}

func (s *Service) releaseOne(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		about := store.About(kind, web.PathID(r, kind))
		err := s.Release(r.Context(), web.Actor(r.Context()), about)
		if err != nil && !errors.Is(err, fault.NotFound) { // it is released already
			web.Problem(w, r, err)
			return
		}
		web.Redirect(w, r, holdPath(about)+"?done=released")
	}
}
