package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// The datastore. What StackStorm does without RBAC for its one kind of user is
// done here for every user, except that secrets of scope system are decrypted
// for administrators only.

// keyList lists keys of a scope (default: system; "all": system and users').
func (s *Server) keyList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	filters, err := keyFilters(r)
	if err != nil {
		return err
	}
	decrypt, err := flag(r.query, "decrypt")
	if err != nil {
		return err
	}
	if decrypt && filters[0].Scope != squall.UserScope {
		if err := mayDecrypt(r); err != nil {
			return err
		}
	}
	var keys []*squall.KeyValue
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		keys, total = nil, 0
		offset, limit := p.offset, p.limit
		for _, f := range filters { // one list after the other, as if they were one
			n, err := tx.CountKeys(r.Context(), f)
			if err != nil {
				return err
			}
			total += n
			if f.Offset, f.Limit = offset, limit; p.limit > 0 && limit == 0 {
				continue
			}
			page, err := tx.FindKeys(r.Context(), f)
			if err != nil {
				return err
			}
			keys = append(keys, page...)
			offset = max(0, offset-n)
			limit = max(0, limit-len(page))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if name := r.query.Get("name"); name != "" { // st2client's get_by_name: this one and no other
		keys = slices.DeleteFunc(keys, func(k *squall.KeyValue) bool { return k.Name != name })
		total = len(keys)
	}
	docs := make([]wire.Key, len(keys))
	for i, k := range keys {
		if docs[i], err = s.keyDocument(k, decrypt); err != nil {
			return err
		}
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total)) // st2 sends neither this nor X-Limit
	return respondJSON(w, http.StatusOK, docs)
}

// keyFilters says which keys a list is about: one filter, or for "all" of
// somebody who sees only his own, two.
func keyFilters(r *request) ([]store.KeyFilter, error) {
	base := store.KeyFilter{Prefix: orDefault(r.query.Get("name"), r.query.Get("prefix"))}
	own := base
	own.Scope, own.User = squall.UserScope, r.caller.User
	system := base
	system.Scope = squall.SystemScope
	text := orDefault(r.query.Get("scope"), string(squall.SystemScope))
	if r.query.Get("user") != "" {
		text = string(squall.UserScope) // st2: who names a user means that user's keys
	}
	user, err := keyUser(r, r.query.Get("user"))
	if err != nil {
		return nil, err
	}
	if text == "all" {
		own.User = user
		if mayNameUsers(r) && r.query.Get("user") == "" {
			own.User = "" // everybody's
		}
		return []store.KeyFilter{system, own}, nil
	}
	scope, err := squall.ParseScope(text)
	if err != nil {
		if !strings.HasPrefix(text, "st2kv.") {
			text = "st2kv." + text
		}
		return nil, squall.Errorf(squall.Invalid, "Invalid scope: %s", text)
	}
	if scope == squall.UserScope {
		own.User = user
		return []store.KeyFilter{own}, nil
	}
	return []store.KeyFilter{system}, nil
}

// keyUser returns whose keys are meant when user is named in a request. st2:
// without RBAC nobody names anybody else.
func keyUser(r *request, user string) (string, error) {
	if user == "" || user == r.caller.User {
		return r.caller.User, nil
	}
	if !mayNameUsers(r) {
		return "", squall.Errorf(squall.Denied, `"user" attribute can only be provided by admins when RBAC is enabled`)
	}
	return user, nil
}

func mayNameUsers(r *request) bool { return r.caller.Rights != nil && r.caller.May(auth.Impersonate) }

// keyRef returns the key a request is about.
func keyRef(r *request, scope, user string) (squall.KeyRef, error) {
	ref := squall.KeyRef{Name: r.params["name"]}
	var err error
	if scope == "all" { // st2: only lists know it
		scope = ""
	}
	if ref.Scope, err = squall.ParseScope(orDefault(scope, string(squall.SystemScope))); err != nil {
		return ref, err
	}
	owner, err := keyUser(r, user)
	if ref.Scope == squall.UserScope {
		ref.User = owner
	}
	if err != nil {
		return ref, err
	}
	if err := ref.Check(); err != nil {
		return ref, err
	}
	return ref, r.checkKey(ref)
}

