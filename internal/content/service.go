package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"squall/internal/squall"
	"squall/internal/store"
)

// Compatible is the release of StackStorm whose packs run here: what a pack's
// stackstorm_version is compared with.
const Compatible = "3.9.0"

// Service registers, installs and removes packs on a running server. Changes
// happen one after the other.
type Service struct {
	*Registrar
	Dir       string   // installed packs lie here
	Dirs      []string // packs of the administrator; they are only registered
	Builtin   []string // directories of the built-in packs
	IndexFile string   // a JSON file with packs that can be installed by name; "": none
	// Environments makes the environments of packs that need some; nil: nobody does.
	Environments Environments

	mu sync.Mutex
}

// Paths returns the directories of all packs: built-in, the administrator's,
// installed. Of packs with one name the first counts; shadowed are the others.
func (s *Service) Paths() (paths, shadowed []string, err error) {
	taken := map[string]bool{}
	add := func(path string) {
		if name := filepath.Base(path); !taken[name] {
			taken[name] = true
			paths = append(paths, path)
		} else {
			shadowed = append(shadowed, path)
		}
	}
	for _, path := range s.Builtin {
		if !slices.Contains(giveWay, filepath.Base(path)) {
			add(path)
		}
	}
	for _, dir := range append(slices.Clone(s.Dirs), s.Dir) {
		found, err := Find(dir)
		if errors.Is(err, fs.ErrNotExist) && dir == s.Dir {
			continue // nothing was installed yet
		}
		if err != nil {
			return nil, nil, squall.Errorf(squall.Invalid, "packs.dirs: %w", err)
		}
		for _, path := range found {
			add(path)
		}
	}
	for _, path := range s.Builtin {
		if slices.Contains(giveWay, filepath.Base(path)) && !taken[filepath.Base(path)] {
			add(path)
		}
	}
	return paths, shadowed, nil
}

// giveWay are the built-in packs that give way to others of their names:
// StackStorm's examples are what its documentation speaks of, and its chatops is
// often changed where it is used.
var giveWay = []string{"chatops", "examples"}

// Load registers all packs as far as their files have changed: what a start of
// the server does. An installation that a crash interrupted is undone first.
func (s *Service) Load(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.recover(); err != nil {
		return fmt.Errorf("undo an interrupted installation: %w", err)
	}
	paths, shadowed, err := s.Paths()
	if err != nil {
		return err
	}
	for _, path := range shadowed {
		s.Log.Warn("a pack has the name of another one and is left out", "pack", filepath.Base(path), "path", path)
	}
	_, err = s.Registrar.Register(ctx, paths, Options{Keep: true})
	return err
}

// RegisterPacks registers the named packs from their files, all of them without
// names. Rules of other packs that waited for their trigger types come along.
func (s *Service) RegisterPacks(ctx context.Context, names []string, o Options) ([]*Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registerPacks(ctx, names, o)
}

func (s *Service) registerPacks(ctx context.Context, names []string, o Options) ([]*Report, error) {
	all, _, err := s.Paths()
	if err != nil {
		return nil, err
	}
	paths := all
	if len(names) > 0 {
		paths = nil
		for _, name := range names {
			i := slices.IndexFunc(all, func(path string) bool { return filepath.Base(path) == name })
			if i < 0 {
				return nil, squall.Errorf(squall.Invalid, `Pack "%s" not found on disk: Directory "%s" doesn't exist`, name, filepath.Join(s.Dir, name))
			}
			paths = append(paths, all[i])
		}
	}
	reports, err := s.Registrar.Register(ctx, paths, o)
	if err != nil || len(paths) == len(all) {
		return reports, err
	}
	if !slices.ContainsFunc(reports, func(r *Report) bool {
		return slices.ContainsFunc(r.Added, func(what string) bool { return strings.HasPrefix(what, string(store.TriggerTypes)+" ") })
	}) {
		return reports, nil
	}
	others := slices.DeleteFunc(slices.Clone(all), func(path string) bool { return slices.Contains(paths, path) })
	_, err = s.Registrar.Register(ctx, others, Options{Dirs: []string{"rules"}, Keep: true})
	return reports, err
}

// InstallOptions say how to install.
type InstallOptions struct {
	Force            bool // also with faulty files, or for another version of StackStorm
	SkipDependencies bool
	Progress         io.Writer // is told what takes long; nil: nobody
}

// Install fetches a pack (a directory, an archive, a git address or a name in
// the index, the last two with "=version" behind), checks it, puts it in the
// place of the one that is there, and registers it. When any of it fails the
// old pack is there as before. Dependencies that are not there are installed
// first. The reports say what has changed, the pack's own comes last.
func (s *Service) Install(ctx context.Context, from string, o InstallOptions) ([]*Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.install(ctx, from, o, map[string]bool{})
}

