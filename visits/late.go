package visits

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
)

// latePath is where a page asks that waits for its visit to open, by the code of its link.
const latePath = "/api/v1/late"

// KeepLate keeps that a visit begins so many minutes later than planned, in the transaction of the act that says so: pages of people who wait show it.
func (s *Service) KeepLate(ctx context.Context, tx *store.Tx, v Visit, minutes int) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO visit_late (visit_id, sequence, minutes, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (visit_id) DO UPDATE SET sequence = excluded.sequence, minutes = excluded.minutes, at = excluded.at`, v.ID, v.Sequence, minutes, store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("keep that a visit is late: %w", err)
	}
	return nil
}

// late is how many minutes later than planned a visit begins, as people were told last; 0: it does not, or it has begun.
func (s *Service) late(ctx context.Context, v Visit) (minutes int, err error) {
	if v.State != Scheduled && v.State != Open {
		return 0, nil
	}
	err = s.config.DB.QueryRowContext(ctx, `SELECT minutes FROM visit_late WHERE visit_id = ? AND sequence = ?`, v.ID, v.Sequence).Scan(&minutes)
	if errors.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read whether a visit is late: %w", err)
	}
	return minutes, nil
}

// serveLate tells the holder of a session's cookie, who may be early. It leaves no audit row, and reveals nothing but a number.
func (s *Service) serveLate(w http.ResponseWriter, r *http.Request) {
	e, err := s.session(r.Context(), s.config.DB, r.PathValue("visit"), sessionOf(r))
	s.answerLate(w, r, e, early(err))
}

// serveLateOf tells the holder of a link, likewise, who may not be asked for the date of birth yet.
func (s *Service) serveLateOf(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code string `json:"code"`
	}
	if err := web.ReadJSON(w, r, maxBody, &in); err != nil {
		web.Problem(w, r, err)
		return
	}
	e, err := s.holderOf(r.Context(), in.Code)
	s.answerLate(w, r, e, early(err))
}

// holderOf reads whose code it is, and judges whether they may come in.
func (s *Service) holderOf(ctx context.Context, code string) (e Entry, err error) {
	if !looksLikeCode(code) {
		return Entry{}, fault.NotFound
	}
	var invitation string
	var generation int
	err = s.config.DB.QueryRowContext(ctx, `SELECT invitation_id, generation FROM invitation_codes WHERE hash = ?`, hashOf(code)).Scan(&invitation, &generation)
	if err != nil {
		return Entry{}, fmt.Errorf("look a code up: %w", err)
	}
	if e.Visit, e.You, err = s.holder(ctx, s.config.DB, invitation); err != nil {
		return Entry{}, err
	}
	return e, s.admissible(e.Visit, e.You, generation)
}

func (s *Service) answerLate(w http.ResponseWriter, r *http.Request, e Entry, err error) {
	var out struct {
		Minutes int `json:"minutes"`
	}
	if err == nil {
		out.Minutes, err = s.late(r.Context(), e.Visit)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, out)
}
