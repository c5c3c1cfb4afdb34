package app

import (
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

// registerContent reads the built-in packs and those of the directories and
// registers what changed. A pack with problems is told of in the log and
// registered as far as it is right: one bad file must not stop the server.
func registerContent(ctx context.Context, st store.Store, dirs []string, log *slog.Logger) error {
	for _, name := range packs.Names() {
		sub, err := fs.Sub(packs.Files, name)
		if err != nil {
			return err
		}
		if err := registerPack(ctx, st, sub, name, "", log); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("read packs: %w", err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if _, err := os.Stat(filepath.Join(path, "pack.yaml")); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := registerPack(ctx, st, os.DirFS(path), e.Name(), path, log); err != nil {
				return err
			}
		}
	}
	return nil
}

func registerPack(ctx context.Context, st store.Store, fsys fs.FS, name, path string, log *slog.Logger) error {
	content, problems := pack.Read(fsys, name)
	for _, p := range problems {
		log.Warn("a pack has a problem", "pack", name, "problem", p.String())
	}
	if content == nil || content.Pack == nil {
		return nil
	}
	content.Pack.Path = path

	// Most starts find everything as it is: read first, write only what differs.
	var known []*squall.Action
	err := st.View(ctx, func(tx store.Tx) (err error) {
		known, err = tx.FindActions(ctx, store.ActionFilter{Pack: content.Pack.Ref})
		return err
	})
	if err != nil {
		return fmt.Errorf("read actions of pack %s: %w", name, err)
	}
	changed, gone := compareActions(known, content.Actions)
	if len(changed) == 0 && len(gone) == 0 {
		return nil
	}
	err = st.Update(ctx, func(tx store.Tx) error {
		if err := tx.PutPack(ctx, content.Pack); err != nil {
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
	log.Info("registered a pack", "pack", name, "changed", len(changed), "removed", len(gone))
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
