package content

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"squall/internal/pack"
	"squall/internal/squall"
)

// Pack is a pack as it lies in a directory.
type Pack struct {
	Name     string // the directory's name
	Path     string
	Content  *pack.Content // nil: pack.yaml or config.schema.yaml is unusable
	Problems []pack.Problem
}

// Refused returns the problems that keep something from being registered.
func (p *Pack) Refused() []pack.Problem {
	return slices.DeleteFunc(slices.Clone(p.Problems), func(q pack.Problem) bool { return q.Warning })
}

// Find returns the directories of packs: dir itself when it is one, otherwise
// those directly in it, by name.
func Find(dir string) ([]string, error) {
	if isPack(dir) {
		return []string{dir}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); !strings.HasPrefix(e.Name(), ".") && isPack(path) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func isPack(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "pack.yaml"))
	return err == nil
}

// Read reads the packs in paths, several at once. A rule may wait for a trigger
// type of its own pack, of any pack in paths, or for one that known knows.
func Read(paths []string, runners pack.RunnersFunc, known pack.TriggersFunc) []*Pack {
	packs := make([]*Pack, len(paths))
	for i, path := range paths {
		packs[i] = &Pack{Name: nameOf(path), Path: path}
	}
	types := map[squall.Ref]*squall.TriggerType{}
	var mu sync.Mutex
	inParallel(packs, func(p *Pack) {
		for _, t := range (pack.Reader{}).TriggerTypes(os.DirFS(p.Path), p.Name) {
			mu.Lock()
			types[t.Ref] = t
			mu.Unlock()
		}
	})
	reader := pack.Reader{Runners: runners, Triggers: func(ref squall.Ref) (*squall.TriggerType, bool) {
		if t, ok := types[ref]; ok || known == nil {
			return t, ok
		}
		return known(ref)
	}}
	inParallel(packs, func(p *Pack) {
		p.Content, p.Problems = reader.Read(os.DirFS(p.Path), p.Name)
		if p.Content != nil {
			p.Content.Pack.Path = p.Path
			p.Content.Pack.Files = filesOf(p.Path)
		}
	})
	return packs
}

// nameOf is the name of the directory, also for paths such as ".".
func nameOf(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// inParallel calls fn for every pack, as many at once as there are processors.
func inParallel(packs []*Pack, fn func(*Pack)) {
	next := make(chan *Pack)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(packs)) {
		workers.Go(func() {
			for p := range next {
				fn(p)
			}
		})
	}
	for _, p := range packs {
		next <- p
	}
	close(next)
	workers.Wait()
}

// maxFiles bounds the list of a pack's files; the largest known has 7,200.
const maxFiles = 50_000

// filesOf lists the files of a pack, without those of version control.
func filesOf(dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not listed
		}
		if d.IsDir() {
			if path != dir && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if len(files) == maxFiles {
			return filepath.SkipAll
		}
		if rel, err := filepath.Rel(dir, path); err == nil {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil && !errors.Is(err, filepath.SkipAll) {
		return nil
	}
	return files
}
