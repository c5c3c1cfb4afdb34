package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"squall/internal/content"
	"squall/internal/squall"
	"squall/packs"
)

// registerPacks lays out the built-in packs and registers them and those of
// dirs, as far as their files have changed. A pack with problems is told of in
// the log and registered as far as it is right: one bad file must not stop the
// server.
func registerPacks(ctx context.Context, r *content.Registrar, data string, dirs []string) error {
	paths, err := packPaths(data, dirs, r.Log)
	if err != nil {
		return err
	}
	_, err = r.Register(ctx, paths, content.Options{Keep: true})
	return err
}

// packPaths returns the directories of all packs, built-in ones first. Of packs
// with one name the first counts.
func packPaths(data string, dirs []string, log *slog.Logger) ([]string, error) {
	paths, err := unpackBuiltin(filepath.Join(data, "builtin"))
	if err != nil {
		return nil, fmt.Errorf("unpack the built-in packs: %w", err)
	}
	taken := map[string]string{}
	for _, path := range paths {
		taken[filepath.Base(path)] = path
	}
	for _, dir := range dirs {
		found, err := content.Find(dir)
		if err != nil {
			return nil, squall.Errorf(squall.Invalid, "packs.dirs: %w", err)
		}
		for _, path := range found {
			if other := taken[filepath.Base(path)]; other != "" {
				log.Warn("a pack has the name of another one and is left out", "pack", filepath.Base(path), "path", path, "other", other)
				continue
			}
			taken[filepath.Base(path)] = path
			paths = append(paths, path)
		}
	}
	return paths, nil
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
