// Command demo (`make run`) shows Squall's main job with real parts on this
// machine: servers (OpenSSH's sshd) with virtual machines' disks (qcow2), a mail
// server, and Squall, which backs the machines up, verifies the copies, finds one
// that was damaged, restores another and tells the administrators by mail.
//
// It makes everything below one directory, listens on loopback only, and takes it
// all away when it ends. It knows Squall from outside: the program and its API.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	var (
		binary = flag.String("binary", "bin/squall", "the program that is shown")
		bare   = flag.Bool("bare", false, "only start the server")
		once   = flag.Bool("once", false, "end after the show")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, *binary, *bare, *once)
	stopped := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
	case stopped: // in the middle of the show
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// run makes the world, shows it, and waits until somebody ends it.
func run(ctx context.Context, binary string, bare, once bool) (err error) {
	w := &world{binary: binary, dir: os.Getenv("SQUALL_RUN_DATA"), listen: os.Getenv("SQUALL_RUN_LISTEN")}
	if w.binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if w.dir == "" {
		if w.dir, err = os.MkdirTemp("", "squall-run."); err != nil {
			return err
		}
		defer os.RemoveAll(w.dir) //nolint:errcheck // it lies below the temporary directory
	} else if w.dir, err = filepath.Abs(w.dir); err != nil {
		return err
	} else if err = os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	defer w.stop()
	if !bare {
		if err := w.makeMachines(); err != nil {
			return fmt.Errorf("make the machines: %w", err)
		}
		if err := w.startMail(ctx); err != nil {
			return fmt.Errorf("start the mail server: %w", err)
		}
	}
	if err := w.startSquall(ctx); err != nil {
		return fmt.Errorf("start Squall: %w", err)
	}
	say("Squall is ready at %s", w.api.Base())
	if !bare {
		if err := w.show(ctx); err != nil {
			if text, e := os.ReadFile(w.path("server.log")); e == nil && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "The server's log:\n%s\n", tail(string(text), 20))
			}
			return err
		}
	}
	if once {
		return nil
	}
	say("Try it yourself, in another terminal:")
	fmt.Printf("  export SQUALL_URL=%s SQUALL_USER=admin SQUALL_PASSWORD=$(cat %s)\n", w.api.Base(), w.path("data", "admin-password"))
	for _, line := range tryThese[bare] {
		fmt.Println("  " + line)
	}
	fmt.Printf("Everything lies in %s until Ctrl-C stops the server.\n", w.dir)
	return w.wait(ctx)
}

var tryThese = map[bool][]string{
	false: {
		"bin/squall execution list",
		"bin/squall run backup.run full=true",
		"bin/squall run backup.report",
		"bin/squall run core.local -- uname -a",
	},
	true: {
		"bin/squall run core.local -- uname -a",
		"bin/squall action list",
		"bin/squall run examples.workflow_parallel",
	},
}
