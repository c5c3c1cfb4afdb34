package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"squall/internal/pack"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/packs"
)

// content registers packs in the catalogue.
type content struct {
	store   store.Store
	runners pack.RunnersFunc
	log     *slog.Logger
}

// register reads the built-in packs and those of dirs and registers what
// changed. A pack with problems is told of in the log and registered as far as
// it is right: one bad file must not stop the server.
func (c content) register(ctx context.Context, data string, dirs []string) error {
	builtin, err := unpackBuiltin(filepath.Join(data, "builtin"))
	if err != nil {
		return fmt.Errorf("unpack the built-in packs: %w", err)
	}
	for _, path := range builtin {
		if err := c.registerPack(ctx, path); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return squall.Errorf(squall.Invalid, "packs.dirs: %w", err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if _, err := os.Stat(filepath.Join(path, "pack.yaml")); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if slices.Contains(packs.Names(), e.Name()) {
				c.log.Warn("a pack has the name of a built-in one and is left out", "pack", e.Name(), "path", path)
				continue
			}
			if err := c.registerPack(ctx, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpackBuiltin lays the embedded packs into dir and returns their paths. A pack
// is written again only when its content differs from what lies there.
func unpackBuiltin(dir string) ([]string, error) {
	var paths []string
	for _, name := range packs.Names() {
		path := filepath.Join(dir, name)
		paths = append(paths, path)
		same, err := unpacked(name, dir)
		if err != nil {
			return nil, err
		}
		if same {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, err
		}
		if err := copyPack(name, dir); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// unpacked reports whether dir holds the embedded pack as it is.
func unpacked(name, dir string) (bool, error) {
	same := true
	err := fs.WalkDir(packs.Files, name, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := packs.Files.ReadFile(file)
		if err != nil {
			return err
		}
		have, err := os.ReadFile(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			same = false
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(have, want) {
			same = false
			return fs.SkipAll
		}
		return nil
	})
	return same, err
}

func copyPack(name, dir string) error {
	return fs.WalkDir(packs.Files, name, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, file)
		if d.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		text, err := packs.Files.ReadFile(file)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		return os.WriteFile(path, text, mode)
	})
}

func (c content) registerPack(ctx context.Context, path string) error {
	name := filepath.Base(path)
	read, problems := pack.Reader{Runners: c.runners}.Read(os.DirFS(path), name)
	for _, p := range problems {
		c.log.Warn("a pack has a problem", "pack", name, "problem", p.String())
	}
	if read == nil || read.Pack == nil {
		return nil
	}
	read.Pack.Path = path

	// Most starts find everything as it is: read first, write only what differs.
	var known []*squall.Action
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		known, err = tx.FindActions(ctx, store.ActionFilter{Pack: read.Pack.Ref})
		return err
	})
	if err != nil {
		return fmt.Errorf("read actions of pack %s: %w", name, err)
	}
	changed, gone := compareActions(known, read.Actions)
	if len(changed) == 0 && len(gone) == 0 {
		return nil
	}
	err = c.store.Update(ctx, func(tx store.Tx) error {
		if err := tx.PutPack(ctx, read.Pack); err != nil {
			return err
		}
		for _, a := range changed {
			if err := tx.PutAction(ctx, a); err != nil {
				return err
			}
		}
		for _, ref := range gone {
			if err := tx.DeleteAction(ctx, ref); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("register pack %s: %w", name, err)
	}
	c.log.Info("registered a pack", "pack", name, "changed", len(changed), "removed", len(gone))
	return nil
}

// compareActions returns what of the read actions is new or different, and
// which of the known ones are no longer there.
func compareActions(known, read []*squall.Action) (changed []*squall.Action, gone []squall.Ref) {
	versions := map[squall.Ref]string{}
	for _, a := range known {
		versions[a.Ref] = a.Version()
	}
	for _, a := range read {
		if versions[a.Ref] != a.Version() {
			changed = append(changed, a)
		}
		delete(versions, a.Ref)
	}
	return changed, slices.Collect(maps.Keys(versions))
}
