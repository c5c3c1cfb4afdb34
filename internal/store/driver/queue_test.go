package driver

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"squall/internal/squall"
	"squall/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers everything in q with what its fn returns, until q is closed.
func serve(q *Queue) (sizes []int) {
	for group := q.Take(); group != nil; group = q.Take() {
		sizes = append(sizes, len(group))
		for _, job := range group {
			if !job.Start() {
				continue
			}
			err := job.Run(nil)
			if job.WantsPacking() {
				job.HandBack()
			} else {
				job.Answer(err)
			}
		}
	}
	return sizes
}

func TestQueueTakesWhatWaits(t *testing.T) {
	q := NewQueue()
	const n = 3*MaxGroup + 7
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			if err := q.Do(t.Context(), func(store.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < n; { // all of them, before the first is taken
		q.mu.Lock()
		waiting = len(q.waiting)
		q.mu.Unlock()
	}
	var committers sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 3 {
		committers.Go(func() {
			for _, size := range serve(q) {
				if size > MaxGroup {
					t.Errorf("a group of %d", size)
				}
				mu.Lock()
				total += size
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	q.Close()
	q.Close()
	committers.Wait()
	if total != n {
		t.Errorf("%d updates were taken, want %d", total, n)
	}
	if err := q.Do(t.Context(), func(store.Tx) error { return nil }); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("after Close: %v", err)
	}
}

func TestQueueDropsCanceled(t *testing.T) {
	q := NewQueue()
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		answer <- q.Do(ctx, func(store.Tx) error { t.Error("fn ran"); return nil })
	}()
	group := q.Take()
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("Do: %v", err)
	}
	if group[0].Start() {
		t.Error("a job whose caller has gone can be started")
	}
}

func TestJobPanic(t *testing.T) {
	q := NewQueue()
	go serve(q)
	defer q.Close()
	err := q.Do(t.Context(), func(store.Tx) error { panic(errors.New("out of cheese")) })
	if p, ok := errors.AsType[*Panic](err); !ok || len(p.Stack) == 0 {
		t.Errorf("Do: %v", err)
	}
}

// TestHandBack: a large document is packed between two runs; one that is made
// anew each time is packed in the committer in the end.
func TestHandBack(t *testing.T) {
	q := NewQueue()
	go serve(q)
	defer q.Close()
	for name, makeDoc := range map[string]func(run int) []byte{
		"the same slice":  func() func(int) []byte { d := make([]byte, 100_000); return func(int) []byte { return d } }(),
		"an equal one":    func(int) []byte { return make([]byte, 100_000) },
		"another one":     func(run int) []byte { return make([]byte, 100_000+run) },
		"a small one":     func(int) []byte { return make([]byte, 3000) },
		"an in-line one":  func(int) []byte { return make([]byte, 10) },
		"several of them": func(int) []byte { return make([]byte, 20_000) },
	} {
		runs, err := 0, error(nil)
		var job *Job
		var got Document
		job = &Job{fn: func(store.Tx) error {
			runs++
			got, err = job.Document(makeDoc(runs))
			if name == "several of them" && err == nil {
				_, err = job.Document(make([]byte, 30_000))
			}
			return nil // whatever fn makes of it
		}}
		for range 10 {
			if err := job.Run(nil); err != nil {
				t.Fatal(err)
			}
			if !job.WantsPacking() {
				break
			}
			job.packWanted()
		}
		want := map[string]int{"the same slice": 2, "an equal one": 2, "another one": maxHandBacks + 1, "a small one": 1, "an in-line one": 1, "several of them": 3}[name]
		if err != nil || runs != want {
			t.Errorf("%s: %d runs, want %d, %v", name, runs, want, err)
		}
		if (got.Value == nil) != (name == "an in-line one") {
			t.Errorf("%s: value %v", name, got.Value)
		}
		if got.Value != nil {
			body, err := Decompress(got.Value.Body, got.Value.Compressed, got.Value.Size)
			if err != nil || len(body) != got.Value.Size {
				t.Errorf("%s: %d bytes, %v", name, len(body), err)
			}
			if ref, ok := Ref(got.Column); !ok || EncodeRef(ref) != EncodeRef(got.Value.Ref) {
				t.Errorf("%s: column %x", name, got.Column)
			}
		}
	}
}
