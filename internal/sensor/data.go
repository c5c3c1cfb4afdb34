package sensor

import (
	"context"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// Data is the part of the datastore that sensors use: keys of scope system.
type Data struct {
	Store   store.Store
	Keyring *auth.Keyring
	IDs     *squall.IDSource
}

// Value is a key with its value.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func systemKey(name string) squall.KeyRef {
	return squall.KeyRef{Scope: squall.SystemScope, Name: name}
}

// Get returns the value of a key, decrypted if that is asked for; found is false
// when there is none.
func (d Data) Get(ctx context.Context, name string, decrypt bool) (text string, found bool, err error) {
	var k *squall.KeyValue
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		k, err = tx.Key(ctx, systemKey(name))
		return err
	})
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return "", false, nil
	case err != nil:
		return "", false, err
	case !k.Secret || !decrypt:
		return k.Value, true, nil
	}
	text, err = d.Keyring.Open(auth.ForDatastore, k.Value)
	return text, err == nil, err
}

// Set writes a key, for ever with ttl 0.
func (d Data) Set(ctx context.Context, name, value string, ttl time.Duration, secret bool) error {
	k := &squall.KeyValue{KeyRef: systemKey(name), Value: value, Secret: secret}
	if secret {
		k.Value = d.Keyring.Seal(auth.ForDatastore, value)
	}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		put := *k
		old, err := tx.Key(ctx, k.KeyRef)
		switch {
		case err == nil:
			put.ID = old.ID
		case squall.KindOf(err) == squall.NotFound:
			put.ID = d.IDs.Next(tx.Now())
		default:
			return err
		}
		if ttl > 0 {
			put.ExpiresAt = tx.Now().Add(ttl)
		}
		return tx.PutKey(ctx, &put)
	})
}

// Delete removes a key; it need not be there.
func (d Data) Delete(ctx context.Context, name string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.DeleteKey(ctx, systemKey(name))
		return err
	})
}

// List lists keys whose names begin with prefix, secrets as ciphertext; limit 0: all.
func (d Data) List(ctx context.Context, prefix string, limit int) ([]Value, error) {
	values := []Value{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		keys, err := tx.FindKeys(ctx, store.KeyFilter{Scope: squall.SystemScope, Prefix: prefix, Limit: limit})
		for _, k := range keys {
			values = append(values, Value{k.Name, k.Value})
		}
		return err
	})
	return values, err
}
