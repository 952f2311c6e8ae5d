package visits

import (
	"errors"
	"net/http"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

func (s *Service) serveConsent(w http.ResponseWriter, r *http.Request) {
	q, err := s.Consent(r.Context(), r.PathValue("visit"), sessionOf(r), r.URL.Query().Get("language"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, struct {
		Version  string   `json:"version"`
		Language string   `json:"language"`
		Text     string   `json:"text"`
		Whom     []string `json:"whom"`
	}{q.Version, q.Language, q.Text, q.Whom})
}

func (s *Service) serveConsentGiven(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Version  string `json:"version"`
		Language string `json:"language"`
		For      string `json:"for"`
	}
	if err := s.readOwn(w, r, &in); err != nil {
		web.Problem(w, r, err)
		return
	}
	if err := s.GiveConsent(r.Context(), r.PathValue("visit"), sessionOf(r), ConsentGiven(in)); err != nil {
		web.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) serveInvite(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name     phi.Text  `json:"name"`
		Role     auth.Role `json:"role"`
		Language string    `json:"language"`
	}
	if err := s.readOwn(w, r, &in); err != nil {
		web.Problem(w, r, err)
		return
	}
	link, err := s.InviteFrom(r.Context(), r.PathValue("visit"), sessionOf(r), Person{Name: in.Name, Role: in.Role, Language: in.Language})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, http.StatusCreated, struct {
		Name phi.Text  `json:"name"`
		Role auth.Role `json:"role"`
		Link string    `json:"link"`
	}{link.Invitation.Name, link.Invitation.Role, link.URL})
}

// readOwn reads the body of a request that needs a session's cookie. Strangers are not even told what is wrong with it.
func (s *Service) readOwn(w http.ResponseWriter, r *http.Request, to any) error {
	if _, err := s.Caller(r); errors.Is(err, fault.NotFound) {
		return err
	}
	return web.ReadJSON(w, r, maxBody, to)
}
