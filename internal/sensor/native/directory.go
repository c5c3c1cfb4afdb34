package native

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"

	"squall/internal/sensor"
	"squall/internal/squall"
)

type directoryConfig struct {
	Path   string   `json:"path"`
	Match  string   `json:"match"`  // a pattern of names, such as *.csv; empty: all
	Events []string `json:"events"` // of create, write, remove, rename, chmod; empty: the first four
}

// watchDirectory reports what happens to the files of a directory:
// {"path": ..., "name": ..., "event": "create"}.
func watchDirectory(ctx context.Context, job *sensor.NativeJob) error {
	var c directoryConfig
	if err := configure(job, &c); err != nil {
		return err
	}
	if c.Path == "" {
		return squall.Errorf(squall.Invalid, "configuration: path is missing: which directory?")
	}
	if _, err := path.Match(c.Match, ""); err != nil {
		return squall.Errorf(squall.Invalid, "configuration: match %q: %w", c.Match, err)
	}
	wanted := c.Events
	if len(wanted) == 0 {
		wanted = []string{"create", "write", "remove", "rename"}
	}
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watch.Close()
	if err := watch.Add(c.Path); err != nil {
		return fmt.Errorf("watch %s: %w", c.Path, err)
	}
	job.Ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watch.Errors:
			return fmt.Errorf("watch %s: %w", c.Path, err) // also when events were lost
		case ev := <-watch.Events:
			if ev.Name == c.Path && ev.Has(fsnotify.Remove) {
				return fmt.Errorf("the directory %s is gone", c.Path)
			}
			name := filepath.Base(ev.Name)
			if ok, _ := path.Match(c.Match, name); c.Match != "" && !ok {
				continue
			}
			for _, op := range []struct {
				op   fsnotify.Op
				name string
			}{{fsnotify.Create, "create"}, {fsnotify.Write, "write"}, {fsnotify.Remove, "remove"}, {fsnotify.Rename, "rename"}, {fsnotify.Chmod, "chmod"}} {
				if !ev.Has(op.op) || !slices.Contains(wanted, op.name) {
					continue
				}
				err := job.Emit(ctx, "", "", map[string]any{"path": ev.Name, "name": name, "event": op.name})
				if err := refused(ctx, job.Log, err); err != nil {
					return err
				}
			}
		}
	}
}
