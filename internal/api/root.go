package api

import (
	"net/http"
	"slices"

	"squall/internal/api/wire"
)

// rootGet answers with what st2 answers: which version speaks here.
func (s *Server) rootGet(w http.ResponseWriter, _ *request) error {
	return respondJSON(w, http.StatusOK, wire.Root{Version: s.Version, DocsURL: "http://docs.stackstorm.com/latest"})
}

// userGet answers who the caller is.
func (s *Server) userGet(w http.ResponseWriter, r *request) error {
	shown := wire.Authentication{Method: "API key", Location: r.caller.location}
	if r.caller.method != "api_key" {
		shown.Method, shown.Expire = "authentication token", r.caller.expires.UTC().Format("2006-01-02T15:04:05Z")
	}
	return respondJSON(w, http.StatusOK, wire.User{
		Name:           r.caller.User,
		Authentication: shown,
		RBAC: wire.RBAC{
			Enabled: r.caller.Rights != nil, Admin: r.caller.Administers(),
			Roles: append([]string{}, r.caller.Roles...), // a list, also when it is empty
		},
	})
}

// healthz answers that the process lives and serves requests.
func (s *Server) healthz(w http.ResponseWriter, _ *request) error {
	return respondJSON(w, http.StatusOK, readiness{Status: "ok"})
}

type readiness struct {
	Status  string   `json:"status"`
	Reasons []string `json:"reasons,omitempty"`
}

// readyz answers whether work is accepted, and if not, why.
func (s *Server) readyz(w http.ResponseWriter, r *request) error {
	why := s.Ready(r.Context())
	if len(why) == 0 {
		return respondJSON(w, http.StatusOK, readiness{Status: "ready"})
	}
	slices.Sort(why)
	w.Header().Set("Retry-After", "5")
	return respondJSON(w, http.StatusServiceUnavailable, readiness{Status: "not ready", Reasons: why})
}

func (s *Server) metrics(w http.ResponseWriter, r *request) error {
	if s.Metrics == nil {
		return errNoRoute
	}
	s.Metrics.ServeHTTP(w, r.Request)
	return nil
}
