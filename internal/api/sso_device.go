package api

import (
	"crypto/rand"
	"net/http"
	"time"

	"squall/internal/api/wire"
	"squall/internal/login"
	"squall/internal/squall"
)

// Single sign-on without a browser on the user's machine: /sso/device shows a
// code to type in anywhere else, /sso/device/token answers with a token once
// that was done (RFC 8628, with us between client and provider).

// devices returns the first provider that can do without a browser.
func (s *Server) devices() (login.SignOn, login.Devices, error) {
	for _, source := range s.SignOns {
		if d, ok := source.(login.Devices); ok {
			return source, d, nil
		}
	}
	return nil, nil, squall.Errorf(squall.NotFound, "There is no single sign-on without a browser.")
}

// ssoDevice begins a login.
func (s *Server) ssoDevice(w http.ResponseWriter, r *request) error {
	source, devices, err := s.devices()
	if err != nil {
		return err
	}
	if err := s.mayStart(r); err != nil {
		return err
	}
	code, keep, err := devices.BeginDevice(r.Context())
	if err != nil {
		return err
	}
	life := signOnTime
	if left := time.Until(code.Expires); !code.Expires.IsZero() && left < life {
		life = left
	}
	handle := rand.Text()
	if err := s.keep(r.Context(), handle, &pending{Source: source.Name(), Keep: keep}, life); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return respondJSON(w, http.StatusOK, wire.DeviceLogin{
		Handle: handle, UserCode: code.UserCode, URL: code.URL, FullURL: code.FullURL,
		Expires: int(life / time.Second), Interval: int(code.Interval / time.Second),
	})
}

// ssoDeviceToken answers 202 until the code was typed in.
func (s *Server) ssoDeviceToken(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("handle", "ttl")
	handle, seconds := body.str("handle"), body.int("ttl")
	if body.err != nil {
		return body.err
	}
	ttl, err := s.TTL.For(seconds)
	if err != nil {
		return err
	}
	source, devices, err := s.devices()
	if err != nil {
		return err
	}
	p, err := s.find(r.Context(), handle, false)
	if err != nil {
		return err
	}
	if p.Source != source.Name() || p.Browser != "" || p.User != "" { // another step's secret
		return errSignOn
	}
	id, done, err := devices.FinishDevice(r.Context(), p.Keep)
	switch {
	case squall.KindOf(err) == squall.Unauthentic:
		s.Log.WarnContext(r.Context(), "single sign-on refused", "remote", s.clientAddress(r), "request_id", r.id, "reason", err)
		if _, err := s.find(r.Context(), handle, true); err != nil {
			return err
		}
		return errSignOn
	case err != nil:
		return err
	case !done:
		return respondJSON(w, http.StatusAccepted, struct {
			Status string `json:"status"`
		}{"pending"})
	}
	if _, err := s.find(r.Context(), handle, true); err != nil { // of two who ask at once, one gets it
		return err
	}
	r.caller = vouched(id, source.Name())
	return s.issue(w, r, ttl)
}
