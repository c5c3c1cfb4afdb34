package api

import (
	"net/http"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/reactor"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// maxNextRuns bounds how many instants a list of timers shows of each.
const maxNextRuns = 1000

// timerViews returns the timers, with as many next instants as "next" asks for;
// without it, they are shown as st2 does.
func (s *Server) timerViews(r *request) (list []*reactor.TimerView, next int, err error) {
	if s.Events == nil {
		return nil, 0, errNoEvents
	}
	if text := r.query.Get("next"); text != "" {
		if next, err = strconv.Atoi(text); err != nil || next < 1 || next > maxNextRuns {
			return nil, 0, squall.Errorf(squall.Invalid, `Parameter "next" must be a number from 1 to %d`, maxNextRuns)
		}
	}
	list, err = s.Events.Timers(r.Context(), next)
	return list, next, err
}

func timerDocument(v *reactor.TimerView, next int) wire.Timer {
	doc := wire.Timer{Trigger: wire.TriggerOf(v.Trigger)}
	if next > 0 {
		doc.Fault, doc.Next = v.Fault, []wire.Time{}
		if !v.Last.IsZero() {
			doc.Last = &wire.Time{Time: v.Last}
		}
		for _, t := range v.Next {
			doc.Next = append(doc.Next, wire.Time{Time: t})
		}
	}
	return doc
}

// timerList lists the timers that rules wait for. Filter: timer_type.
func (s *Server) timerList(w http.ResponseWriter, r *request) error {
	views, next, err := s.timerViews(r)
	if err != nil {
		return err
	}
	if err := checkTimerType(r.query.Get("timer_type")); err != nil {
		return err
	}
	list := []wire.Timer{}
	for _, v := range views {
		if typ := r.query.Get("timer_type"); typ == "" || typ == v.Trigger.Type.String() {
			list = append(list, timerDocument(v, next))
		}
	}
	return respondJSON(w, http.StatusOK, list)
}

// checkTimerType refuses a filter for what is no type of timers. The text is st2's.
func checkTimerType(name string) error {
	if _, ok := timer.KindOf(name); ok || name == "" {
		return nil
	}
	return squall.Errorf(squall.Invalid,
		"Timer type %s not in supported types - dict_keys(['core.st2.IntervalTimer', 'core.st2.DateTimer', 'core.st2.CronTimer']).", name)
}

// timerGet answers with one timer, by reference or identifier.
func (s *Server) timerGet(w http.ResponseWriter, r *request) error {
	views, next, err := s.timerViews(r)
	if err != nil {
		return err
	}
	for _, v := range views {
		doc := timerDocument(v, next)
		if name := r.params["ref"]; name == doc.Ref || name == string(doc.Trigger.ID) {
			return respondJSON(w, http.StatusOK, doc)
		}
	}
	return errNoResource(r.params["ref"])
}

// timerHistory lists the times of a timer and what became of them, newest first.
func (s *Server) timerHistory(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	docs := []wire.Fire{}
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := contentNamed(r.Context(), tx, store.Triggers, r.params["ref"])
		if err != nil {
			return err
		}
		fires, err := tx.Fires(r.Context(), c.Ref, p.limit)
		if err != nil {
			return err
		}
		docs = make([]wire.Fire, len(fires))
		for i, f := range fires {
			docs[i] = wire.Fire{Nominal: wire.Time{Time: f.Nominal}, Outcome: string(f.Outcome), At: wire.Time{Time: f.At}, Event: f.Event, Reason: f.Reason}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, docs)
}
