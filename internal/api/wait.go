package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// maxWait bounds how long an answer waits for the end of an execution.
const maxWait = 5 * time.Minute

// preferredWait reads how long the client wants the answer to wait for the end
// of the execution: "Prefer: wait=10" (RFC 7240), in seconds. As the RFC says,
// a preference that is not understood is ignored.
func preferredWait(r *http.Request) time.Duration {
	for _, line := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if err != nil {
				continue
			}
			return min(time.Duration(seconds)*time.Second, maxWait)
		}
	}
	return 0
}

// awaitEnd returns when the execution has ended, when it has taken d, or when
// the server stops. Who calls it reads the execution afterwards.
func (s *Server) awaitEnd(w http.ResponseWriter, r *request, id squall.ID, d time.Duration) error {
	w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(d/time.Second)))
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	hint, stop, err := s.hub.watch(ctx, id)
	if err != nil {
		return err
	}
	defer stop()
	poll := time.NewTicker(outputPoll)
	defer poll.Stop()
	for {
		var ended bool
		err := s.Store.View(ctx, func(tx store.Tx) error {
			ex, err := tx.Execution(ctx, id, 0)
			ended = err == nil && ex.Status.Final()
			return err
		})
		if ended || ctx.Err() != nil {
			return r.Context().Err()
		}
		if err != nil {
			return err
		}
		select {
		case <-hint:
		case <-poll.C:
		case <-s.hub.done:
			return nil
		case <-ctx.Done():
			return r.Context().Err()
		}
	}
}
