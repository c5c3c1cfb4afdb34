package api

import (
	"net/http"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// webhookSecret is the key of the datastore that holds the secret with which a
// webhook is signed.
func webhookSecret(name string) squall.KeyRef {
	return squall.KeyRef{Scope: squall.SystemScope, Name: "webhook." + name + ".secret"}
}

// checkSignature checks the signature of a webhook that came without
// credentials, and returns what makes the message known when it comes again.
// Who came with credentials needs none.
func (s *Server) checkSignature(r *request, name string, body []byte) (key string, err error) {
	if r.caller.User != "" {
		return "", nil
	}
	var k *squall.KeyValue
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		k, err = tx.Key(r.Context(), webhookSecret(name))
		return err
	})
	secret := ""
	switch {
	case squall.KindOf(err) == squall.NotFound: // as if the signature were wrong
	case err != nil:
		return "", err
	case k.Secret:
		if secret, err = s.Keyring.Open(auth.ForDatastore, k.Value); err != nil {
			return "", err
		}
	default:
		secret = k.Value
	}
	key, err = auth.CheckSignature(r.Header, secret, body, time.Now())
	if err != nil {
		s.Log.Warn("a signed webhook was refused", "webhook", name, "from", r.RemoteAddr, "request_id", r.id, "signature", string(auth.SignatureOf(r.Header)))
	}
	return key, err
}

var _ auth.Header = http.Header(nil)