func (s *Service) install(ctx context.Context, from string, o InstallOptions, seen map[string]bool) ([]*Report, error) {
	src, err := parseSource(from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, squall.Errorf(squall.Unavailable, "the directory for packs cannot be made: %w", err)
	}
	stage, err := os.MkdirTemp(s.Dir, ".stage-")
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "the directory for packs cannot be written: %w", err)
	}
	defer func() {
		if err := os.RemoveAll(stage); err != nil {
			s.Log.Warn("what an installation left cannot be removed; the next start tries again", "path", stage, "error", err)
		}
	}()
	fetched := filepath.Join(stage, "fetched-pack") // no pack can be called that
	if err := s.fetch(ctx, src, fetched); err != nil {
		return nil, err
	}
	p, staged, err := s.check(ctx, fetched, o)
	if err != nil {
		return nil, err
	}
	ref := p.Content.Pack.Ref
	if seen[ref] {
		return nil, nil // it is on its way already
	}
	seen[ref] = true
	var reports []*Report
	if !o.SkipDependencies {
		if reports, err = s.dependencies(ctx, p.Content.Pack.Dependencies, o, seen); err != nil {
			return reports, fmt.Errorf("dependencies of pack %s: %w", ref, err)
		}
	}
	own, err := s.replace(ctx, ref, staged, o.progress())
	return append(reports, own...), err
}

// check reads a fetched pack and gives its directory the name of the pack.
func (s *Service) check(ctx context.Context, fetched string, o InstallOptions) (*Pack, string, error) {
	known, err := s.triggerTypes(ctx)
	if err != nil {
		return nil, "", err
	}
	p := Read([]string{fetched}, s.Runners, known)[0]
	if p.Content == nil {
		return nil, "", squall.Errorf(squall.Invalid, "the pack cannot be used: %s", p.Refused()[0])
	}
	ref := p.Content.Pack.Ref
	staged := filepath.Join(filepath.Dir(fetched), ref)
	if err := os.Rename(fetched, staged); err != nil {
		return nil, "", err
	}
	p = Read([]string{staged}, s.Runners, known)[0] // now "pack" in its files means something
	if p.Content == nil {
		return nil, "", squall.Errorf(squall.Invalid, "the pack cannot be used: %s", p.Refused()[0])
	}
	for _, path := range s.Builtin {
		if filepath.Base(path) == ref && !slices.Contains(giveWay, ref) {
			return nil, "", squall.Errorf(squall.Conflict, "pack %q is built in and cannot be replaced", ref)
		}
	}
	if paths, _, err := s.Paths(); err != nil {
		return nil, "", err
	} else if i := slices.IndexFunc(paths, func(path string) bool { return filepath.Base(path) == ref }); i >= 0 && !slices.Contains(s.Builtin, paths[i]) && filepath.Dir(paths[i]) != filepath.Clean(s.Dir) {
		return nil, "", squall.Errorf(squall.Conflict, "pack %q lies in %s, which the administrator keeps: change it there", ref, paths[i])
	}
	if o.Force {
		return p, staged, nil
	}
	if refused := p.Refused(); len(refused) == 1 {
		return nil, "", squall.Errorf(squall.Invalid, "pack %q has a problem: %s; force installs what is right of it", ref, refused[0])
	} else if len(refused) > 1 {
		return nil, "", squall.Errorf(squall.Invalid, "pack %q has %d problems (squall pack validate tells all), the first is %s; force installs what is right of it", ref, len(refused), refused[0])
	}
	if v := p.Content.Pack.PythonVersions; len(v) > 0 && !slices.Contains(v, "3") {
		return nil, "", squall.Errorf(squall.Invalid, "pack %q is written for Python %s; force installs it all the same", ref, strings.Join(v, ", "))
	}
	if want := p.Content.Pack.ServerVersion; !satisfies(Compatible, want) {
		return nil, "", squall.Errorf(squall.Invalid, "pack %q needs StackStorm %s, this server stands for %s; force installs it all the same", ref, want, Compatible)
	}
	return p, staged, nil
}

