package scheduler

import (
	"fmt"
	"io"
	"sync"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

const (
	// chunkSize is how long one chunk becomes, in bytes; flushSize how much is
	// gathered at most before it is stored without waiting longer.
	chunkSize = 32 << 10
	flushSize = 256 << 10
)

// output takes what a run prints and stores it in batches. Writers never wait
// for the store: what a run may print is bounded, so is what waits here.
type output struct {
	s *Scheduler
	r *run

	stdout, stderr stream

	mu      sync.Mutex
	pending []squall.Chunk // not numbered yet
	size    int            // bytes in pending
	seq     int64
	kept    int64 // bytes taken so far
	dropped int64
	closed  bool
	begun   bool          // the flusher runs
	some    chan struct{} // a hint to the flusher: something is pending
	full    chan struct{} // another: do not wait for more
	quit    chan struct{} // the flusher shall end
	ended   chan struct{} // it has
}

// stream is one of the two writers.
type stream struct {
	out  *output
	name string
	tail []byte // an unfinished character
	skip int    // bytes of text that are stored already
}

var _ runner.Output = (*output)(nil)

func newOutput(s *Scheduler, r *run) *output {
	o := &output{s: s, r: r}
	o.stdout = stream{out: o, name: "stdout"}
	o.stderr = stream{out: o, name: "stderr"}
	return o
}

// Stdout implements runner.Output.
func (o *output) Stdout() io.Writer { return &o.stdout }

// Stderr implements runner.Output.
func (o *output) Stderr() io.Writer { return &o.stderr }

// Write implements io.Writer. It always takes all of p.
func (w *stream) Write(p []byte) (int, error) {
	o := w.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(p) == 0 {
		return len(p), nil
	}
	text, tail := validUTF8(w.tail, p)
	w.tail = tail
	if n := min(w.skip, len(text)); n > 0 {
		w.skip -= n
		o.kept += int64(n)
		text = text[n:]
	}
	o.take(w.name, text)
	if len(o.pending) == 0 {
		return len(p), nil
	}
	if !o.begun {
		o.begin()
	}
	hint(o.some)
	if o.size >= flushSize {
		hint(o.full)
	}
	return len(p), nil
}

// take adds text to what is pending, up to the limit. Called with mu held.
func (o *output) take(name, text string) {
	if text == "" {
		return
	}
	limit := o.s.cfg.OutputLimit
	if room := limit - o.kept; int64(len(text)) > room {
		cut := cutRunes(text, int(room))
		dropped := int64(len(text) - len(cut))
		if o.dropped == 0 {
			cut += fmt.Sprintf("\n[output cut here: the limit of %d bytes is reached]\n", limit)
		}
		o.dropped += dropped
		o.kept = limit
		o.s.cfg.Hooks.OutputCut(dropped)
		text = cut
	} else {
		o.kept += int64(len(text))
	}
	for text != "" {
		n := len(o.pending) - 1
		if n < 0 || o.pending[n].Stream != name || len(o.pending[n].Data) >= chunkSize {
			o.pending = append(o.pending, squall.Chunk{Stream: name, At: time.Now().UTC()})
			n++
		}
		part := cutRunes(text, max(4, chunkSize-len(o.pending[n].Data)))
		o.pending[n].Data += part
		o.size += len(part)
		text = text[len(part):]
	}
}

// begin starts the flusher. Called with mu held.
func (o *output) begin() {
	o.begun = true
	o.some = make(chan struct{}, 1)
	o.full = make(chan struct{}, 1)
	o.quit = make(chan struct{})
	o.ended = make(chan struct{})
	go o.flusher()
}

// hint signals without waiting; one signal that was not taken yet is enough.
func hint(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// flusher stores what is pending, not more often than every OutputEvery, until quit.
func (o *output) flusher() {
	defer close(o.ended)
	t := time.NewTimer(o.s.cfg.OutputEvery)
	defer t.Stop()
	for {
		select {
		case <-o.quit:
			return
		case <-o.some:
		}
		t.Reset(o.s.cfg.OutputEvery)
		select {
		case <-o.quit:
			return
		case <-o.full:
		case <-t.C:
		}
		if !o.store(o.batch()) {
			return
		}
	}
}

// batch takes what is pending and numbers it.
func (o *output) batch() []squall.Chunk {
	o.mu.Lock()
	chunks := o.pending
	first := o.seq == 0 && len(chunks) > 0
	o.pending, o.size = nil, 0
	o.mu.Unlock()
	if first && (o.r.ex.Attempt > 1 || o.r.resumed) {
		o.seq = o.lastSeq() // an earlier attempt may have printed
	}
	for i := range chunks {
		o.seq++
		chunks[i].Seq = o.seq
	}
	return chunks
}

// lastSeq returns the number of the last chunk that is stored.
func (o *output) lastSeq() (last int64) {
	lost := o.r.slot.lease.lost
	_ = retry(lost, func() error {
		return o.s.st.View(lost, func(tx store.Tx) error {
			for {
				chunks, err := tx.Output(lost, o.r.ex.ID, last, 1000)
				if err != nil || len(chunks) == 0 {
					return err
				}
				last = chunks[len(chunks)-1].Seq
			}
		})
	})
	return last
}

// skipStored passes over what an earlier process has stored of a run whose output
// comes again from the beginning. It is called before anything is printed.
func (o *output) skipStored() {
	lost := o.r.slot.lease.lost
	var have map[string]int
	err := retry(lost, func() error {
		have = map[string]int{}
		return o.s.st.View(lost, func(tx store.Tx) error {
			for last := int64(0); ; {
				chunks, err := tx.Output(lost, o.r.ex.ID, last, 1000)
				if err != nil || len(chunks) == 0 {
					return err
				}
				for _, c := range chunks {
					if o.r.ex.Attempt == 1 || !c.At.Before(o.r.ex.StartedAt) { // not of an earlier attempt
						have[c.Stream] += len(c.Data)
					}
				}
				last = chunks[len(chunks)-1].Seq
			}
		})
	})
	if err != nil {
		o.s.cfg.Log.Warn("output may be stored twice", "execution_id", o.r.ex.ID, "error", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range []*stream{&o.stdout, &o.stderr} {
		w.skip = have[w.name]
	}
}

// store writes one batch, waiting for the database as long as the lease lasts.
// It returns false when the execution is not ours any more; then the run ends.
func (o *output) store(chunks []squall.Chunk) bool {
	l := o.r.slot.lease
	var pause backoff
	for refused := 0; ; {
		ok, err := o.s.svc.AppendOutput(l.lost, l.owner, o.r.ex.ID, chunks)
		switch {
		case err == nil && ok:
			return true
		case err == nil:
			o.r.cancel(o.whyNotOurs())
			return false
		case l.lost.Err() != nil:
			return false
		case squall.KindOf(err) != squall.Unavailable:
			if refused++; refused == 5 {
				o.s.cfg.Log.Error("output is lost: the store does not take it", "execution_id", o.r.ex.ID, "error", err)
				return true
			}
		}
		pause.wait(l.lost)
	}
}

// whyNotOurs tells the loss of the lease, after which a run may go on, from the
// loss of the execution, after which it must not.
func (o *output) whyNotOurs() error {
	l := o.r.slot.lease
	held := false
	err := o.s.st.View(l.lost, func(tx store.Tx) (err error) {
		held, err = tx.HoldsLease(l.lost, l.owner)
		return err
	})
	if err != nil || !held {
		return runner.ErrLeaseLost
	}
	return runner.ErrCanceled // its outcome will be refused
}

// close ends the output and returns what was not stored yet, to be stored with
// the outcome. What arrives later is dropped.
func (o *output) close() []squall.Chunk {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		for _, w := range []*stream{&o.stdout, &o.stderr} {
			if len(w.tail) > 0 {
				o.take(w.name, "\uFFFD")
			}
		}
	}
	begun := o.begun
	o.mu.Unlock()
	if begun {
		o.stop()
	}
	return o.batch()
}

// stop ends the flusher. It is called once.
func (o *output) stop() {
	close(o.quit)
	<-o.ended
}

// flush stores everything, for a run that is given back.
func (o *output) flush() {
	if chunks := o.close(); len(chunks) > 0 {
		o.store(chunks)
	}
}

// abandon drops what was not stored.
func (o *output) abandon() { o.close() }
