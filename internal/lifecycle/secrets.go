package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// reader runs fn in a transaction that may read: View, or one that is open.
type reader func(ctx context.Context, fn func(store.Tx) error) error

// within is a reader inside of tx.
func within(tx store.Tx) reader {
	return func(_ context.Context, fn func(store.Tx) error) error { return fn(tx) }
}

// Datastore answers st2kv in the name of one who asks.
type Datastore struct {
	read reader
	ring *auth.Keyring
	// decrypt allows the plain text of secrets in scope system. A user's own
	// keys are open to him always.
	decrypt bool
	secrets *secrecy // told of every plain text; may be nil
}

var _ expr.Datastore = (*Datastore)(nil)

// Get implements expr.Datastore. Without Decrypt a secret gives its ciphertext
// (st2). Error kinds: Denied, and Invalid when the value cannot be decrypted.
func (d *Datastore) Get(ctx context.Context, key expr.KeyRef) (text string, found bool, err error) {
	ref := squall.KeyRef{Scope: squall.Scope(key.Scope), Name: key.Name}
	if ref.Scope == squall.UserScope {
		ref.User = key.User
	}
	var k *squall.KeyValue
	err = d.read(ctx, func(tx store.Tx) (err error) {
		k, err = tx.Key(ctx, ref)
		return err
	})
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return "", false, nil
	case err != nil:
		return "", false, err
	case !k.Secret || !key.Decrypt:
		return k.Value, true, nil
	case !d.decrypt && ref.Scope != squall.UserScope:
		return "", false, squall.Errorf(squall.Denied, "Decrypting the key %q requires administrator access", key.Name)
	}
	d.secrets.note()
	text, err = d.ring.Open(auth.ForDatastore, k.Value)
	if err != nil {
		return "", false, squall.Errorf(squall.Invalid, "The key %q cannot be decrypted: %s", key.Name, squall.MessageOf(err))
	}
	return text, true, nil
}

// sources is what the templates of a run's parameters may look into.
//
// st2: st2kv.user reads the keys of api_user in the context, which the caller
// can set; here they are always the execution's user's.
func (s *Service) sources(read reader, a *squall.Action, user string, runContext json.RawMessage) param.Sources {
	data := &Datastore{read: read, ring: s.ring, decrypt: true}
	return param.Sources{
		Context: runContext, User: user, Store: data,
		Config: func(ctx context.Context) (json.RawMessage, error) {
			return packConfig(ctx, read, a.Ref.Pack, user, data)
		},
	}
}

// PackConfig returns a pack's configuration as its actions see it when user
// runs them: a JSON object with defaults filled in and secrets in plain text,
// nil when the pack has neither a configuration nor a schema of one.
func (s *Service) PackConfig(ctx context.Context, pack, user string) (json.RawMessage, error) {
	return packConfig(ctx, s.st.View, pack, user, &Datastore{read: s.st.View, ring: s.ring, decrypt: true})
}

