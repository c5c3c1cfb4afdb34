package local

import (
	"golang.org/x/sys/unix"

	"squall/internal/runner/process"
)

// elevate returns how to signal processes that sudo started for another user:
// with sudo again (st2: sudo pkill). It is nil where that cannot be needed or
// cannot work.
func (r *Runner) elevate(c *command) func(unix.Signal, []int) {
	if r.root || r.sudo == "" || c.path != r.sudo {
		return nil
	}
	return process.Elevated(r.sudo, c.password)
}
