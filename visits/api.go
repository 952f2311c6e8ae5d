package visits

import "net/http"

func (s *Service) apiRoutes(mux *http.ServeMux) {}
