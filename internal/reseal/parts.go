package reseal

import (
	"bytes"
	"context"
	"math"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// document is something stored that may hold sealed texts.
type document struct {
	name     string         // for people
	doc      []byte         // as it was read
	purposes []auth.Purpose // what it may be sealed for
	bare     bool           // it is one ciphertext, without the prefix
	unused   bool           // nothing refers to it
	// replace writes fresh if the document is still the one that was read.
	replace func(ctx context.Context, tx store.Tx, fresh []byte) (bool, error)
}

// part is a kind of documents.
type part struct {
	name string
	// page reads at most n places behind after, which it made itself; at the first
	// call it is nil. more is false at the end.
	page func(ctx context.Context, tx store.Tx, after any, n int) (list []document, looked int, next any, more bool, err error)
}

var parts = []part{
	{"the datastore", keysOf(squall.SystemScope, auth.ForDatastore)},
	{"the users' datastores", keysOf(squall.UserScope, auth.ForDatastore)},
	{"notes of the server", keysOf(squall.InternalScope, auth.ForNote, auth.ForSignOn)},
	{"configurations of packs", configs},
	{"rollouts", rollouts},
	{"executions", tableOf(store.SealedExecutions)},
	{"workflows", tableOf(store.SealedWorkflows)},
	{"rows of workflows", tableOf(store.SealedRows)},
	{"large values of executions", tableOf(store.SealedValues)}, // behind those that refer to them
}

// walk gives fn the documents of a part, page by page, with the number of places
// that were looked at.
func (s *Sealer) walk(ctx context.Context, p part, fn func(list []document, looked int) error) error {
	n := s.Batch
	if n == 0 {
		n = 200
	}
	var after any
	for {
		var list []document
		var looked int
		var next any
		var more bool
		err := s.Store.View(ctx, func(tx store.Tx) (err error) {
			list, looked, next, more, err = p.page(ctx, tx, after, n)
			return err
		})
		if err != nil {
			return err
		}
		if err := fn(list, looked); err != nil || !more {
			return err
		}
		after = next
	}
}

// keysOf are the secrets of a scope of the datastore.
func keysOf(scope squall.Scope, purposes ...auth.Purpose) func(context.Context, store.Tx, any, int) ([]document, int, any, bool, error) {
	return func(ctx context.Context, tx store.Tx, after any, n int) (list []document, looked int, next any, more bool, err error) {
		f := store.KeyFilter{Scope: scope, Limit: n}
		f.After, _ = after.(squall.KeyRef)
		found, err := tx.FindKeys(ctx, f)
		for _, k := range found {
			f.After = k.KeyRef
			if k.Secret {
				list = append(list, document{name: "key " + k.String(), doc: []byte(k.Value), purposes: purposes, bare: true, replace: replaceKey(k)})
			}
		}
		return list, len(found), f.After, len(found) == n, err
	}
}

func replaceKey(old *squall.KeyValue) func(context.Context, store.Tx, []byte) (bool, error) {
	return func(ctx context.Context, tx store.Tx, fresh []byte) (bool, error) {
		k, err := tx.Key(ctx, old.KeyRef)
		switch {
		case squall.KindOf(err) == squall.NotFound:
			return false, nil
		case err != nil || k.Value != old.Value:
			return false, err
		}
		k.Value = string(fresh)
		return true, tx.PutKey(ctx, k)
	}
}

func configs(ctx context.Context, tx store.Tx, after any, n int) (list []document, looked int, next any, more bool, err error) {
	f := store.ContentFilter{Kind: store.Configs, Limit: n}
	f.After, _ = after.(string)
	found, err := tx.FindContent(ctx, f)
	for _, c := range found {
		f.After = c.Ref
		list = append(list, document{name: "configuration of pack " + c.Pack, doc: c.Doc, purposes: []auth.Purpose{auth.ForConfig(c.Pack)}, replace: replaceConfig(c)})
	}
	return list, len(found), f.After, len(found) == n, err
}

func replaceConfig(old *store.Content) func(context.Context, store.Tx, []byte) (bool, error) {
	return func(ctx context.Context, tx store.Tx, fresh []byte) (bool, error) {
		c, err := tx.Content(ctx, old.Kind, old.Ref)
		switch {
		case squall.KindOf(err) == squall.NotFound:
			return false, nil
		case err != nil || !bytes.Equal(c.Doc, old.Doc):
			return false, err
		}
		c.Doc = fresh
		return true, tx.PutContent(ctx, c)
	}
}

// rollouts are few: one page.
func rollouts(ctx context.Context, tx store.Tx, _ any, _ int) (list []document, looked int, next any, more bool, err error) {
	found, err := tx.Rollouts(ctx, false, math.MaxInt32)
	for _, r := range found {
		list = append(list, document{name: "rollout " + string(r.ID), doc: r.Parameters, purposes: []auth.Purpose{auth.ForRollout(r.ID)}, replace: replaceRollout(r)})
	}
	return list, len(found), nil, false, err
}

// replaceRollout takes a new revision, so that nobody writes back what he has read before.
func replaceRollout(old *squall.Rollout) func(context.Context, store.Tx, []byte) (bool, error) {
	return func(ctx context.Context, tx store.Tx, fresh []byte) (bool, error) {
		r, err := tx.Rollout(ctx, old.ID)
		switch {
		case squall.KindOf(err) == squall.NotFound:
			return false, nil
		case err != nil || !bytes.Equal(r.Parameters, old.Parameters):
			return false, err
		}
		r.Parameters = fresh
		return tx.UpdateRollout(ctx, r)
	}
}

// tableOf are documents of executions and workflows.
func tableOf(table store.SealedTable) func(context.Context, store.Tx, any, int) ([]document, int, any, bool, error) {
	return func(ctx context.Context, tx store.Tx, after any, n int) (list []document, looked int, next any, more bool, err error) {
		place, ok := after.(store.SealedPlace)
		if !ok {
			place.Table = table
		}
		page, err := tx.SealedDocuments(ctx, place, n)
		for _, d := range page.Documents {
			if len(d.Owner) == 0 && !d.Unused {
				continue // the payload of an event, say: we seal none
			}
			list = append(list, document{name: nameOf(d), doc: d.Doc, purposes: purposesOf(d), unused: d.Unused, replace: replaceSealed(d)})
		}
		return list, page.Looked, page.Last, page.Looked == n, err
	}
}

func nameOf(d *store.SealedDocument) string {
	if len(d.Owner) == 0 {
		return "unused value of execution " + string(d.ID)
	}
	if o := d.Owner[0]; o.Part != store.SealedState {
		return string(o.Part) + " of execution " + string(o.Execution)
	}
	return "state of workflow " + string(d.Owner[0].Execution)
}

func purposesOf(d *store.SealedDocument) (list []auth.Purpose) {
	for _, o := range d.Owner {
		switch o.Part {
		case store.SealedParameters:
			list = append(list, auth.ForParameters(o.Action))
		case store.SealedResult:
			list = append(list, auth.ForResult(o.Execution))
		case store.SealedState:
			list = append(list, auth.ForWorkflows)
		}
	}
	return list
}

func replaceSealed(d *store.SealedDocument) func(context.Context, store.Tx, []byte) (bool, error) {
	return func(ctx context.Context, tx store.Tx, fresh []byte) (bool, error) {
		if d.Unused {
			return tx.DeleteUnusedValue(ctx, d)
		}
		return tx.ReplaceSealed(ctx, d, fresh)
	}
}
