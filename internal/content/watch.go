package content

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watching follows the files of packs and registers those that have changed.
type Watching struct {
	// Quiet is how long nothing may change before a pack is read: an editor, git
	// or rsync writes more than one file. Default: half a second.
	Quiet time.Duration
	// Poll is how often all packs are looked at without being told, for file
	// systems that tell nothing, such as NFS. Default: half a minute.
	Poll time.Duration
}

// watchedDirs are the directories of a pack whose files say what is registered.
// "" is the pack's own.
var watchedDirs = []string{"", "actions", "actions/workflows", "sensors", "triggers", "rules", "aliases", "policies"}

// Watch registers packs whose files change, until ctx ends; then it returns nil.
// What was changed through the API since stays unless its file changed. A pack
// that is taken away stays registered: removing one is said, not concluded.
func (s *Service) Watch(ctx context.Context, o Watching) error {
	if o.Quiet == 0 {
		o.Quiet = 500 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = 30 * time.Second
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.Log.Warn("the kernel does not tell of changed files; packs are looked at now and then", "every", o.Poll, "error", err)
		w = &fsnotify.Watcher{} // its channels are nil: nothing ever comes
	} else {
		defer w.Close() //nolint:errcheck // nothing was written
	}
	f := &follower{service: s, watcher: w, watched: map[string]bool{}, kernel: err == nil}
	f.seen = f.stamps()
	poll := time.NewTicker(o.Poll)
	defer poll.Stop()
	quiet := time.NewTimer(o.Quiet)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.Events:
			if e.Op == fsnotify.Chmod {
				continue // indexers and backups touch everything
			}
			if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
				delete(f.watched, e.Name) // should it come back, it is another directory
			}
			quiet.Reset(o.Quiet)
		case err := <-w.Errors:
			s.Log.Warn("some changes of packs' files were missed; all are looked at", "error", err)
			quiet.Reset(o.Quiet)
		case <-poll.C:
			f.look(ctx)
		case <-quiet.C:
			f.look(ctx)
		}
		if f.grown { // what was written before the kernel told us of it is not told
			f.grown = false
			quiet.Reset(o.Quiet)
		}
	}
}

// follower remembers how the packs' files looked.
type follower struct {
	service *Service
	watcher *fsnotify.Watcher
	kernel  bool // watcher works
	watched map[string]bool
	grown   bool              // directories have been added to watched
	seen    map[string]string // stamps by path of the pack
}

// look registers the packs that do not look as they did.
func (f *follower) look(ctx context.Context) {
	now := f.stamps()
	var names []string
	for path, stamp := range now {
		if f.seen[path] != stamp {
			names = append(names, filepath.Base(path))
		}
	}
	if len(names) == 0 {
		f.seen = now
		return
	}
	slices.Sort(names)
	f.service.Log.Info("files of packs have changed", "packs", names)
	if _, err := f.service.RegisterPacks(ctx, names, Options{Keep: true}); err != nil {
		if ctx.Err() == nil {
			f.service.Log.Error("changed packs could not be registered; the next look tries again", "packs", names, "error", err)
		}
		return
	}
	f.seen = now
}

// stamps tells versions of all packs' files apart, and asks the kernel to tell
// of changes to them. Built-in packs change with the program only.
func (f *follower) stamps() map[string]string {
	s := f.service
	found := map[string]string{}
	for _, dir := range append(slices.Clone(s.Dirs), s.Dir) {
		f.watch(dir)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is not there yet
		}
		for _, e := range entries { // a pack is one only when its pack.yaml has come
			if path := filepath.Join(dir, e.Name()); e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				f.watch(path)
			}
		}
	}
	paths, _, err := s.Paths()
	if err != nil {
		return f.seen // said already at the start; what was there counts
	}
	for _, path := range paths {
		if slices.Contains(s.Builtin, path) {
			continue
		}
		var b strings.Builder
		for _, sub := range watchedDirs {
			dir := filepath.Join(path, sub)
			f.watch(dir)
			stampDir(&b, dir)
		}
		found[path] = b.String()
	}
	return found
}

// watch asks the kernel for changes of a directory, once.
func (f *follower) watch(dir string) {
	if !f.kernel || f.watched[dir] {
		return
	}
	if _, err := os.Stat(dir); err != nil {
		return
	}
	if err := f.watcher.Add(dir); err != nil {
		f.service.Log.Warn("changes of a directory are seen late: see fs.inotify.max_user_watches", "dir", dir, "error", err)
	}
	f.watched[dir], f.grown = true, true
}

// stampDir writes what changes when a file of the directory does.
func stampDir(b *strings.Builder, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name())) // what a link points to
		if err != nil || info.Mode()&fs.ModeType != 0 {
			continue
		}
		fmt.Fprintf(b, "%s/%s %d %d\n", dir, e.Name(), info.ModTime().UnixNano(), info.Size())
	}
}
