package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"squall/internal/pgtest"
)

const (
	// hooks is how many webhooks the events go to.
	hooks = 10
	// hookClients is how many connections send events.
	hookClients = 64
	// ceiling is how late the latest event in a hundred may be done.
	ceiling = 50 * time.Millisecond
)

// events: from the webhook to the end of the no-op that its rule requests, with few
// rules and with many, on both databases: how long that takes at 100 events a
// second, and how many a second can be sent while it takes no longer than ceiling.
// The servers with few rules and with many are measured in turns, so that a busy
// moment of the machine meets both.
func (b *bench) events() error {
	defer pgtest.Stop()
	for _, driver := range []string{"SQLite", "PostgreSQL"} {
		if err := b.eventsOn(driver); err != nil {
			return fmt.Errorf("%s: %w", driver, err)
		}
	}
	return nil
}

// ruled is a server with so many rules.
type ruled struct {
	*server
	name string
	best float64 // events a second that were done in time
	at   volley  // then
	over bool    // more were not
}

func (b *bench) eventsOn(driver string) error {
	few, err := b.ruledServer(driver, 10)
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := b.ruledServer(driver, 10_000)
	if err != nil {
		return err
	}
	defer many.stop()
	both := []*ruled{few, many}
	for _, s := range both {
		calm, err := s.volley(100, b.span)
		if err != nil {
			return err
		}
		p50, p99 := calm.at(50), calm.at(99)
		b.row("webhook to end of no-op, 100/s, "+s.name, round(p50)+" p50", round(p99)+" p99", "-", "≤ 2ms, ≤ 10ms", p50 <= 2*time.Millisecond && p99 <= 10*time.Millisecond)
	}
	for rate := 200.0; !few.over || !many.over; rate *= 1.25 {
		for _, s := range both {
			if err := s.try(rate, b.span); err != nil {
				return err
			}
		}
	}
	// The steps were wide; two narrow ones behind the last that was done.
	from := map[*ruled]float64{few: few.best, many: many.best}
	for _, step := range []float64{1.08, 1.16} {
		for _, s := range both {
			if s.over = s.best == 0 || step > 1.1 && s.best == from[s]; s.over {
				continue
			}
			if err := s.try(from[s]*step, b.span); err != nil {
				return err
			}
		}
	}
	for _, s := range both {
		if s.best == 0 {
			b.row("events/s with p99 < 50 ms, "+s.name, "less than 200/s", "-", "-", "≥ 3000/s", false)
			continue
		}
		b.row("events/s with p99 < 50 ms, "+s.name, perSecond(s.best), round(s.at.at(50))+" p50, "+round(s.at.at(99))+" p99", "-", "≥ 3000/s", s.best >= 3000)
	}
	apart := many.best/max(few.best, 1) - 1
	b.row("10,000 rules beside 10, "+driver, perSecond(many.best), perSecond(few.best)+" with 10", fmt.Sprintf("%+.0f%%", 100*apart), "≥ -10%", apart >= -0.10)
	return nil
}

