package visits

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/platform/web"
)

const (
	joinPath      = "/api/v1/join"
	sitePath      = "/api/v1/site"
	deviceCookie  = "housecall_device"
	sessionCookie = "housecall_visit"
	deviceLife    = 365 * 24 * time.Hour

	// Redemptions one network may try. A code has 128 bits, so this is not what keeps guessers out; it keeps them from being a burden.
	joinLimit  = 60
	joinWindow = time.Minute
	maxBody    = 4 << 10 // bytes of what a person's browser sends
)

// Routes adds the calls that turn a link into a session, and a session, with RoomRoutes, into a pass.
func (s *Service) Routes(routes *web.Routes) {
	limit := web.Limit(s.config.Limiter, "join", joinLimit, joinWindow)
	routes.Handle("POST "+joinPath, web.Holder(), limit(http.HandlerFunc(s.serveJoin)))
	routes.Handle("POST "+latePath, web.Holder(), web.Limit(s.config.Limiter, "late", joinLimit, joinWindow)(http.HandlerFunc(s.serveLateOf)))
	routes.HandleFunc("GET "+sitePath, web.Public("the hospital's name and number, which every page shows"), s.serveSite)
	routes.HandleFunc("GET /v/{visit}/session", web.Holder(), s.serveSession)
	routes.HandleFunc("GET /v/{visit}/calendar.ics", web.Holder(), s.serveCalendar)
	routes.HandleFunc("GET /v/{visit}/consent", web.Invited(auth.ConsentGive), s.serveConsent)
	routes.HandleFunc("POST /v/{visit}/consent", web.Invited(auth.ConsentGive), s.serveConsentGiven)
	routes.HandleFunc("POST /v/{visit}/invitations", web.Invited(auth.VisitInvite), s.serveInvite)
	routes.HandleFunc("GET /v/{visit}/late", web.Holder(), s.serveLate)
	routes.HandleFunc("POST /v/{visit}/device-check", web.Holder(), s.serveDeviceCheck)
}

// RoomRoutes adds what the node that hosts a visit's room answers, since it knows best how clients reach it.
func (s *Service) RoomRoutes(routes *web.Routes) {
	routes.HandleFunc("POST /v/{visit}/pass", web.Holder(), s.servePass)
	routes.HandleFunc("GET /v/{visit}/ice", web.Holder(), s.serveICE)
}

// entryJSON is a visit as the person who comes may see it: docs/protocol.md, section 1.
type entryJSON struct {
	Visit         string  `json:"visit"`
	Path          string  `json:"path"`
	Site          string  `json:"site"`
	Phone         string  `json:"phone"`
	Service       string  `json:"service"`
	StartsAt      string  `json:"starts_at"`
	EndsAt        string  `json:"ends_at"`
	Language      string  `json:"language"`
	ConsentNeeded bool    `json:"consent_needed"`
	Early         bool    `json:"early,omitempty"`
	PatientAge    *int    `json:"patient_age,omitempty"`
	You           youJSON `json:"you"`
}

type youJSON struct {
	Name phi.Text `json:"name"`
	Role string   `json:"role"`
}

func (s *Service) serveJoin(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code      string   `json:"code"`
		BirthDate phi.Text `json:"birth_date"`
		Check     bool     `json:"check"`
	}
	if err := web.ReadJSON(w, r, maxBody, &in); err != nil {
		web.Problem(w, r, err)
		return
	}
	device := ""
	if c, err := r.Cookie(deviceCookie); err == nil {
		device = c.Value
	}
	e, err := s.Redeem(r.Context(), Redemption{Code: in.Code, BirthDate: in.BirthDate, Device: device, Check: in.Check})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(deviceCookie, e.Device, joinPath, deviceLife))
	http.SetCookie(w, s.cookie(sessionCookie, e.Token, e.Visit.path(), e.Visit.ClosesAt.Sub(s.now())))
	s.answer(w, http.StatusOK, s.entryJSON(r.Context(), e))
}

// cookie makes a cookie that scripts don't see and other sites cannot make a browser send.
func (s *Service) cookie(name, value, path string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: max(1, int(life.Seconds())),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode}
}

// path is where everything of the live visit is.
func (v Visit) path() string { return "/v/" + v.ID + "/" }

func (s *Service) entryJSON(ctx context.Context, e Entry) entryJSON {
	site := s.siteForFamily(ctx, e.Visit)
	out := entryJSON{
		Visit:         e.Visit.ID,
		Path:          e.Visit.path(),
		Site:          site.Name,
		Phone:         site.Phone,
		Service:       e.Visit.Service,
		StartsAt:      e.Visit.StartsAt.Format(time.RFC3339),
		EndsAt:        e.Visit.EndsAt.Format(time.RFC3339),
		Language:      e.You.Language,
		ConsentNeeded: e.ConsentNeeded,
		Early:         e.Early,
		You:           youJSON{Name: e.You.Name, Role: string(e.You.Role)},
	}
	if years, known := e.Visit.Age(s.config.TimeZone); known && auth.May(e.You.Role, auth.VisitSeeAge) {
		out.PatientAge = &years
	}
	return out
}

// serveSite tells anybody whose server this is, and what number to call: whoever holds no link that works needs it most.
func (s *Service) serveSite(w http.ResponseWriter, r *http.Request) {
	site := s.siteForFamily(r.Context(), Visit{})
	s.answer(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Phone string `json:"phone"`
	}{site.Name, site.Phone})
}

func (s *Service) serveSession(w http.ResponseWriter, r *http.Request) {
	e, err := s.Session(r.Context(), r.PathValue("visit"), sessionOf(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, s.entryJSON(r.Context(), e))
}

func (s *Service) servePass(w http.ResponseWriter, r *http.Request) {
	pass, slots, err := s.Pass(r.Context(), r.PathValue("visit"), sessionOf(r))
	var servers []iceJSON
	if err == nil {
		servers, err = s.ice(r.Context(), r.PathValue("visit"), sessionOf(r))
	}
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
		ICE []iceJSON `json:"ice"`
	}
	out.Pass, out.Slots.Audio, out.Slots.Video, out.ICE = pass, slots, slots, servers
	s.answer(w, http.StatusOK, out)
}

func sessionOf(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Service) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever is gone gets nothing
}

// Caller returns the session whose cookie a request carries, for what belongs to a visit and is served elsewhere; its path names {visit}. It
// leaves no audit row. Errors are those of Session.
func (s *Service) Caller(r *http.Request) (session string, err error) {
	e, err := s.session(r.Context(), s.config.DB, r.PathValue("visit"), sessionOf(r))
	return e.Session, err
}
