package visits

import (
	"context"
	"net/http"
	"time"

	"housecall/platform/web"
)

// iceJSON is a server that helps a browser to get through its network, in the browser's own words (RTCIceServer): docs/protocol.md, section 2.
type iceJSON struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
	Expires    string   `json:"expires"`
}

// ice gives the holder of a session's cookie credentials for the relay; none where there is no relay. It may be too early for the visit, since the device check needs them. It leaves no audit row, and reveals nothing.
func (s *Service) ice(ctx context.Context, visit, token string) ([]iceJSON, error) {
	e, err := s.session(ctx, s.config.DB, visit, token)
	if err := early(err); err != nil {
		return nil, err
	}
	servers := []iceJSON{}
	if len(s.config.RelayURLs) > 0 {
		c := s.config.Relay.Issue(e.Visit.ID, e.You.ID, e.Session, e.checked)
		servers = append(servers, iceJSON{URLs: s.config.RelayURLs, Username: c.Username, Credential: c.Password, Expires: c.ExpiresAt.UTC().Format(time.RFC3339)})
	}
	return servers, nil
}

// serveICE gives credentials anew, and a name of the network that the browser calls from: the same each time, and telling nobody which it is.
func (s *Service) serveICE(w http.ResponseWriter, r *http.Request) {
	servers, err := s.ice(r.Context(), r.PathValue("visit"), sessionOf(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, struct {
		ICE     []iceJSON `json:"ice"`
		Network string    `json:"network"`
	}{servers, s.config.Relay.NetworkTag(web.Network(r))})
}
