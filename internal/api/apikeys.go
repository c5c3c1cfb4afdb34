package api

import (
	"context"
	"net/http"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

func errNoAPIKey(id string) error {
	return squall.Errorf(squall.NotFound, "ApiKey matching %s for reference and id not found.", id)
}

// errNoAPIKeyOf is errNoAPIKey in the words st2 has for changes.
func errNoAPIKeyOf(id string) error {
	return squall.Errorf(squall.NotFound, "ApiKey with key or id=%s not found.", id)
}

// apiKeyList lists the caller's keys, or everybody's for who may see them.
func (s *Server) apiKeyList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 50)
	if err != nil {
		return err
	}
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	filter := store.APIKeyFilter{User: r.query.Get("user"), Offset: p.offset, Limit: p.limit}
	if !r.caller.May(auth.APIKeyAll) {
		filter.User = r.caller.User
	}
	var keys []*squall.APIKey
	var total int
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if total, err = tx.CountAPIKeys(r.Context(), filter); err != nil {
			return err
		}
		keys, err = tx.FindAPIKeys(r.Context(), filter)
		return err
	})
	if err != nil {
		return err
	}
	list := make([]wire.APIKey, len(keys))
	for i, k := range keys {
		list[i] = showAPIKey(k, open)
	}
	p.headers(w.Header(), total)
	return respondJSON(w, http.StatusOK, list)
}

func showAPIKey(k *squall.APIKey, open bool) wire.APIKey {
	shown := wire.APIKey{
		UID: wire.Masked, User: k.User, KeyHash: wire.Masked, Metadata: k.Metadata,
		CreatedAt: wire.Time{Time: k.CreatedAt}, Enabled: k.Enabled, ID: string(k.ID),
	}
	if open {
		shown.UID, shown.KeyHash = k.UID(), k.Hash
	}
	if len(k.Metadata) == 0 {
		shown.Metadata = jsonRaw("{}")
	}
	return shown
}

// apiKeyGet answers with one key.
func (s *Server) apiKeyGet(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	var k *squall.APIKey
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		k, err = s.apiKey(r.Context(), tx, r)
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, showAPIKey(k, open))
}

// apiKey reads the key in the path. Somebody else's looks as if it were not there.
func (s *Server) apiKey(ctx context.Context, tx store.Tx, r *request) (*squall.APIKey, error) {
	id := r.params["id"]
	k, err := tx.APIKeyByHash(ctx, auth.HashAPIKey(id)) // st2: the key itself names it as well
	if squall.KindOf(err) == squall.NotFound {
		k, err = tx.APIKey(ctx, squall.ID(id))
	}
	if squall.KindOf(err) == squall.NotFound || err == nil && k.User != r.caller.User && !r.caller.May(auth.APIKeyAll) {
		return nil, errNoAPIKey(id)
	}
	return k, err
}

// apiKeyCreate makes a key and shows its secret, this once. Administrators may
// name another user; one that does not exist is created and cannot log in: a
// service account. key_hash takes over a key of StackStorm.
func (s *Server) apiKeyCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.only("id", "uid", "user", "key_hash", "metadata", "created_at", "enabled")
	user, hash, metadata := body.str("user"), body.str("key_hash"), body.raw("metadata", "object")
	enabled := body.boolean("enabled", true)
	if hash != "" && !auth.IsAPIKeyHash(hash) {
		body.fail("%s is not the hash of an API key: 128 small hex digits", pyString(hash))
	}
	if body.err != nil {
		return body.err
	}
	if user, err = s.onBehalf(r, user); err != nil {
		return err
	}
	if hash != "" {
		if err := r.caller.Check(auth.APIKeyAll); err != nil {
			return err
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	secret, k := auth.NewAPIKey(s.IDs.Next(now), user, now)
	k.Enabled, k.Metadata = enabled, metadata
	if hash != "" {
		secret, k.Hash = "", hash
	}
	ctx := r.Context()
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if err := s.ensureUser(ctx, tx, k.User, squall.ServiceAccount); err != nil {
			return err
		}
		if err := tx.PutAPIKey(ctx, k); err != nil {
			return err
		}
		return s.note(tx, r, "api_key:"+string(k.ID))
	})
	if err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "API key issued", "user", k.User, "api_key_id", k.ID, "by", r.caller.User, "request_id", r.id)
	w.Header().Set("Cache-Control", "no-store")
	shown := showAPIKey(k, true)
	shown.KeyHash, shown.Key = "", secret
	return respondJSON(w, http.StatusCreated, shown)
}

// ensureUser creates the user when there is none of that name.
func (s *Server) ensureUser(ctx context.Context, tx store.Tx, name string, source squall.UserSource) error {
	if s.Htpasswd()[name] != "" {
		return nil
	}
	if _, err := tx.User(ctx, name); squall.KindOf(err) != squall.NotFound {
		return err
	}
	return tx.PutUser(ctx, &squall.User{Name: name, CreatedAt: tx.Now(), Source: source})
}

// apiKeyPut changes whether a key works, its metadata and its user.
func (s *Server) apiKeyPut(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.only("id", "uid", "user", "key_hash", "metadata", "created_at", "enabled", "key")
	user, metadata, hash := body.str("user"), body.raw("metadata", "object"), body.str("key_hash")
	_, given := body.members["metadata"]
	body.boolean("enabled", true)
	if body.err != nil {
		return body.err
	}
	ctx := r.Context()
	var k *squall.APIKey
	err = s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if k, err = s.apiKey(ctx, tx, r); err != nil {
			return err
		}
		if hash != "" && hash != wire.Masked && hash != k.Hash {
			return squall.Errorf(squall.Invalid, "Update of key_hash is not allowed.")
		}
		if user != "" && user != k.User {
			if k.User, err = s.onBehalf(r, user); err != nil {
				return err
			}
			if err := s.ensureUser(ctx, tx, k.User, squall.ServiceAccount); err != nil {
				return err
			}
		}
		if given {
			k.Metadata = metadata
		}
		k.Enabled = body.boolean("enabled", k.Enabled)
		if err := tx.PutAPIKey(ctx, k); err != nil {
			return err
		}
		return s.note(tx, r, "api_key:"+string(k.ID))
	})
	if err != nil {
		return notFoundAs(err, errNoAPIKeyOf(r.params["id"]))
	}
	s.tokens.drop(k.Hash)
	shown := showAPIKey(k, false)
	shown.UID = "api_key:" + wire.Masked // st2
	return respondJSON(w, http.StatusOK, shown)
}

// apiKeyDelete ends a key for good.
func (s *Server) apiKeyDelete(w http.ResponseWriter, r *request) error {
	ctx := r.Context()
	var k *squall.APIKey
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if k, err = s.apiKey(ctx, tx, r); err != nil {
			return err
		}
		if _, err = tx.DeleteAPIKey(ctx, k.ID); err != nil {
			return err
		}
		return s.note(tx, r, "api_key:"+string(k.ID))
	})
	if squall.KindOf(err) == squall.NotFound {
		return errNoAPIKeyOf(r.params["id"])
	}
	if err != nil {
		return err
	}
	s.tokens.drop(k.Hash)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// boolean returns a member that is a boolean, def when it is not there.
func (o *object) boolean(name string, def bool) bool {
	if v := o.raw(name, "boolean"); v != nil {
		return string(v) == "true"
	}
	return def
}
