// Command benchmark (`make bench`) measures Squall beside the machine's limit in
// one run and prints the ratios. Absolute figures of a shared machine move by
// two; the ratios hold.
//
// Each row starts real server processes and talks to them over HTTP as a client
// would; the limits are the bare driver, bare fork and exec, bare write and sync.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

type bench struct {
	binary string
	dir    string // on the disk that is measured
	span   time.Duration
	table  *tabwriter.Writer
	missed int

	hostCount int // of hosts; 0: the usual numbers
}

func main() {
	b := &bench{table: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)}
	only := flag.String("only", "", "comma-separated rows to run: single, noop, local, big, start, stream, flows, python, hosts, events, timers, sensors")
	flag.StringVar(&b.binary, "binary", "bin/squall", "the program to measure")
	flag.StringVar(&b.dir, "dir", "", "directory on the disk to measure (default: a temporary one)")
	flag.DurationVar(&b.span, "span", 5*time.Second, "how long each rate is measured")
	flag.IntVar(&b.hostCount, "hosts", 0, "150 or 1000: only that many hosts")
	flag.Parse()
	if err := b.run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
	if b.missed > 0 {
		fmt.Printf("\n%d aims missed\n", b.missed)
	}
}

func (b *bench) run(only string) error {
	parent := b.dir
	dir, err := os.MkdirTemp(parent, "squall-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover below the temporary directory is no failure
	b.dir = dir

	fmt.Fprintln(b.table, "WHAT\tSQUALL\tLIMIT\tRATIO\tAIM\t")
	for _, row := range []struct {
		name string
		fn   func() error
	}{{"start", b.start}, {"single", b.single}, {"noop", b.noop}, {"local", b.local}, {"big", b.big}, {"stream", b.stream}, {"flows", b.flows}, {"python", b.python}, {"hosts", b.hosts}, {"events", b.events}, {"timers", b.timers}, {"sensors", b.sensors}} {
		if only != "" && !strings.Contains(","+only+",", ","+row.name+",") {
			continue
		}
		if err := row.fn(); err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		if err := b.table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// row prints a line; ok says whether the aim is met.
func (b *bench) row(what, ours, limit, ratio, aim string, ok bool) {
	mark := ""
	if !ok {
		mark = "  missed"
		b.missed++
	}
	fmt.Fprintf(b.table, "%s\t%s\t%s\t%s\t%s%s\t\n", what, ours, limit, ratio, aim, mark)
}

func (b *bench) fresh(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, os.MkdirAll(dir, 0o700)
}

// start: time from exec to ready with an existing database, and memory at rest.
func (b *bench) start() error {
	dir, err := b.fresh("start")
	if err != nil {
		return err
	}
	s, first, err := startServer(b.binary, dir)
	if err != nil {
		return err
	}
	s.stop()
	var times []time.Duration
	for range 5 {
		s, took, err := startServer(b.binary, dir)
		if err != nil {
			return err
		}
		times = append(times, took)
		s.stop()
	}
	start := middle(times)
	b.row("start to ready", start.Round(time.Millisecond).String(), "first start "+first.Round(time.Millisecond).String(), "-", "< 300ms", start < 300*time.Millisecond)

	if s, _, err = startServer(b.binary, dir); err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(2 * time.Second)
	rss, err := s.rss()
	if err != nil {
		return err
	}
	b.row("idle memory", fmt.Sprintf("%d MB", rss>>20), "-", "-", "< 60 MB", rss < 60<<20)
	return nil
}

var noopBody = []byte(`{"action": "core.noop", "parameters": {}}`)

// single: one no-op after the other, request to succeeded, beside one synced
// commit of the same rows by the bare driver, and of a single plain row.
func (b *bench) single() error {
	dir, err := b.fresh("single")
	if err != nil {
		return err
	}
	s, used, err := b.usedServer(dir, 1)
	if err != nil {
		return err
	}
	defer s.stop()
	client, err := s.connect(noopBody, "Prefer: wait=10")
	if err != nil {
		return err
	}
	defer client.conn.Close()
	one := func(int) error { return client.succeed() }
	if _, err := median(200, one); err != nil { // warm up
		return err
	}
	db, write, err := b.sameDB(used)
	if err != nil {
		return err
	}
	defer db.Close()
	var many, same, plain []time.Duration
	for range 5 {
		d, err := median(200, one)
		if err != nil {
			return err
		}
		many = append(many, d)
		d, err = median(200, func(int) error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			if _, err := write(tx, 0); err != nil {
				return errors.Join(err, tx.Rollback())
			}
			return tx.Commit()
		})
		if err != nil {
			return err
		}
		same = append(same, d)
		if d, err = bareCommit(dir, 200); err != nil {
			return err
		}
		plain = append(plain, d)
	}
	ours := middle(many)
	ratio := float64(ours) / float64(middle(same))
	b.row("no-op, request to succeeded, p50", round(ours), round(middle(same))+" a commit of the same rows", fmt.Sprintf("%.1f x", ratio), "≤ 5 x", ratio <= 5)
	b.row("", round(ours), round(middle(plain))+" a commit of one row without indexes", fmt.Sprintf("%.1f x", float64(ours)/float64(middle(plain))), "-", true)
	return nil
}

// usedServer starts a server whose database holds some no-ops already, and
// returns that database's content too.
func (b *bench) usedServer(dir string, clients int) (*server, []byte, error) {
	s, _, err := startServer(b.binary, dir)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.throughput(clients, b.span/5, noopBody); err != nil {
		s.stop()
		return nil, nil, err
	}
	s.stop()
	used, err := os.ReadFile(filepath.Join(dir, "squall.db"))
	if err != nil {
		return nil, nil, err
	}
	s, _, err = startServer(b.binary, dir)
	return s, used, err
}

// sameDB makes a copy of a database of Squall's for the bare driver.
func (b *bench) sameDB(used []byte) (*sql.DB, transition, error) {
	dir, err := os.MkdirTemp(b.dir, "same-")
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "same.db")
	if err := os.WriteFile(path, used, 0o600); err != nil {
		return nil, nil, err
	}
	db, err := openBare(path)
	if err != nil {
		return nil, nil, err
	}
	write, err := sameTransition(db)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, write, nil
}

// rounds measures ours and the limit in turns, so that a change of the
// machine's load meets both, and returns the medians and the median ratio.
func (b *bench) rounds(ours, limit func(time.Duration) (float64, error)) (us, bare, ratio float64, err error) {
	const n = 3
	var all [3][]float64
	for range n {
		x, err := ours(b.span)
		if err != nil {
			return 0, 0, 0, err
		}
		y, err := limit(b.span)
		if err != nil {
			return 0, 0, 0, err
		}
		for i, v := range []float64{x, y, x / y} {
			all[i] = append(all[i], v)
		}
	}
	for i := range all {
		slices.Sort(all[i])
	}
	return all[0][n/2], all[1][n/2], all[2][n/2], nil
}

// noop: 64 clients against the bare driver's grouped commits, two transitions to
// an execution: of the same rows into the same tables, and, to see what the
// indexes cost, of 2 KB into plain ones.
func (b *bench) noop() error {
	const clients = 64
	dir, err := b.fresh("noop")
	if err != nil {
		return err
	}
	s, used, err := b.usedServer(dir, clients)
	if err != nil {
		return err
	}
	defer s.stop()
	ours := func(d time.Duration) (float64, error) { return s.throughput(clients, d, noopBody) }

	same := func(d time.Duration) (float64, error) {
		db, write, err := b.sameDB(used)
		if err != nil {
			return 0, err
		}
		defer db.Close()
		perSecond, err := bareGrouped(db, write, clients, d)
		return perSecond / 2, err
	}
	plain := func(d time.Duration) (float64, error) {
		dir, err := os.MkdirTemp(b.dir, "bare-")
		if err != nil {
			return 0, err
		}
		db, err := bareDB(dir)
		if err != nil {
			return 0, err
		}
		defer db.Close()
		write, err := plainTransition(db, 2048)
		if err != nil {
			return 0, err
		}
		perSecond, err := bareGrouped(db, write, clients, d)
		return perSecond / 2, err
	}
	us, bare, ratio, err := b.rounds(ours, same)
	if err != nil {
		return err
	}
	b.row("no-op executions, 64 clients", perSecond(us), perSecond(bare)+" the same rows, bare driver", fmt.Sprintf("%.2f", ratio), "≥ 0.4", ratio >= 0.4)
	if us, bare, ratio, err = b.rounds(ours, plain); err != nil {
		return err
	}
	b.row("", perSecond(us), perSecond(bare)+" 2 KB rows without indexes", fmt.Sprintf("%.2f", ratio), "-", true)
	return nil
}

// local: a stored shell command against a bare loop.
func (b *bench) local() error {
	const clients = 16
	dir, err := b.fresh("local")
	if err != nil {
		return err
	}
	s, _, err := startServer(b.binary, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	body := []byte(`{"action": "core.local", "parameters": {"cmd": "true"}}`)
	if _, err := s.throughput(clients, b.span/5, body); err != nil { // warm up
		return err
	}
	for _, limit := range []struct {
		name, aim string
		least     float64
		command   []string
	}{
		{"fork/exec of /bin/true", "≥ 0.5", 0.5, []string{"/bin/true"}},
		{"fork/exec of sh -c true", "-", 0, []string{"/bin/sh", "-c", "true"}},
	} {
		ours, bare, ratio, err := b.rounds(
			func(d time.Duration) (float64, error) { return s.throughput(clients, d, body) },
			func(d time.Duration) (float64, error) { return bareForkExec(2, d, limit.command...) })
		if err != nil {
			return err
		}
		b.row("core.local cmd=true, stored", perSecond(ours), perSecond(bare)+" "+limit.name, fmt.Sprintf("%.2f", ratio), limit.aim, ratio >= limit.least)
	}
	return nil
}

// big: a 4 MB result, request to succeeded and stored, against compressing,
// writing and syncing it; then a small update of the same execution.
func (b *bench) big() error {
	dir, err := b.fresh("big")
	if err != nil {
		return err
	}
	content := reportText(4 << 20)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, content)
	}), ReadHeaderTimeout: time.Second}
	go web.Serve(l) //nolint:errcheck // ends with Close
	defer web.Close()

	s, _, err := startServer(b.binary, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	body, err := json.Marshal(map[string]any{"action": "core.http", "parameters": map[string]string{"url": "http://" + l.Addr().String() + "/"}})
	if err != nil {
		return err
	}
	ctx := context.Background()
	one := func(int) error {
		ex, err := s.request(ctx, body)
		if err != nil {
			return err
		}
		return s.finish(ctx, ex.ID)
	}
	if _, err := median(3, one); err != nil {
		return err
	}
	ours, err := median(15, one)
	if err != nil {
		return err
	}
	limit, err := bareStore(dir, []byte(content), 15)
	if err != nil {
		return err
	}
	ratio := float64(ours) / float64(limit)
	b.row("4 MB result, request to stored", round(ours), round(limit)+" compress, write, sync", fmt.Sprintf("%.1f x", ratio), "≤ 3 x", ratio <= 3)
	return nil
}

