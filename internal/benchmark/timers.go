package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"squall/internal/pgtest"
)

// dueAtOnce is how many timers are due in the same second.
const dueAtOnce = 1000

// timers: a thousand timers that are due at the same instant, until the no-ops of
// all of them have ended.
func (b *bench) timers() error {
	defer pgtest.Stop()
	for _, driver := range []string{"SQLite", "PostgreSQL"} {
		took, err := b.timersOn(driver)
		if err != nil {
			return fmt.Errorf("%s: %w", driver, err)
		}
		b.row(fmt.Sprintf("%d timers due at once, %s", dueAtOnce, driver), round(took.at(50))+" p50", round(took[len(took)-1])+" the last", "-", "≤ 1s", took[len(took)-1] <= time.Second)
	}
	return nil
}

func (b *bench) timersOn(driver string) (volley, error) {
	dir, err := b.fresh("timers-" + driver)
	if err != nil {
		return nil, err
	}
	args, err := databaseArgs(driver)
	if err != nil {
		return nil, err
	}
	s, _, err := startServer(b.binary, dir, args...)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var due time.Time
	for wait := 5 * time.Second; ; wait *= 2 { // until all are made in time
		due = time.Now().Add(wait).Truncate(time.Second)
		err := s.makeRules(dueAtOnce, func(i int) string {
			return fmt.Sprintf(`{"name":"t%s%d","pack":"default","enabled":true,"trigger":{"type":"std.schedule","parameters":{"at":%q,"key":"t%d"}},"criteria":{},"action":{"ref":"core.noop"}}`,
				wait, i, due.UTC().Format(time.RFC3339), i)
		})
		if err != nil {
			return nil, err
		}
		if time.Until(due) > time.Second {
			break
		}
	}
	time.Sleep(time.Until(due))
	for deadline := due.Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		took, err := s.since(due)
		if err != nil {
			return nil, err
		}
		if len(took) >= dueAtOnce {
			slices.Sort(took)
			return took, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("only %d of %d timers have fired", len(took), dueAtOnce)
		}
	}
}

// since returns how long after an instant no-ops that were requested then ended.
func (s *server) since(at time.Time) (took volley, err error) {
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/api/v1/executions?action=core.noop&status=succeeded&limit=%d&include_attributes=end_timestamp,status&timestamp_gt=%s",
		s.url, 2*dueAtOnce, at.UTC().Format("2006-01-02T15:04:05.000Z")), nil)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Ended time.Time `json:"end_timestamp"`
	}
	if err := s.do(req, &list); err != nil {
		return nil, err
	}
	for _, ex := range list {
		took = append(took, ex.Ended.Sub(at))
	}
	return took, nil
}
