package local

import (
	"os"
	"syscall"
	"testing"

	"squall/internal/runner"
)

// BenchmarkBareForkExec is the limit: start /bin/true and wait for it, nothing
// else. BenchmarkLocalCmd beside it shows what the runner adds.
func BenchmarkBareForkExec(b *testing.B) {
	attr := &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, nil, nil}}
	for b.Loop() {
		p, err := os.StartProcess("/bin/true", []string{"true"}, attr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareShell(b *testing.B) {
	attr := &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, nil, nil}, Sys: &syscall.SysProcAttr{Setsid: true}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "/bin/true"}, attr)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := p.Wait(); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkLocalCmd runs commands as children of this process and in the hands
// of a keeper, which outlives it; the difference is the price of that.
func BenchmarkLocalCmd(b *testing.B) {
	for name, cmd := range map[string]string{"plain": "true", "builtin": ":", "bash": "/bin/true; :"} {
		for way, keeps := range map[string]bool{"child": false, "kept": true} {
			b.Run(name+"/"+way, func(b *testing.B) {
				defer func(was bool) { kept = was }(kept)
				kept = keeps
				r := cmdRunner(b, Config{})
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						j := job(map[string]any{"cmd": cmd})
						if _, err := r.Run(b.Context(), j, runner.Discard); err != nil {
							b.Error(err)
						}
						if keeps {
							r.cfg.Keep.Release(j.Execution.IdempotencyKey())
						}
					}
				})
			})
		}
	}
}

// BenchmarkBigOutput is what a megabyte of text costs from pipe to result.
func BenchmarkBigOutput(b *testing.B) {
	r := cmdRunner(b, Config{})
	j := job(map[string]any{"cmd": "head -c 4194304 /dev/zero | tr '\\0' x"})
	b.SetBytes(4 << 20)
	for b.Loop() {
		if _, err := r.Run(b.Context(), j, runner.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
