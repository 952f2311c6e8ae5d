// Package fhir is the server for other programs of the hospital that speak FHIR R4 (http://hl7.org/fhir/R4/http.html): visits as Appointment and Encounter,
// patients as Patient, the hospital's people as Practitioner. It owns no state: what it is asked for, the services of visits and people do and audit.
// It must never give away a clinician's link, never take health data from an address, and never say in an error what was sent.
package fhir

import (
	"context"
	"net/http"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// Path is where the server is.
const Path = "/fhir/R4"

// Config is what the server needs from outside. All of it is needed.
type Config struct {
	Visits     *visits.Service
	People     *people.Service
	Colleagues visits.Colleagues
	Words      *words.Book                     // the languages of the pages
	PublicURL  string                          // where people reach the server, as in https://visits.example.org
	Version    string                          // of the program
	Started    time.Time                       // when the server started
	Once       func(http.Handler) http.Handler // answers what is sent again as before
	// Began tells when visits began, by their ids, as far as that is known.
	Began func(ctx context.Context, visits []string) (map[string]time.Time, error)
}

// Server answers requests. Safe for use by many goroutines.
type Server struct {
	Config
	base string // of all addresses
}

// New returns a server.
func New(c Config) *Server {
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return &Server{Config: c, base: c.PublicURL + Path}
}

// Routes adds all there is.
func (s *Server) Routes(routes *web.Routes) {
	routes.Handle("GET "+Path+"/metadata", web.Public("programs read what the server can do"), s.serve(s.capabilities))
	read, write := web.Key(auth.VisitRead), web.Key(auth.VisitSchedule)
	routes.Handle("POST "+Path+"/Appointment", write, s.Once(s.serve(s.createAppointment)))
	s.route(routes, "GET", "Appointment/{visit}", read, s.readAppointment)
	s.route(routes, "PUT", "Appointment/{visit}", write, s.updateAppointment)
	s.search(routes, "Appointment", read, s.searchAppointments)
	s.route(routes, "GET", "Encounter/{visit}", read, s.readEncounter)
	s.search(routes, "Encounter", read, s.searchEncounters)
	routes.Handle("POST "+Path+"/Patient", web.Key(people.Write), s.Once(s.serve(s.createPatient)))
	s.route(routes, "GET", "Patient/{patient}", web.Key(people.Read), s.readPatient)
	s.route(routes, "PUT", "Patient/{patient}", web.Key(people.Write), s.updatePatient)
	s.search(routes, "Patient", web.Key(people.Read), s.searchPatients)
	s.route(routes, "GET", "Practitioner/{account}", read, s.readPractitioner)
	s.search(routes, "Practitioner", read, s.searchPractitioners)
}

func (s *Server) route(routes *web.Routes, method, path string, a web.Access, h handler) {
	routes.Handle(method+" "+Path+"/"+path, a, s.serve(h))
}

// search adds both ways to search.
func (s *Server) search(routes *web.Routes, kind string, a web.Access, find func(*http.Request, query) (reply, error)) {
	h := func(r *http.Request) (reply, error) {
		q, err := s.query(r, kind)
		if err != nil {
			return reply{}, err
		}
		return find(r, q)
	}
	s.route(routes, "GET", kind, a, h)
	s.route(routes, "POST", kind+"/_search", a, h)
}