func packConfig(ctx context.Context, read reader, pack, user string, data *Datastore) (json.RawMessage, error) {
	var schema *squall.ConfigSchema
	var config *squall.PackConfig
	err := read(ctx, func(tx store.Tx) (err error) {
		if schema, err = content[squall.ConfigSchema](ctx, tx, store.ConfigSchemas, pack); err == nil {
			config, err = content[squall.PackConfig](ctx, tx, store.Configs, pack)
		}
		return err
	})
	if err != nil || schema == nil && config == nil {
		return nil, err
	}
	if schema == nil {
		schema = &squall.ConfigSchema{}
	}
	if config == nil {
		config = &squall.PackConfig{}
	}
	form, err := param.CompileConfig(schema)
	if err != nil {
		return nil, err
	}
	config.Values, err = form.Unseal(config.Values, func(sealed string) (string, error) {
		data.secrets.note()
		return data.ring.Open(auth.ForConfig(pack), sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("open secrets of the configuration of pack %s: %w", pack, err)
	}
	return param.Config(ctx, pack, schema.Attributes, config.Values, data, user)
}

// content reads an object, nil when there is none.
func content[T any](ctx context.Context, tx store.Tx, kind store.ContentKind, ref string) (*T, error) {
	c, err := tx.Content(ctx, kind, ref)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return store.Decode[T](c)
}

// live renders and checks the parameters of a request, and seals what is secret
// in them.
func (s *Service) live(ctx context.Context, read reader, def *Definition, r *squall.Request) (json.RawMessage, error) {
	params, err := def.Form.Live(ctx, r.Parameters, func() param.Sources {
		src := s.sources(read, def.Action, r.User, r.Context)
		src.Names = r.Names
		if r.NoSecrets {
			src.GivenStore = &Datastore{read: read, ring: s.ring}
		}
		return src
	})
	if err != nil {
		return nil, err
	}
	return s.sealed(def, r, params)
}

// sealed seals what is secret in checked parameters.
func (s *Service) sealed(def *Definition, r *squall.Request, params json.RawMessage) (json.RawMessage, error) {
	if !def.Form.Secret() {
		return params, nil
	}
	if r.NoSecrets {
		if err := refuseReferences(def.Form, r.Parameters, params); err != nil {
			return nil, err
		}
	}
	return def.Form.Seal(params, func(plain string) string { return s.ring.Seal(purpose(def), plain) })
}

// refuseReferences refuses to fetch secrets from outside for somebody who may
// not read secrets, whether he wrote the reference or had it rendered.
func refuseReferences(form *param.Form, given, rendered json.RawMessage) error {
	var names map[string]json.RawMessage
	var values map[string]any
	if json.Unmarshal(given, &names) != nil || json.Unmarshal(rendered, &values) != nil {
		return nil // nothing was given
	}
	maps.DeleteFunc(values, func(name string, _ any) bool { return names[name] == nil }) // defaults are the author's
	err := form.MapSecrets(values, func(text string) (string, error) {
		if _, is := squall.ParseSecretRef(text); is {
			return "", errReference
		}
		return text, nil
	})
	if err != nil {
		return squall.Errorf(squall.Denied, "%w", err)
	}
	return nil
}

var errReference = errors.New("an external secret can be named by administrators only")

// purpose is what the secret parameters of an action are sealed for.
func purpose(def *Definition) auth.Purpose { return auth.ForParameters(def.Action.Ref) }

// OpenParameters returns the parameters of an execution of def as they were
// given, its secrets in plain text: for the run, and for who may read secrets.
func (s *Service) OpenParameters(def *Definition, stored json.RawMessage) (json.RawMessage, error) {
	if !def.Form.Secret() {
		return stored, nil
	}
	params, err := def.Form.Unseal(stored, func(sealed string) (string, error) { return s.ring.Open(purpose(def), sealed) })
	if err != nil {
		return nil, fmt.Errorf("open secret parameters: %w", err)
	}
	return params, nil
}

// SealRollout seals what is secret in the parameters of a new rollout. Their
// templates are rendered later, with every request.
func (s *Service) SealRollout(ctx context.Context, tx store.Tx, r *squall.Rollout) error {
	def, err := s.current(ctx, tx, r.Action)
	if err != nil {
		return err
	}
	r.Parameters, err = def.Form.Seal(r.Parameters, func(plain string) string { return s.ring.Seal(auth.ForRollout(r.ID), plain) })
	return err
}

// OpenRollout returns the parameters of a rollout in plain text.
func (s *Service) OpenRollout(r *squall.Rollout) json.RawMessage {
	opened, _ := s.ring.OpenDocument(auth.ForRollout(r.ID), r.Parameters)
	return opened
}

// Start returns the values an execution starts with. params are its
// parameters, opened.
func (s *Service) Start(ctx context.Context, def *Definition, ex *squall.Execution, params json.RawMessage) (runnerParams, actionParams map[string]any, err error) {
	return def.Form.Start(ctx, params, func() param.Sources { return s.sources(s.st.View, def.Action, ex.User, ex.Context) })
}

// Fetch gets an external secret; see squall.SecretRef.
type Fetch func(ctx context.Context, ref squall.SecretRef) (string, error)

// FetchSecrets replaces references to external secrets in the secret ones of a
// run's parameters by the secrets. They are never stored.
func FetchSecrets(ctx context.Context, def *Definition, fetch Fetch, values ...map[string]any) error {
	if !def.Form.Secret() {
		return nil
	}
	for _, v := range values {
		err := def.Form.MapSecrets(v, func(text string) (string, error) {
			ref, is := squall.ParseSecretRef(text)
			if !is {
				return text, nil
			}
			if fetch == nil {
				return "", squall.Errorf(squall.Invalid, "there are no providers of external secrets for %s", ref)
			}
			secret, err := fetch(ctx, ref)
			return strings.TrimSuffix(secret, "\n"), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