// stream: a thousand clients that all see every event.
func (b *bench) stream() error {
	const clients, executions = 1000, 100
	dir, err := b.fresh("stream")
	if err != nil {
		return err
	}
	s, _, err := startServer(b.binary, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	idle, err := s.rss()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var (
		wg        sync.WaitGroup
		connected atomic.Int64
		delivered atomic.Int64
		failure   atomic.Pointer[error]
	)
	for range clients {
		wg.Go(func() {
			err := s.subscribe(ctx, func(event string) {
				if event == "" {
					connected.Add(1)
				} else if strings.HasPrefix(event, "st2.execution__update") {
					delivered.Add(1)
				}
			})
			if err != nil {
				failure.Store(&err)
			}
		})
	}
	wait := func(n *atomic.Int64, least int64) error {
		deadline := time.Now().Add(60 * time.Second)
		for n.Load() < least {
			if err := failure.Load(); err != nil {
				return *err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("only %d of %d after a minute", n.Load(), least)
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	if err := wait(&connected, clients); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	began := time.Now()
	for range executions {
		if _, err := s.request(ctx, noopBody); err != nil {
			return err
		}
	}
	// Each execution tells every client at least that it has succeeded.
	if err := wait(&delivered, clients*executions); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	took := time.Since(began)
	rss, err := s.rss()
	if err != nil {
		return err
	}
	cancel()
	wg.Wait()
	b.row("1,000 stream clients", perSecond(float64(delivered.Load())/took.Seconds())+" deliveries", fmt.Sprintf("%d KB a client", (rss-idle)/clients>>10), "-", "all served", true)
	return nil
}

// reportText has the redundancy of real reports.
func reportText(bytes int) string {
	var text strings.Builder
	for i := 0; text.Len() < bytes; i++ {
		fmt.Fprintf(&text, "2026-11-22T03:%02d:%02d host%04d disk%02d read %d write %d errors 0\n", i/60%60, i%60, i%150, i%24, i*7919%100003, i*104729%99991)
	}
	return text.String()
}
