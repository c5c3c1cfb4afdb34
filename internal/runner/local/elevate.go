package local

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// elevate returns how to signal processes that sudo started for another user:
// with sudo again (st2: sudo pkill). It is nil where that cannot be needed or
// cannot work.
func (r *Runner) elevate(c *command) func(unix.Signal, []int) {
	if r.root || r.sudo == "" || c.path != r.sudo {
		return nil
	}
	return func(sig unix.Signal, pids []int) {
		args := []string{"-n"} // never ask: nobody is there to answer
		if c.password != "" {
			args = []string{"-S"}
		}
		args = append(args, "--", "kill", "-"+strconv.Itoa(int(sig)))
		for _, pid := range pids {
			args = append(args, strconv.Itoa(pid))
		}
		// The run's own context is over; this is its cleaning up.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		kill := exec.CommandContext(ctx, r.sudo, args...)
		kill.Stdin = strings.NewReader(c.password + "\n")
		_ = kill.Run() // who survives is seen by the next look at the tree
	}
}
