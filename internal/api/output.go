package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// outputBatch is how many pieces of output are read at once.
const outputBatch = 256

// outputPoll is how often a stream looks for new output without being told.
const outputPoll = time.Second

// follower reads the output of one execution, from a place on, to its end.
type follower struct {
	s     *Server
	id    squall.ID
	after int64  // the number of the last piece seen
	only  string // "stdout", "stderr", or "" for both
	once  bool   // do not wait for more
}

// run calls emit with what there is and, unless once is set, with what comes
// until the execution has ended. beat, when it ticks, calls idle.
func (f *follower) run(ctx context.Context, emit func(*squall.Execution, []squall.Chunk) error, beat <-chan time.Time, idle func() error) error {
	hint, stop, err := f.s.hub.watch(ctx, f.id)
	if err != nil {
		return err
	}
	defer stop()
	poll := time.NewTicker(outputPoll)
	defer poll.Stop()
	for {
		ended, err := f.read(ctx, emit)
		if err != nil || ended || f.once {
			return err
		}
		select {
		case <-hint:
		case <-poll.C:
		case <-beat:
			if err := idle(); err != nil {
				return err
			}
		case <-f.s.hub.done:
			return errStreamEnd
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read emits what is stored. State and output come from one snapshot, and
// nothing is written behind the end: an execution that has ended in it has no
// more output.
func (f *follower) read(ctx context.Context, emit func(*squall.Execution, []squall.Chunk) error) (ended bool, err error) {
	for {
		var ex *squall.Execution
		var chunks []squall.Chunk
		err := f.s.Store.View(ctx, func(tx store.Tx) (err error) {
			if ex, err = tx.Execution(ctx, f.id, 0); err != nil {
				return err
			}
			chunks, err = tx.Output(ctx, f.id, f.after, outputBatch)
			return err
		})
		if err != nil {
			return false, err
		}
		full := len(chunks) == outputBatch
		if len(chunks) > 0 {
			f.after = chunks[len(chunks)-1].Seq
		}
		if chunks = f.selected(chunks); len(chunks) > 0 {
			if err := emit(ex, chunks); err != nil {
				return false, err
			}
		}
		if !full {
			return ex.Status.Final(), nil
		}
	}
}

func (f *follower) selected(chunks []squall.Chunk) []squall.Chunk {
	if f.only == "" {
		return chunks
	}
	kept := chunks[:0]
	for _, c := range chunks {
		if c.Stream == f.only {
			kept = append(kept, c)
		}
	}
	return kept
}

// newFollower reads what output is asked for.
func (s *Server) newFollower(r *request) (*follower, error) {
	f := &follower{s: s, only: r.query.Get("output_type"), once: !r.route.events || r.Method == http.MethodHead}
	if f.only == "all" { // of a kind that does not exist there is nothing (st2)
		f.only = ""
	}
	if text := orDefault(lastEventID(r), r.query.Get("after")); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, squall.Errorf(squall.Invalid, "Output is numbered from 1; %q is not the number of a piece.", text)
		}
		f.after = n
	}
	if r.query.Has("follow") && r.Method != http.MethodHead {
		on, err := flag(r.query, "follow")
		if err != nil {
			return nil, err
		}
		f.once = !on
	}
	ex, err := s.execution(r, r.params["id"], 0, 0)
	if err != nil {
		return nil, err
	}
	f.id = ex.ID
	return f, nil
}

// executionOutput answers with the output that there is as plain text (st2);
// ?follow=true goes on, live, until the execution ends.
func (s *Server) executionOutput(w http.ResponseWriter, r *request) error {
	f, err := s.newFollower(r)
	if err != nil {
		return err
	}
	out := newEventWriter(w, s.Heartbeat)
	defer out.stop()
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return endOfStream(f.run(r.Context(), func(_ *squall.Execution, chunks []squall.Chunk) error {
		for _, c := range chunks {
			if err := out.write([]byte(c.Data)); err != nil {
				return err
			}
		}
		return out.flush()
	}, nil, nil))
}

// streamOutput sends the output as events whose ids are the pieces' numbers:
// Last-Event-ID goes on behind a piece seen before. An event EOF is the end.
func (s *Server) streamOutput(w http.ResponseWriter, r *request) error {
	f, err := s.newFollower(r)
	if err != nil {
		return err
	}
	out := newEventWriter(w, s.Heartbeat)
	defer out.stop()
	if err := out.begin(); err != nil {
		return endOfStream(err)
	}
	err = f.run(r.Context(), func(ex *squall.Execution, chunks []squall.Chunk) error {
		for _, c := range chunks {
			if err := out.id(strconv.FormatInt(c.Seq, 10)); err != nil {
				return err
			}
			if err := out.write(outputFrame(ex, c)); err != nil {
				return err
			}
		}
		return out.flush()
	}, out.beat.C, func() error { out.heartbeat(); return out.flush() })
	if err == nil {
		err = out.end("EOF", "''") // st2: two quotes
	}
	return endOfStream(err)
}