func mayDecrypt(r *request) error {
	if r.caller.May(auth.ShowSecrets) {
		return nil
	}
	return squall.Errorf(squall.Denied, "Decrypt option requires administrator access")
}

// keyGet answers with one key.
func (s *Server) keyGet(w http.ResponseWriter, r *request) error {
	scope := r.query.Get("scope")
	if r.query.Get("user") != "" {
		scope = string(squall.UserScope) // st2: who names a user means that user's key
	}
	ref, err := keyRef(r, scope, r.query.Get("user"))
	if err != nil {
		return err
	}
	decrypt, err := flag(r.query, "decrypt")
	if err != nil {
		return err
	}
	if decrypt && ref.Scope != squall.UserScope {
		if err := mayDecrypt(r); err != nil {
			return err
		}
	}
	var k *squall.KeyValue
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		k, err = tx.Key(r.Context(), ref)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return errNoKey(ref)
	}
	if err != nil {
		return err
	}
	doc, err := s.keyDocument(k, decrypt)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, doc)
}

func errNoKey(ref squall.KeyRef) error {
	name := ref.Name
	if ref.Scope == squall.UserScope {
		name = ref.User + ":" + name // st2
	}
	return squall.Errorf(squall.NotFound, "The key %q does not exist in the StackStorm datastore.", name)
}

// keyDocument shows a key, decrypted if it is secret and that was asked for.
func (s *Server) keyDocument(k *squall.KeyValue, decrypt bool) (wire.Key, error) {
	if !k.Secret || !decrypt {
		return wire.KeyOf(k, false), nil
	}
	plain, err := s.Keyring.Open(auth.ForDatastore, k.Value)
	if err != nil {
		return wire.Key{}, squall.Errorf(squall.Invalid, "The key %q cannot be decrypted: %s", k.Name, squall.MessageOf(err))
	}
	open := *k
	open.Value = plain
	return wire.KeyOf(&open, true), nil
}

// keyPut creates or replaces a key. The name is the path's (st2 ignores the
// body's).
func (s *Server) keyPut(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	k, ttl, err := s.keyOf(r, body)
	if err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		k.ID, k.UpdatedAt = "", tx.Now()
		if ttl > 0 {
			k.ExpiresAt = tx.Now().Add(ttl)
		}
		old, err := tx.Key(r.Context(), k.KeyRef)
		switch {
		case err == nil:
			k.ID = old.ID
		case squall.KindOf(err) == squall.NotFound:
			old, k.ID = nil, s.IDs.Next(tx.Now())
		default:
			return err
		}
		if err := tx.PutKey(r.Context(), k); err != nil {
			return err
		}
		if err := s.tellKey(r.Context(), tx, old, k); err != nil {
			return err
		}
		return s.note(tx, r, k.UID())
	})
	if err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "key set", "user", r.caller.User, "key", k.UID(), "secret", k.Secret, "request_id", r.id)
	return respondJSON(w, http.StatusOK, wire.KeyOf(k, false))
}

// keyDelete removes a key.
func (s *Server) keyDelete(w http.ResponseWriter, r *request) error {
	ref, err := keyRef(r, r.query.Get("scope"), r.query.Get("user"))
	if err != nil {
		return err
	}
	found := false
	err = s.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		old, err := tx.Key(r.Context(), ref)
		if squall.KindOf(err) == squall.NotFound {
			found = false
			return nil
		}
		if err != nil {
			return err
		}
		if found, err = tx.DeleteKey(r.Context(), ref); err != nil || !found {
			return err
		}
		if err := s.tellKey(r.Context(), tx, old, nil); err != nil {
			return err
		}
		return s.note(tx, r, ref.UID())
	})
	if err != nil {
		return err
	}
	if !found {
		return errNoKey(ref)
	}
	s.Log.InfoContext(r.Context(), "key deleted", "user", r.caller.User, "key", ref.UID(), "request_id", r.id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
