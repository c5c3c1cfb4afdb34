package scheduler

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"squall/internal/runner"
	"squall/internal/squall"
)

func printing(fn func(out runner.Output)) runFunc {
	return func(_ context.Context, _ *runner.Job, out runner.Output) (squall.Outcome, error) {
		fn(out)
		return squall.Outcome{Status: squall.Succeeded}, nil
	}
}

// texts joins the chunks of each stream and checks their numbers.
func texts(t *testing.T, chunks []squall.Chunk) map[string]string {
	t.Helper()
	got := map[string]string{}
	for i, c := range chunks {
		if c.Seq != int64(i+1) {
			t.Fatalf("chunk %d has number %d", i, c.Seq)
		}
		if !utf8.ValidString(c.Data) {
			t.Errorf("chunk %d is not UTF-8", i)
		}
		got[c.Stream] += c.Data
	}
	return got
}

func TestOutput(t *testing.T) {
	long := strings.Repeat("a line of some length, with an ä in it\n", 30_000)
	for name, tc := range map[string]struct {
		print          func(out runner.Output)
		stdout, stderr string
	}{
		"nothing": {func(runner.Output) {}, "", ""},
		"in turns": {func(out runner.Output) {
			for i := range 50 {
				fmt.Fprintf(out.Stdout(), "%d ", i%10)
				fmt.Fprintf(out.Stderr(), "%d-", i%10)
			}
		}, strings.Repeat("0 1 2 3 4 5 6 7 8 9 ", 5), strings.Repeat("0-1-2-3-4-5-6-7-8-9-", 5)},
		"characters in pieces": {func(out runner.Output) {
			for _, b := range []byte("grüße €😀") {
				_, _ = out.Stdout().Write([]byte{b})
				time.Sleep(2 * time.Millisecond)
			}
		}, "grüße €😀", ""},
		"an unfinished character at the end": {func(out runner.Output) { fmt.Fprint(out.Stdout(), "x\xe2\x82") }, "x\uFFFD", ""},
		"NUL and colours":                    {func(out runner.Output) { fmt.Fprint(out.Stdout(), "a\x00b\x1b[31mc") }, "a\x00b\x1b[31mc", ""},
		"more than a chunk":                  {func(out runner.Output) { fmt.Fprint(out.Stdout(), long) }, long, ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, b *bundle) {
				b.funcs.set("print", printing(tc.print))
				b.start(fast("n1"))
				ex := b.await(b.request("func", "print").ID, squall.Succeeded)
				got := texts(t, b.output(ex.ID))
				if got["stdout"] != tc.stdout || got["stderr"] != tc.stderr {
					t.Errorf("got %.100q and %.100q", got["stdout"], got["stderr"])
				}
			})
		})
	}
}

func TestOutputIsThereWhileItRuns(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		gate := make(chan struct{})
		b.funcs.set("print", printing(func(out runner.Output) {
			fmt.Fprint(out.Stdout(), "soon")
			<-gate
			fmt.Fprint(out.Stdout(), " late")
		}))
		b.start(fast("n1"))
		ex := b.request("func", "print")
		deadline := time.Now().Add(10 * time.Second)
		for len(b.output(ex.ID)) == 0 && time.Now().Before(deadline) {
			time.Sleep(2 * time.Millisecond)
		}
		if got := texts(t, b.output(ex.ID))["stdout"]; got != "soon" {
			t.Errorf("while it runs: %q", got)
		}
		close(gate)
		b.await(ex.ID, squall.Succeeded)
		if got := texts(t, b.output(ex.ID))["stdout"]; got != "soon late" {
			t.Errorf("at the end: %q", got)
		}
	})
}

func TestOutputIsBounded(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		var cut atomic.Int64
		cfg := fast("n1")
		cfg.OutputLimit = 1000
		cfg.Hooks.OutputCut = func(n int64) { cut.Add(n) }
		b.funcs.set("print", printing(func(out runner.Output) {
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					for range 1000 {
						fmt.Fprint(out.Stdout(), "0123456789ä")
					}
				})
			}
			both.Wait()
			fmt.Fprint(out.Stderr(), "nor this")
		}))
		b.start(cfg)
		ex := b.await(b.request("func", "print").ID, squall.Succeeded)
		got := texts(t, b.output(ex.ID))
		text, mark, found := strings.Cut(got["stdout"], "\n[")
		if !found || mark != "output cut here: the limit of 1000 bytes is reached]\n" || got["stderr"] != "" {
			t.Errorf("mark %q, stderr %q", mark, got["stderr"])
		}
		if len(text) > 1000 || len(text) < 997 || int(cut.Load())+len(text) != 2000*len("0123456789ä")+len("nor this") {
			t.Errorf("kept %d, cut %d", len(text), cut.Load())
		}
	})
}

func TestOutputOfASecondAttemptFollows(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bundle) {
		b.funcs.set("print", func(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
			fmt.Fprintf(out.Stdout(), "attempt %d\n", job.Execution.Attempt)
			if job.Execution.Attempt == 1 {
				<-ctx.Done()
				return squall.Outcome{Status: squall.Failed}, nil
			}
			return squall.Outcome{Status: squall.Succeeded}, nil
		})
		cfg := fast("n1")
		cfg.SoftStop = time.Millisecond
		s := b.start(cfg)
		ex := b.request("again", "print")
		b.await(ex.ID, squall.Running)
		for len(b.output(ex.ID)) == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		b.start(fast("n1"))
		b.await(ex.ID, squall.Succeeded)
		if got := texts(t, b.output(ex.ID))["stdout"]; got != "attempt 1\nattempt 2\n" {
			t.Errorf("got %q", got)
		}
	})
}
