// Command conformance compares Squall with a corpus of recordings and prints
// a table. It ends with status 1 when a case fails and 2 when it cannot run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"squall/internal/conformance"
)

func main() {
	var cfg conformance.Config
	flag.StringVar(&cfg.Root, "corpus", "../shared/conformance", "corpus directory")
	flag.StringVar(&cfg.Suite, "suite", "", "run this suite only")
	flag.StringVar(&cfg.Category, "category", "", "run categories with this prefix only")
	flag.StringVar(&cfg.ID, "id", "", "run ids with this prefix only")
	flag.BoolVar(&cfg.Verbose, "v", false, "list every failure")
	flag.DurationVar(&cfg.Limit, "limit", 0, "time limit of a case (default 10s)")
	flag.Parse()
	os.Exit(run(cfg))
}

func run(cfg conformance.Config) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg.Suites = conformance.Suites()
	rep, err := conformance.Run(ctx, cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 2
	}
	if err := rep.Write(os.Stdout, cfg.Verbose); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 2
	}
	if _, failed, _ := rep.Counts(); failed > 0 || len(rep.Outcomes) == 0 {
		return 1
	}
	return 0
}
