package api

import (
	"bytes"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
)

// maxTTL bounds the life of a key, in seconds: a hundred years.
const maxTTL = 100 * 365 * 24 * 3600

// keyOf reads the body of a PUT: the key to store, its value sealed if it is
// secret, and how long it is to live (0: for ever).
func (s *Server) keyOf(r *request, body *object) (*squall.KeyValue, time.Duration, error) {
	body.required("name") // st2: though it is the path's that counts
	body.required("value")
	value := body.str("value")
	if v := bytes.TrimSpace(body.members["value"]); len(v) > 0 && string(v) == "null" {
		body.fail("None is not of type 'string'")
	}
	secret, encrypted := body.bool("secret"), body.bool("encrypted")
	scope, user := body.str("scope"), body.str("user")
	ttl := body.int("ttl")
	if ttl != nil && (*ttl < 0 || *ttl > maxTTL) {
		body.fail("%d is not a number of seconds between 0 and %d", *ttl, int64(maxTTL))
	}
	body.str("name")
	if body.err != nil {
		return nil, 0, body.err
	}
	ref, err := keyRef(r, orDefault(scope, r.query.Get("scope")), orDefault(user, r.query.Get("user")))
	if err != nil {
		return nil, 0, err
	}
	if _, is := squall.ParseSecretRef(value); is && !r.caller.May(auth.ShowSecrets) {
		return nil, 0, squall.Errorf(squall.Denied, "A value that names an external secret can be stored by administrators only.")
	}
	k := &squall.KeyValue{KeyRef: ref, Value: value, Secret: secret || encrypted}
	switch {
	case encrypted:
		err = s.checkCiphertext(r, k)
	case secret:
		k.Value = s.Keyring.Seal(auth.ForDatastore, value)
	}
	if err != nil {
		return nil, 0, err
	}
	if ttl == nil {
		return k, 0, nil
	}
	return k, time.Duration(*ttl) * time.Second, nil
}

// checkCiphertext accepts a value that the client encrypted. Everybody sees the
// ciphertext of system keys, and everybody may decrypt his own keys: so only
// who may read secrets may store ciphertext as his own key.
func (s *Server) checkCiphertext(r *request, k *squall.KeyValue) error {
	if k.Scope == squall.UserScope && !r.caller.May(auth.ShowSecrets) {
		return squall.Errorf(squall.Denied, "An encrypted value can be stored in scope user by administrators only; send the plain text with secret.")
	}
	if _, err := s.Keyring.Open(auth.ForDatastore, k.Value); err != nil {
		return &squall.Error{
			Kind: squall.Invalid, Err: err,
			Msg: `Failed to verify the integrity of the provided value for key "` + k.Name + `". Ensure that the value is encrypted with the correct key and not corrupted.`,
		}
	}
	return nil
}
