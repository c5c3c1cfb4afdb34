package content

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"squall/internal/squall"
)

// Environments makes what actions of packs need to run, beside the packs
// themselves. What is used is undone or done before the next call for the pack.
type Environments interface {
	// Prepare makes the environment of the pack in dir and returns its name, ""
	// when the pack needs none. Without fresh the present one will do if it was
	// made from the same. Nothing uses it yet.
	Prepare(ctx context.Context, pack, dir string, fresh bool, progress io.Writer) (string, error)
	// Use makes a prepared environment the pack's.
	Use(pack, env string) error
	// Undo brings back what was there before Use. It may be called without one.
	Undo(pack string) error
	// Done makes Use final.
	Done(pack string) error
	// Remove deletes the environments of a pack.
	Remove(pack string) error
}

// environment is one that was prepared for a pack.
type environment struct {
	by   Environments
	pack string
	name string
}

func (s *Service) prepare(ctx context.Context, pack, dir string, fresh bool, progress io.Writer) (*environment, error) {
	e := &environment{by: s.Environments, pack: pack}
	if e.by == nil {
		return e, nil
	}
	var err error
	e.name, err = e.by.Prepare(ctx, pack, dir, fresh, progress)
	return e, err
}

func (e *environment) use() error {
	if e.by == nil {
		return nil
	}
	return e.by.Use(e.pack, e.name)
}

func (e *environment) undo() error {
	if e.by == nil {
		return nil
	}
	return e.by.Undo(e.pack)
}

func (e *environment) done() error {
	if e.by == nil {
		return nil
	}
	return e.by.Done(e.pack)
}

func (o *InstallOptions) progress() io.Writer {
	if o.Progress == nil {
		return io.Discard
	}
	return o.Progress
}

// SetUpEnvironment makes the environment of a registered pack anew, also of a
// pack that the administrator keeps. It reports whether the pack needs one.
// Error kinds: NotFound, and those of the maker.
func (s *Service) SetUpEnvironment(ctx context.Context, ref string, progress io.Writer) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths, _, err := s.Paths()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(paths, func(path string) bool { return filepath.Base(path) == ref })
	if i < 0 {
		return false, squall.Errorf(squall.NotFound, "pack %q is not installed", ref)
	}
	env, err := s.prepare(ctx, ref, paths[i], true, progress)
	if err != nil {
		return false, err
	}
	if err := env.use(); err != nil {
		return false, err
	}
	return env.name != "", env.done()
}
