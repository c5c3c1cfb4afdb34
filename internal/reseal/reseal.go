// Package reseal seals again what older keys of the keyring sealed, after the
// keyring was rotated, and says what an old key is still needed for: keys of the
// datastore, configurations of packs, parameters and results of executions, the
// state of workflows, rollouts, and the notes of the server's own.
//
// It goes through the database in small steps: a page is read, sealed again, and
// written in one transaction that changes a document only if it is still the one
// that was read. So it may be stopped at any time, begun again, and run beside
// servers and on several nodes at once; a ciphertext says which key made it, so
// nothing has to be remembered of how far it came.
//
// It never shows a value, and one that cannot be opened is left alone. It reads
// and writes no keyring: that is the command's.
package reseal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"squall/internal/auth"
	"squall/internal/store"
)

// Sealer seals again with the first key of the ring.
type Sealer struct {
	Store store.Store
	Ring  *auth.Keyring
	Log   *slog.Logger // told of values that cannot be opened
	Batch int          // places looked at in one step; 0: 200
	// Progress, unless nil, is told after every step how many places of a part
	// were looked at so far, and how many secrets were sealed again in it.
	Progress func(part string, looked, resealed int)
}

// Report counts secrets.
type Report struct {
	Resealed int
	Failed   int // no key of the ring opens them
}

// Use is what a key is still needed for.
type Use struct {
	Part   string // "executions"
	Count  int    // of documents
	Sample string // one of them
}

// Run seals everything again that is not of the newest key. An error ends it;
// what was done until then stays done.
func (s *Sealer) Run(ctx context.Context) (Report, error) {
	var total Report
	for _, p := range parts {
		looked, before := 0, total.Resealed
		err := s.walk(ctx, p, func(list []document, n int) error {
			looked += n
			err := s.reseal(ctx, &total, list)
			if err == nil && s.Progress != nil {
				s.Progress(p.name, looked, total.Resealed-before)
			}
			return err
		})
		if err != nil {
			return total, fmt.Errorf("seal %s again: %w", p.name, err)
		}
	}
	return total, nil
}

// reseal does one step.
func (s *Sealer) reseal(ctx context.Context, total *Report, list []document) error {
	type change struct {
		document
		fresh []byte
		texts int
	}
	var changes []change
	for _, d := range list {
		fresh, texts := s.sealAgain(ctx, total, d)
		if texts > 0 {
			changes = append(changes, change{d, fresh, texts})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	done := 0
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		done = 0
		for _, c := range changes {
			ok, err := c.replace(ctx, tx, c.fresh)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if ok { // otherwise it was changed since, by somebody with the newest key
				done += c.texts
			}
		}
		return nil
	})
	if err == nil {
		total.Resealed += done
	}
	return err
}

// sealAgain returns a document with the texts of older keys sealed again, and how
// many those are.
func (s *Sealer) sealAgain(ctx context.Context, total *Report, d document) (fresh []byte, texts int) {
	failed := 0
	again := func(sealed string) string {
		if s.Ring.Newest(sealed) {
			return sealed
		}
		for _, p := range d.purposes {
			if plain, err := s.Ring.Open(p, sealed); err == nil {
				texts++
				return s.Ring.Seal(p, plain)
			}
		}
		if d.bare || !slices.Contains(s.Ring.Keys(), auth.KeyOf(sealed)) { // else somebody wrote it to look so
			failed++
		}
		return sealed
	}
	switch {
	case d.unused:
		if s.ofOlderKey(d) {
			return nil, 1
		}
		return nil, 0
	case d.bare:
		fresh = []byte(again(string(d.doc)))
	default:
		fresh = auth.RewriteSealed(d.doc, again)
	}
	if failed > 0 {
		total.Failed += failed
		s.Log.WarnContext(ctx, "a secret cannot be opened and stays as it is", "where", d.name)
	}
	return fresh, texts
}

// ofOlderKey reports whether a document that nobody has any more says that an
// older key sealed something in it. It is deleted then.
func (s *Sealer) ofOlderKey(d document) bool {
	for sealed := range auth.SealedTexts(d.doc) {
		if key := auth.KeyOf(sealed); slices.Contains(s.Ring.Keys()[1:], key) {
			return true
		}
	}
	return false
}

// Uses says what a key is needed for. It reads everything.
func (s *Sealer) Uses(ctx context.Context, key string) ([]Use, error) {
	var uses []Use
	for _, p := range parts {
		use := Use{Part: p.name}
		looked := 0
		err := s.walk(ctx, p, func(list []document, n int) error {
			for _, d := range list {
				if s.needs(d, key) {
					if use.Count++; use.Count == 1 {
						use.Sample = d.name
					}
				}
			}
			if looked += n; s.Progress != nil {
				s.Progress(p.name, looked, 0)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for what key %s sealed in %s: %w", key, p.name, err)
		}
		if use.Count > 0 {
			uses = append(uses, use)
		}
	}
	return uses, nil
}

// needs reports whether a document holds something that the key opens. What only
// looks so, because somebody wrote it, does not count.
func (s *Sealer) needs(d document, key string) bool {
	if d.bare {
		return auth.KeyOf(string(d.doc)) == key
	}
	for sealed := range auth.SealedTexts(d.doc) {
		if auth.KeyOf(sealed) != key {
			continue
		}
		for _, p := range d.purposes {
			if _, err := s.Ring.Open(p, sealed); err == nil {
				return true
			}
		}
		if d.unused {
			return true
		}
	}
	return false
}
