// Package reseal seals again what older keys of the keyring sealed, after the
// keyring was rotated: keys of the datastore and configurations of packs.
//
// It goes through the database in small steps, each a transaction that changes a
// value only if it is still the one that was read. So it may be stopped at any
// time, begun again, and run on several nodes at once; a ciphertext says which
// key made it, so nothing has to be remembered of how far it came. Parameters of
// executions stay as they are: they end with their execution's retention.
//
// It never shows a value, and one that cannot be opened is left alone.
package reseal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// Sealer seals again with the first key of the ring.
type Sealer struct {
	Store store.Store
	Ring  *auth.Keyring
	Log   *slog.Logger // told of values that cannot be opened
	Batch int          // values looked at in one step; 0: 200
}

// Report counts values.
type Report struct {
	Resealed int
	Failed   int // no key of the ring opens them
}

// Run seals everything again that is not of the newest key. An error ends it;
// what was done until then stays done.
func (s *Sealer) Run(ctx context.Context) (Report, error) {
	if s.Batch == 0 {
		s.Batch = 200
	}
	var total Report
	for _, scope := range []squall.Scope{squall.SystemScope, squall.UserScope} {
		for offset := 0; ; offset += s.Batch {
			more, err := s.keys(ctx, &total, store.KeyFilter{Scope: scope, Offset: offset, Limit: s.Batch})
			if err != nil {
				return total, fmt.Errorf("seal keys of the datastore again: %w", err)
			}
			if !more {
				break
			}
		}
	}
	for offset := 0; ; offset += s.Batch {
		more, err := s.configs(ctx, &total, store.ContentFilter{Kind: store.Configs, Offset: offset, Limit: s.Batch})
		if err != nil {
			return total, fmt.Errorf("seal configurations of packs again: %w", err)
		}
		if !more {
			return total, nil
		}
	}
}

// keys does one step; more is false when it was the last. A key that is deleted
// meanwhile moves those behind it forward, past us: they wait for the next run.
func (s *Sealer) keys(ctx context.Context, total *Report, f store.KeyFilter) (more bool, err error) {
	var found []*squall.KeyValue
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		found, err = tx.FindKeys(ctx, f)
		return err
	})
	if err != nil {
		return false, err
	}
	fresh := map[squall.KeyRef]string{} // sealed outside of the transaction
	old := map[squall.KeyRef]string{}
	for _, k := range found {
		if !k.Secret || s.Ring.Newest(k.Value) {
			continue
		}
		plain, err := s.Ring.Open(auth.ForDatastore, k.Value)
		if err != nil {
			total.Failed++
			s.Log.WarnContext(ctx, "a secret of the datastore cannot be opened and stays as it is", "key", k.UID(), "error", err)
			continue
		}
		fresh[k.KeyRef], old[k.KeyRef] = s.Ring.Seal(auth.ForDatastore, plain), k.Value
	}
	if len(fresh) == 0 {
		return len(found) == f.Limit, nil
	}
	done := 0
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		done = 0
		for ref, sealed := range fresh {
			k, err := tx.Key(ctx, ref)
			switch {
			case squall.KindOf(err) == squall.NotFound:
				continue // deleted since
			case err != nil:
				return err
			case k.Value != old[ref]:
				continue // set anew since
			}
			k.Value = sealed
			if err := tx.PutKey(ctx, k); err != nil {
				return err
			}
			done++
		}
		return nil
	})
	total.Resealed += done
	return len(found) == f.Limit, err
}

// configs does one step; more is false when it was the last.
func (s *Sealer) configs(ctx context.Context, total *Report, f store.ContentFilter) (more bool, err error) {
	var found []*squall.PackConfig
	forms := map[string]*param.ConfigForm{}
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		if found, err = store.Find[squall.PackConfig](ctx, tx, f); err != nil {
			return err
		}
		for _, c := range found {
			doc, err := tx.Content(ctx, store.ConfigSchemas, c.Pack)
			if squall.KindOf(err) == squall.NotFound {
				continue // without a schema nothing is secret
			}
			if err != nil {
				return err
			}
			schema, err := store.Decode[squall.ConfigSchema](doc)
			if err != nil {
				return err
			}
			form, err := param.CompileConfig(schema)
			if err != nil {
				s.Log.WarnContext(ctx, "the schema of a configuration is wrong; its secrets stay as they are", "pack", c.Pack, "error", err)
				continue
			}
			forms[c.Pack] = form
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, c := range found {
		if forms[c.Pack] == nil {
			continue
		}
		if err := s.config(ctx, total, c, forms[c.Pack]); err != nil {
			return false, err
		}
	}
	return len(found) == f.Limit, nil
}

func (s *Sealer) config(ctx context.Context, total *Report, c *squall.PackConfig, form *param.ConfigForm) error {
	purpose, stale := auth.ForConfig(c.Pack), 0
	open, err := form.Unseal(c.Values, func(sealed string) (string, error) {
		if !s.Ring.Newest(sealed) {
			stale++
		}
		return s.Ring.Open(purpose, sealed)
	})
	switch {
	case err != nil:
		total.Failed++
		s.Log.WarnContext(ctx, "a secret of a configuration cannot be opened and stays as it is", "pack", c.Pack, "error", err)
		return nil
	case stale == 0:
		return nil
	}
	fresh, err := form.Seal(open, func(plain string) string { return s.Ring.Seal(purpose, plain) })
	if err != nil {
		return err
	}
	changed := false
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		changed = false
		doc, err := tx.Content(ctx, store.Configs, c.Pack)
		if squall.KindOf(err) == squall.NotFound {
			return nil // removed since
		}
		if err != nil {
			return err
		}
		now, err := store.Decode[squall.PackConfig](doc)
		if err != nil || !same(now.Values, c.Values) {
			return err // set anew since
		}
		changed = true
		return store.Put(ctx, tx, &squall.PackConfig{Pack: c.Pack, Values: fresh})
	})
	if err == nil && changed {
		total.Resealed += stale
	}
	return err
}

func same(a, b json.RawMessage) bool { return string(a) == string(b) }
