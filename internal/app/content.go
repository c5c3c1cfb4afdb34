package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"squall/internal/content"
	"squall/internal/runner/types"
	"squall/packs"
)

// loadPacks lays out the built-in packs and registers all packs as far as their
// files have changed. A pack with problems is told of in the log and registered
// as far as it is right: one bad file must not stop the server.
func (s *server) loadPacks(ctx context.Context) error {
	c := s.config
	builtin, err := unpackBuiltin(filepath.Join(c.Server.Data, "builtin"))
	if err != nil {
		return fmt.Errorf("unpack the built-in packs: %w", err)
	}
	s.packs = &content.Service{
		Registrar:    &content.Registrar{Store: s.store, Runners: types.Known().RunnerType, Log: s.log.With("part", "packs")},
		Dir:          filepath.Join(c.Server.Data, "packs"),
		Dirs:         c.Packs.Dirs,
		Builtin:      builtin,
		IndexFile:    c.Packs.Index,
		Environments: c.environments(),
	}
	return s.packs.Load(ctx)
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
		if name != "default" { // there the files of actions lie that were made through the API
			if err := os.RemoveAll(path); err != nil {
				return nil, err
			}
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
