// Command squall is the whole product in one binary: the server, and the
// commands that talk to it. Called under the name st2 it speaks the command line
// of StackStorm.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name zones; minimal machines have no database of them

	"squall/internal/app"
	"squall/internal/cli"
)

func main() {
	// The server handles its signals itself, in two stages; this one ends
	// everything else.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process, whatever it waits for
	io := cli.ProcessIO(os.Getenv)
	if cli.IsSt2(os.Args[0]) {
		os.Exit(cli.MainSt2(ctx, io, app.Version, os.Args[1:]))
	}
	root := cli.New(io, app.Version, app.Commands(os.Stdout, os.Stderr)...)
	os.Exit(cli.Main(ctx, root, io, os.Args[1:]))
}
