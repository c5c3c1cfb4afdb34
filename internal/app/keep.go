package app

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"squall/internal/runner"
	"squall/internal/runner/keep"
)

// keeperCommand is this program as the keeper of local actions. Its name is what
// the list of processes shows; people have no use for it.
func keeperCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "keep-runs DIR", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Keep the local actions of a server running while it is restarted (started by the server)",
		RunE: func(_ *cobra.Command, args []string) error {
			ready, ok := stdout.(io.WriteCloser)
			if !ok {
				return errors.New("keep-runs is started by the server")
			}
			return keep.Serve(args[0], ready)
		},
	}
}

// openKeep prepares the keeper of local actions.
func (s *server) openKeep() (err error) {
	if !s.config.Scheduler.KeepRuns || len(s.config.Keeper) == 0 {
		return nil
	}
	if s.keep, err = keep.New(filepath.Join(s.config.Server.Data, "runs"), s.config.Keeper); err != nil {
		return err
	}
	s.atEnd(s.keep.Close)
	go s.keep.Prepare() // ends soon; the first action need not wait for it then
	return nil
}

// keeper is what the scheduler asks about kept runs, nil when there are none.
func (s *server) keeper() runner.Keep {
	if s.keep == nil {
		return nil
	}
	return keepers{s.keep, s.detached}
}

// keepers are several that share the keys among them.
type keepers []runner.Keep

// Kept implements runner.Keep.
func (k keepers) Kept() (keys []string, err error) {
	for _, one := range k {
		some, err := one.Kept()
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
	return keys, nil
}

// Release implements runner.Keep.
func (k keepers) Release(key string) {
	for _, one := range k {
		one.Release(key)
	}
}