func (b *bench) ruledServer(driver string, rules int) (*ruled, error) {
	dir, err := b.fresh(fmt.Sprintf("events-%s-%d", driver, rules))
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
	err = s.makeRules(rules, func(i int) string {
		return fmt.Sprintf(`{"name":"r%d","pack":"default","enabled":true,"trigger":{"type":"core.st2.webhook","parameters":{"url":"hook%d"}},"criteria":{"trigger.body.a":{"type":"equals","pattern":"b"}},"action":{"ref":"core.noop"}}`, i, i)
	})
	if err == nil {
		_, err = s.volley(100, b.span/5) // warm up
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return &ruled{server: s, name: fmt.Sprintf("%s, %d rules", driver, rules)}, nil
}

// try sends events at a rate, up to three times: one busy moment of the machine is
// not the server's limit.
func (s *ruled) try(rate float64, span time.Duration) error {
	for n := 0; n < 3 && !s.over; n++ {
		v, err := s.volley(rate, span)
		if err != nil {
			return err
		}
		if v.at(99) <= ceiling {
			s.best, s.at = rate, v
			return nil
		}
	}
	s.over = true
	return nil
}

// databaseArgs are the flags of a server on a fresh database.
func databaseArgs(driver string) ([]string, error) {
	if driver != "PostgreSQL" {
		return nil, nil
	}
	dsn, err := pgtest.Database()
	return []string{"--postgres", dsn}, err
}

// makeRules makes n rules.
func (s *server) makeRules(n int, document func(i int) string) error {
	numbers := make(chan int)
	errs := make(chan error, 16)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for i := range numbers {
				req, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/rules", strings.NewReader(document(i)))
				if err == nil {
					req.Header.Set("Content-Type", "application/json")
					err = s.do(req, nil)
				}
				if err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// volley is how long events took, ascending.
type volley []time.Duration

func (v volley) at(percent int) time.Duration { return v[min(len(v)-1, len(v)*percent/100)] }

// volley sends events at a rate for d, whether or not the server keeps up, and
// returns how long each took until its no-op had ended, by the machine's clock. An
// event that had to wait for a free connection began when it was due.
func (s *server) volley(rate float64, d time.Duration) (volley, error) {
	total := int(rate * d.Seconds())
	begun := make(map[string]time.Time, total)
	var mu sync.Mutex
	next := 0
	start := time.Now().Add(10 * time.Millisecond)
	take := func() (due time.Time, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == total {
			return due, false
		}
		due = start.Add(time.Duration(float64(next) / rate * float64(time.Second)))
		next++
		return due, true
	}
	errs := make(chan error, hookClients)
	var wg sync.WaitGroup
	for i := range hookClients {
		wg.Go(func() {
			c, err := s.hook(i % hooks)
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			for due, ok := take(); ok; due, ok = take() {
				if wait := time.Until(due); wait > 0 {
					time.Sleep(wait)
					due = time.Now() // the sleep's own lateness is not the server's
				}
				id, err := c.send()
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				begun[id] = due
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	return s.ends(start, begun)
}

// ends waits until all no-ops of the events have ended and returns how long each took.
func (s *server) ends(since time.Time, begun map[string]time.Time) (volley, error) {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		n, err := s.open(context.Background())
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			return nil, errors.New("executions do not end")
		}
		time.Sleep(5 * time.Millisecond)
	}
	q := url.Values{
		"action": {"core.noop"}, "limit": {fmt.Sprint(2*len(begun) + 1000)}, "include_attributes": {"end_timestamp,context,status"},
		"timestamp_gt": {since.UTC().Format("2006-01-02T15:04:05.000Z")},
	}
	req, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/executions?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Status  string
		Ended   time.Time `json:"end_timestamp"`
		Context struct {
			Event struct{ ID string } `json:"trigger_instance"`
		}
	}
	if err := s.do(req, &list); err != nil {
		return nil, err
	}
	var took volley
	for _, ex := range list {
		if at, ok := begun[ex.Context.Event.ID]; ok && ex.Status == "succeeded" {
			took = append(took, ex.Ended.Sub(at))
		}
	}
	if len(took) != len(begun) {
		return nil, fmt.Errorf("%d of %d events have an execution that succeeded", len(took), len(begun))
	}
	slices.Sort(took)
	return took, nil
}

// hookClient sends the same event again and again over one connection.
type hookClient struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func (s *server) hook(n int) (*hookClient, error) {
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	const body = `{"a":"b"}`
	var req bytes.Buffer
	fmt.Fprintf(&req, "POST /api/v1/webhooks/hook%d HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, host, s.token, len(body), body)
	return &hookClient{conn, bufio.NewReader(conn), req.Bytes()}, nil
}

// send returns the identifier of the event.
func (c *hookClient) send() (id string, err error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode != http.StatusAccepted:
		return "", fmt.Errorf("the webhook answers %s: %.300s", resp.Status, body)
	}
	return resp.Header.Get("X-Trigger-Instance-Id"), nil
}
