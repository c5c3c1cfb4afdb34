package python

import (
	"os/exec"
	"testing"

	"squall/internal/runner"
	"squall/internal/squall"
)

// The limit, the product and what it replaces, side by side:
//
//	go test -run none -bench . -benchtime 100x ./internal/runner/python

const benched = `
import json
import yaml
import requests
from st2common.runners.base_action import Action
class Act(Action):
    def run(self):
        return {"a": 1}
`

// BenchmarkPythonPass is the start of a Python that does nothing.
func BenchmarkPythonPass(b *testing.B) {
	python := benchPython(b)
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), python, "-c", "pass").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPythonImports is a start with the imports of the action.
func BenchmarkPythonImports(b *testing.B) {
	python := benchPython(b)
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), python, "-c", "import json, yaml, requests").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWarm(b *testing.B) { benchmarkRun(b, newRunner(b, nil)) }
func BenchmarkCold(b *testing.B) { benchmarkRun(b, newRunner(b, func(c *Config) { c.Cold = true })) }

// BenchmarkKept is BenchmarkWarm in the hands of a keeper; the difference is the
// price of outliving the server.
func BenchmarkKept(b *testing.B) {
	r, _ := keptRunner(b, keeperDir(b), nil)
	benchmarkRun(b, r)
}

func benchmarkRun(b *testing.B, r *Runner) {
	benchPython(b)
	j := newJob(b, benched, nil)
	act := func() {
		j.Execution.Attempt++ // another run for a keeper
		o, err := r.Run(b.Context(), j, runner.Discard)
		if err != nil || o.Status != squall.Succeeded {
			b.Fatalf("%s %s %v", o.Status, o.Result, err)
		}
		if r.cfg.Keep != nil {
			r.cfg.Keep.Release(j.Execution.IdempotencyKey())
		}
	}
	act() // the fork server starts once
	for b.Loop() {
		act()
	}
}

// BenchmarkWarmParallel is a fork server with as many actions at once as there
// are processors.
func BenchmarkWarmParallel(b *testing.B) {
	benchPython(b)
	r := newRunner(b, nil)
	j := newJob(b, benched, nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if o, err := r.Run(b.Context(), j, runner.Discard); err != nil || o.Status != squall.Succeeded {
				b.Errorf("%s %v", o.Result, err)
			}
		}
	})
}

func benchPython(b *testing.B) string {
	if exec.CommandContext(b.Context(), pythonForTests, "-c", "import yaml, requests").Run() != nil {
		b.Skipf("SKIPPED: %s lacks PyYAML or requests (Debian: python3-yaml, python3-requests)", pythonForTests)
	}
	return pythonForTests
}
