package api

import (
	"encoding/json"
	"net/http"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// tokenCreate gives a token to who shows name and password (Basic).
func (s *Server) tokenCreate(w http.ResponseWriter, r *request) error {
	who, err := s.login(r)
	if err != nil {
		return err
	}
	r.caller = who
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	// st2: other members have no effect.
	if v := body.members["ttl"]; !isNull(v) && (typeName(v) != "number" || body.int("ttl") == nil) {
		body.err = squall.Errorf(squall.Invalid, "%s is not of type 'integer', 'null'", pyValue(v))
	}
	seconds, user := body.int("ttl"), body.str("user")
	if seconds != nil && *seconds < 1 {
		body.fail("%d is less than the minimum of 1", *seconds)
	}
	if body.err != nil {
		return body.err
	}
	if user != "" && user != who.User {
		return squall.Errorf(squall.Invalid, "Current user is not a service and cannot request impersonated tokens")
	}
	ttl, err := s.TTL.For(seconds)
	if err != nil {
		return err
	}
	return s.issue(w, r, ttl)
}

// issue gives the caller a token and shows it, this once.
func (s *Server) issue(w http.ResponseWriter, r *request, ttl time.Duration) error {
	doc, err := s.newToken(r, ttl)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return respondJSON(w, http.StatusCreated, doc)
}

// newToken stores a token for the caller, and who they are where only an
// outside source knew that.
func (s *Server) newToken(r *request, ttl time.Duration) (*wire.Token, error) {
	who := r.caller
	now := time.Now().UTC().Truncate(time.Microsecond)
	secret, token := auth.NewToken(s.IDs.Next(now), who.User, now, ttl)
	token.Metadata = groupsText(who.Groups)
	token.CreatedAt = time.Time{} // the transaction's instant, as that of a user it creates
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := s.admitUser(r.Context(), tx, who); err != nil {
			return err
		}
		if err := tx.PutToken(r.Context(), token); err != nil {
			return err
		}
		return s.note(tx, r, "token:"+string(token.ID))
	})
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(r.Context(), "token issued", "user", who.User, "method", who.method, "expires", token.ExpiresAt, "request_id", r.id)
	return &wire.Token{
		User: who.User, Token: secret, Expiry: wire.Time{Time: token.ExpiresAt},
		Metadata: json.RawMessage("{}"), ID: string(token.ID),
	}, nil
}

// tokenDelete ends the token it is called with.
func (s *Server) tokenDelete(w http.ResponseWriter, r *request) error {
	if r.caller.method != "token" {
		return squall.Errorf(squall.Invalid, "The request carries no token that could be ended; an API key is deleted at /api/v1/apikeys.")
	}
	digest := r.caller.digest
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := tx.DeleteToken(r.Context(), digest); err != nil {
			return err
		}
		return s.note(tx, r, "token:"+r.caller.User)
	})
	if err != nil && squall.KindOf(err) != squall.NotFound {
		return err
	}
	s.tokens.drop(digest)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tokenValidate answers whether the token in the body would be accepted.
func (s *Server) tokenValidate(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	if v := body.members["token"]; !isNull(v) && typeName(v) != "string" {
		body.fail("%s is not of type 'string', 'null'", pyValue(v))
	}
	secret := body.str("token")
	switch {
	case body.err != nil:
		return body.err
	case secret == "":
		return squall.Errorf(squall.Invalid, "Token is not provided.")
	}
	_, err = s.tokenCaller(r.Context(), secret)
	if err != nil && squall.KindOf(err) != squall.Unauthentic {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TokenValid{Valid: err == nil})
}
