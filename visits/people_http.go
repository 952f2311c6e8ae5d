package visits

import (
	"net/http"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/web"
)

func (s *Service) serveInvite(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name     phi.Text  `json:"name"`
		Role     auth.Role `json:"role"`
		Language string    `json:"language"`
	}
	if !readBody(w, r, &in) {
		return
	}
	link, err := s.InviteFrom(r.Context(), r.PathValue("visit"), sessionOf(r), Person(in))
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
