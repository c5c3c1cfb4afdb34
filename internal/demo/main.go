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
		fmt.Fprintln(os.Stderr, "demo: stopped before its end")
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
		w.passing = true
	} else if w.dir, err = filepath.Abs(w.dir); err != nil {
		return err
	} else if err = os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	defer w.stop()
	if !bare {
		fmt.Printf("Making a small computing centre in %s ...\n", w.dir)
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
	if err := w.invite(tryThese[bare]); err != nil {
		return err
	}
	return w.wait(ctx)
}

// invite says how people go on from here in a terminal of their own.
func (w *world) invite(commands []string) error {
	env := fmt.Sprintf("export SQUALL_URL=%s SQUALL_USER=admin SQUALL_PASSWORD=$(cat '%s')\nPATH='%s':$PATH\n",
		w.api.Base(), w.path("data", "admin-password"), filepath.Dir(w.binary))
	if err := writeFile(w.path("env"), []byte(env)); err != nil {
		return err
	}
	say("Try it yourself, in another terminal:")
	fmt.Printf("  . %s   # address, password, PATH\n", w.path("env"))
	for _, line := range commands {
		fmt.Println("  " + line)
	}
	fmt.Printf("Ctrl-C here stops everything. The log: %s\n", w.path("server.log"))
	return nil
}

var tryThese = map[bool][]string{
	false: {
		"squall execution list                                  # what has run",
		"squall run backup.report --key output.report.text      # where every machine's backup stands",
		"squall run backup.run full=true                        # all of them again",
		"squall run core.local -- uname -a                      # any command",
	},
	true: {
		"squall run core.local -- uname -a            # any command",
		"squall run examples.workflow_parallel        # a workflow",
		"squall action list                           # what else can be run",
	},
}
