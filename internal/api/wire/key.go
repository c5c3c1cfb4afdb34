package wire

import "squall/internal/squall"

// Key is an entry of the datastore as the API shows it. Value is the plain text
// when the key is not secret or was asked for with decrypt, otherwise the
// ciphertext; Encrypted says which.
type Key struct {
	UID       string `json:"uid"`
	Scope     string `json:"scope"` // "st2kv.system" or "st2kv.user"
	Name      string `json:"name"`
	Value     string `json:"value"`
	Secret    bool   `json:"secret"`
	Expire    *Time  `json:"expire_timestamp,omitempty"`
	ID        string `json:"id"`
	User      string `json:"user,omitempty"`
	Encrypted bool   `json:"encrypted"`
}

// KeyOf returns what is shown of k. With plain, k.Value is plain text.
func KeyOf(k *squall.KeyValue, plain bool) Key {
	doc := Key{
		UID: k.UID(), Scope: k.Scope.Wire(), Name: k.Name, Value: k.Value, Secret: k.Secret,
		ID: string(k.ID), User: k.User, Encrypted: k.Secret && !plain,
	}
	if !k.ExpiresAt.IsZero() {
		doc.Expire = &Time{k.ExpiresAt}
	}
	return doc
}

// KeyRequest is the body of PUT /api/v1/keys/{name}.
type KeyRequest struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	Scope     string `json:"scope,omitempty"` // default: st2kv.system
	User      string `json:"user,omitempty"`  // of scope user; default: the caller
	Secret    bool   `json:"secret,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"` // Value is ciphertext already
	TTL       int64  `json:"ttl,omitempty"`       // seconds; 0: for ever
}
