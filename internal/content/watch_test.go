package content_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"squall/internal/content"
	"squall/internal/store"
)

const (
	watchPack   = "name: w\nversion: 1.0.0\nauthor: a\nemail: a@example.org\ndescription: d\n"
	watchAction = "name: one\nrunner_type: noop\n"
)

// locked is a buffer that several goroutines write to and read.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watch follows the packs in dir and returns a function that waits until a
// condition about the registered actions holds.
func watch(t *testing.T, dir string, o content.Watching) (until func(what string, ok func([]string) bool), log *locked) {
	t.Helper()
	r := open(t)
	log = &locked{}
	r.Log = slog.New(slog.NewTextHandler(log, nil))
	s := &content.Service{Registrar: r, Dir: filepath.Join(t.TempDir(), "installed"), Dirs: []string{dir}}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	time.Sleep(100 * time.Millisecond) // Watch has looked at what is there
	return func(what string, ok func([]string) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			var names []string
			err := r.Store.View(t.Context(), func(tx store.Tx) error {
				names = nil
				list, err := tx.FindActions(t.Context(), store.ActionFilter{})
				for _, a := range list {
					names = append(names, a.Ref.String()+" "+a.Description)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if ok(names) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the actions are %v\n%s", what, names, log)
			}
		}
	}, log
}

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]content.Watching{
		"told by the kernel": {Quiet: 20 * time.Millisecond, Poll: time.Hour},
		"looking":            {Quiet: time.Hour, Poll: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files(t, t.TempDir(), map[string]string{"w/pack.yaml": watchPack, "w/actions/one.yaml": watchAction})
			until, log := watch(t, dir, o)
			has := func(action string) func([]string) bool {
				return func(all []string) bool { return slices.Contains(all, action) }
			}
			lacks := func(action string) func([]string) bool {
				return func(all []string) bool { return !slices.Contains(all, action) }
			}
			until("at the start", has("w.one "))
			files(t, dir, map[string]string{"w/actions/one.yaml": watchAction + "description: changed\n"})
			until("after a change", has("w.one changed"))
			files(t, dir, map[string]string{"w/actions/two.yaml": "name: two\nrunner_type: noop\n"})
			until("after a new file", has("w.two "))
			files(t, dir, map[string]string{"w/actions/two.yaml": ""})
			until("after a file was removed", lacks("w.two "))
			// What is wrong is told of; what was registered stays as far as it is right.
			files(t, dir, map[string]string{"w/actions/bad.yaml": "name: [", "w/actions/three.yaml": "name: three\nrunner_type: noop\n"})
			until("beside a file that is wrong", has("w.three "))
			if !strings.Contains(log.String(), "bad.yaml") {
				t.Errorf("log: %s", log)
			}
			// A new pack, in a directory that was not there.
			files(t, dir, map[string]string{"x/pack.yaml": strings.ReplaceAll(watchPack, "name: w", "name: x"), "x/actions/y.yaml": "name: y\nrunner_type: noop\n"})
			until("with a new pack", has("x.y "))
			// As git and rsync do it: away, and there again.
			if err := os.RemoveAll(filepath.Join(dir, "x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			files(t, dir, map[string]string{"x/pack.yaml": strings.ReplaceAll(watchPack, "name: w", "name: x"), "x/actions/z.yaml": "name: z\nrunner_type: noop\n"})
			until("with a pack put in anew", func(all []string) bool { return has("x.z ")(all) && lacks("x.y ")(all) })
		})
	}
}