func packRef(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// dependencies installs the packs that are not there.
func (s *Service) dependencies(ctx context.Context, list []string, o InstallOptions, seen map[string]bool) ([]*Report, error) {
	var reports []*Report
	for _, from := range list {
		src, err := parseSource(from)
		if err != nil {
			return reports, err
		}
		if src.kind != "git" && src.kind != "index" {
			return reports, squall.Errorf(squall.Invalid, "%q is neither the name nor the git address of a pack", from)
		}
		name := strings.TrimSuffix(filepath.Base(src.place), ".git")
		if src.kind == "git" {
			name = strings.TrimPrefix(name, "stackstorm-")
		}
		there, err := s.registered(ctx, name)
		if err != nil {
			return reports, err
		}
		if there || seen[name] {
			continue
		}
		more, err := s.install(ctx, from, o, seen)
		reports = append(reports, more...)
		if err != nil {
			return reports, err
		}
	}
	return reports, nil
}

func (s *Service) registered(ctx context.Context, name string) (bool, error) {
	err := s.Store.View(ctx, func(tx store.Tx) error {
		_, err := tx.Pack(ctx, name)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return false, nil
	}
	return err == nil, err
}

// replace puts a staged pack into its place and registers it; if that fails the
// old one comes back. Its environment is made first, which may take minutes, and
// takes its place with it.
func (s *Service) replace(ctx context.Context, ref, staged string, progress io.Writer) ([]*Report, error) {
	env, err := s.prepare(ctx, ref, staged, false, progress)
	if err != nil {
		return nil, err
	}
	target, old := filepath.Join(s.Dir, ref), filepath.Join(s.Dir, oldPrefix+ref)
	upgrade := isDir(target)
	if upgrade {
		if err := os.Rename(target, old); err != nil {
			return nil, err
		}
	}
	undo := func() error {
		if err := errors.Join(env.undo(), os.RemoveAll(target)); err != nil || !upgrade {
			return err
		}
		return os.Rename(old, target)
	}
	if err := errors.Join(os.Rename(staged, target), env.use()); err != nil {
		return nil, errors.Join(err, undo())
	}
	reports, err := s.registerPacks(ctx, []string{ref}, Options{})
	if err != nil {
		return nil, errors.Join(err, undo())
	}
	return reports, errors.Join(os.RemoveAll(old), env.done())
}

// oldPrefix begins the name under which a pack waits until its successor is
// registered.
const oldPrefix = ".old-"

// recover brings the directory of packs into order after a crash.
func (s *Service) recover() error {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(s.Dir, e.Name())
		if name, ok := strings.CutPrefix(e.Name(), oldPrefix); ok {
			// The crash came before the new pack was surely registered.
			target := filepath.Join(s.Dir, name)
			if err := errors.Join((&environment{s.Environments, name, ""}).undo(), os.RemoveAll(target)); err != nil {
				return err
			}
			if err := os.Rename(path, target); err != nil {
				return err
			}
		}
		if strings.HasPrefix(e.Name(), ".stage-") {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove unregisters a pack and deletes its files. Its configuration and the
// executions of its actions stay. Packs that are built in, or that lie in a
// directory of the administrator, are refused with kind Conflict.
func (s *Service) Remove(ctx context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !packRef(ref) {
		return squall.Errorf(squall.Invalid, "%q is no name of a pack", ref)
	}
	paths, _, err := s.Paths()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(paths, func(path string) bool { return filepath.Base(path) == ref })
	if i >= 0 && filepath.Dir(paths[i]) != filepath.Clean(s.Dir) {
		return squall.Errorf(squall.Conflict, "pack %q lies in %s and would be there again after the next start", ref, paths[i])
	}
	there, err := s.registered(ctx, ref)
	if err != nil {
		return err
	}
	if i < 0 && !there {
		return squall.Errorf(squall.NotFound, "pack %q is not installed", ref)
	}
	// The store first: files without registration are installed again by the
	// next start, registrations without files fail when they run.
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		rules, err := tx.FindContent(ctx, store.ContentFilter{Kind: store.Rules, Pack: ref})
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if err := store.DeleteRule(ctx, tx, squall.Ref{Pack: ref, Name: rule.Name}); err != nil {
				return err
			}
		}
		return tx.DeletePack(ctx, ref)
	})
	if err != nil {
		return fmt.Errorf("remove pack %s: %w", ref, err)
	}
	if i < 0 {
		return nil
	}
	gone := filepath.Join(s.Dir, ".stage-gone-"+ref)
	if err := errors.Join(os.RemoveAll(gone), os.Rename(paths[i], gone)); err != nil {
		return err
	}
	if s.Environments != nil {
		if err := s.Environments.Remove(ref); err != nil {
			return err
		}
	}
	return os.RemoveAll(gone)
}

// satisfies reports whether a version lies in a range such as ">=3.0.0, <4.0.0".
func satisfies(version, want string) bool {
	for part := range strings.SplitSeq(want, ",") {
		part = strings.TrimSpace(part)
		number := strings.TrimLeft(part, "<>= ")
		if number == "" {
			continue
		}
		c := compareVersions(version, number)
		ok := c == 0
		switch strings.TrimSpace(strings.TrimSuffix(part, number)) {
		case ">=":
			ok = c >= 0
		case "<=":
			ok = c <= 0
		case ">":
			ok = c > 0
		case "<":
			ok = c < 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// compareVersions compares versions of three numbers.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m - n
		}
	}
	return len(x) - len(y)
}
