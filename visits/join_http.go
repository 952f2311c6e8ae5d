package visits

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	jsonx "github.com/go-json-experiment/json"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/web"
)

const (
	joinPath      = "/api/v1/join"
	deviceCookie  = "housecall_device"
	sessionCookie = "housecall_visit"
	deviceLife    = 365 * 24 * time.Hour

	// Redemptions one network may try. A code has 128 bits, so this is not what keeps guessers out; it keeps them from being a burden.
	joinLimit  = 60
	joinWindow = time.Minute
	maxJoin    = 4 << 10 // bytes of a redemption
)

func (s *Service) joinRoutes(mux *http.ServeMux) {
	limit := web.Limit(s.config.Limiter, "join", joinLimit, joinWindow)
	mux.Handle("POST "+joinPath, limit(http.HandlerFunc(s.serveJoin)))
	mux.HandleFunc("GET /v/{visit}/session", s.serveSession)
	mux.HandleFunc("POST /v/{visit}/pass", s.servePass)
}

// entryJSON is a visit as the person who comes may see it: docs/protocol.md, section 1.
type entryJSON struct {
	Visit    string  `json:"visit"`
	Path     string  `json:"path"`
	Site     string  `json:"site"`
	Service  string  `json:"service"`
	StartsAt string  `json:"starts_at"`
	EndsAt   string  `json:"ends_at"`
	You      youJSON `json:"you"`
}

type youJSON struct {
	Name phi.Text `json:"name"`
	Role string   `json:"role"`
}

func (s *Service) serveJoin(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code      string   `json:"code"`
		BirthDate phi.Text `json:"birth_date"`
	}
	err := jsonx.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxJoin), &in, jsonx.RejectUnknownMembers(true))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		web.Problem(w, r, err)
		return
	case err != nil:
		// The cause may quote what was sent, so it goes nowhere.
		web.Problem(w, r, &fault.Problem{Kind: fault.NotValid, Detail: "The request is not as described in the protocol."})
		return
	}
	device := ""
	if c, err := r.Cookie(deviceCookie); err == nil {
		device = c.Value
	}
	e, err := s.Redeem(r.Context(), Redemption{Code: in.Code, BirthDate: in.BirthDate, Device: device})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(deviceCookie, e.Device, joinPath, deviceLife))
	http.SetCookie(w, s.cookie(sessionCookie, e.Token, e.Visit.path(), e.Visit.ClosesAt.Sub(s.now())))
	s.answer(w, s.entryJSON(e))
}

// cookie makes a cookie that scripts don't see and other sites cannot make a browser send.
func (s *Service) cookie(name, value, path string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: max(1, int(life.Seconds())),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode}
}

// path is where everything of the live visit is.
func (v Visit) path() string { return "/v/" + v.ID + "/" }

func (s *Service) entryJSON(e Entry) entryJSON {
	return entryJSON{
		Visit:    e.Visit.ID,
		Path:     e.Visit.path(),
		Site:     s.config.Site,
		Service:  e.Visit.Service,
		StartsAt: e.Visit.StartsAt.Format(time.RFC3339),
		EndsAt:   e.Visit.EndsAt.Format(time.RFC3339),
		You:      youJSON{Name: e.You.Name, Role: string(e.You.Role)},
	}
}

func (s *Service) serveSession(w http.ResponseWriter, r *http.Request) {
	e, err := s.Session(r.Context(), r.PathValue("visit"), sessionOf(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, s.entryJSON(e))
}

func (s *Service) servePass(w http.ResponseWriter, r *http.Request) {
	pass, slots, err := s.Pass(r.Context(), r.PathValue("visit"), sessionOf(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var out struct {
		Pass  string `json:"pass"`
		Slots struct {
			Audio int `json:"audio"`
			Video int `json:"video"`
		} `json:"slots"`
	}
	out.Pass, out.Slots.Audio, out.Slots.Video = pass, slots, slots
	s.answer(w, out)
}

func sessionOf(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Service) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // whoever is gone gets nothing
}
