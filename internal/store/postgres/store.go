package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// Options says where the database is and who watches it.
type Options struct {
	DSN string // a URL or key=value pairs, as libpq takes them

	Committers int            // connections that write; 0: 3
	Readers    int            // connections for View; 0: 8
	Timeout    time.Duration  // how long one group or one statement of a view may take; 0: 10 s
	Observer   store.Observer // told about commits; may be nil
	Log        *slog.Logger   // may be nil
}

// Store is an open database. It implements store.Store.
type Store struct {
	config   *pgx.ConnConfig
	timeout  time.Duration
	log      *slog.Logger
	observer store.Observer
	clock    *driver.Clock
	hub      *driver.Hub
	queue    *driver.Queue
	signals  *signals
	idSlack  atomic.Int64 // seconds; what is known to be in the database at least

	readers chan *pgx.Conn // nil entries: not connected
	closing chan struct{}
	work    sync.WaitGroup     // committers
	tail    sync.WaitGroup     // what outlives them: signals, resolving
	cancel  context.CancelFunc // ends the tail
	base    context.Context    // of the tail
	close   sync.Once

	health health
}

var _ store.Store = (*Store)(nil)

// minVersion is the oldest server that has 64-bit transaction numbers in SQL.
const minVersion = 130000

// Open connects, and brings the schema up to date under a lock that several
// nodes starting at once respect. Error kinds: Conflict when a newer release has
// migrated the database, Unavailable when it cannot be reached.
func Open(ctx context.Context, opts Options) (*Store, error) {
	config, err := pgx.ParseConfig(opts.DSN)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "open database: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 3 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "squall"
	}
	if config.RuntimeParams["idle_in_transaction_session_timeout"] == "" {
		// A node that is stopped in the middle of a transaction must not keep its
		// locks for longer than its lease: the others could not rescue its rows.
		config.RuntimeParams["idle_in_transaction_session_timeout"] = "5s"
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		config: config, timeout: opts.Timeout, log: opts.Log, observer: opts.Observer,
		clock: driver.NewClock(time.Time{}, time.Now()), hub: driver.NewHub(), queue: driver.NewQueue(), closing: make(chan struct{}),
	}
	if s.timeout == 0 {
		s.timeout = 10 * time.Second
	}
	if opts.Committers == 0 {
		opts.Committers = 3
	}
	if opts.Readers == 0 {
		opts.Readers = 8
	}
	conn, err := s.prepareDatabase(ctx)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", explain(err))
	}
	s.readers = make(chan *pgx.Conn, opts.Readers)
	s.readers <- conn
	for range opts.Readers - 1 {
		s.readers <- nil
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.signals = newSignals(s)
	s.tail.Go(s.signals.listen)
	s.tail.Go(s.signals.send)
	<-s.signals.tried // what is committed after Open wakes our sleepers
	for range opts.Committers {
		s.work.Go((&committer{store: s}).run)
	}
	return s, nil
}

// prepareDatabase checks the server, migrates, and reads what the store keeps in
// memory. It returns the connection it used.
func (s *Store) prepareDatabase(ctx context.Context) (conn *pgx.Conn, err error) {
	if conn, err = s.connect(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.discard(conn)
		}
	}()
	var number int
	var version string
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&number, &version); err != nil {
		return nil, err
	}
	if number < minVersion {
		return nil, squall.Errorf(squall.Unavailable, "PostgreSQL %s is too old: 13 or newer is needed", version)
	}
	if err := migrate(ctx, conn, s.config); err != nil {
		return nil, err
	}
	var slack int64
	if err := conn.QueryRow(ctx, `SELECT value FROM meta WHERE key = 'id_slack'`).Scan(&slack); err != nil {
		return nil, err
	}
	s.idSlack.Store(slack)
	return conn, nil
}

// planner makes the plans follow the indexes. Every statement here is made for
// one index, in whose order it reads a few rows; but without fresh statistics,
// as in a table that fills and empties all day, the planner prefers to collect
// and sort everything that waits (measured: 25 ms for a claim instead of 1).
const planner = `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off`

func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.PgConn().Exec(ctx, planner).ReadAll(); err != nil {
		s.discard(conn)
		return nil, err
	}
	return conn, nil
}

// discard closes a connection that may be broken, without waiting for it.
func (s *Store) discard(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // it is given up either way
}

// View implements store.Store: one REPEATABLE READ transaction.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return driver.ErrClosed
	default:
	}
	var conn *pgx.Conn
	select {
	case conn = <-s.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return driver.ErrClosed
	}
	defer func() { s.readers <- conn }()
	conn, now, _, err := s.begin(ctx, conn, beginView)
	if err != nil {
		return contextError(ctx, explain(err))
	}
	finished := false
	defer func() {
		if !finished { // an error or a panic: the connection may be in any state
			s.discard(conn)
			conn = nil
		}
	}()
	t := &tx{store: s, conn: conn, now: now}
	t.Statements = portable.Statements{Conn: t, Dialect: dialect}
	err = fn(t)
	if !conn.IsClosed() {
		end, cancel := context.WithTimeout(context.Background(), s.timeout)
		defer cancel()
		_, endErr := conn.Exec(end, `COMMIT`)
		finished = endErr == nil
	}
	return contextError(ctx, explain(err))
}

// contextError returns ctx's error when ctx has ended, because then err is only
// how the connection reports it.
func contextError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// beginning is how a transaction starts and what is asked on the way: the
// database's clock, and for updates the transaction's number.
type beginning struct{ begin, ask string }

var (
	beginView   = beginning{`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, ''`}
	beginUpdate = beginning{`BEGIN`, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_current_xact_id()::text`}
)

// begin starts a transaction, on a new connection if conn is nil or turns out
// to be broken. It returns the connection to use, the instant and the number.
func (s *Store) begin(ctx context.Context, conn *pgx.Conn, b beginning) (*pgx.Conn, time.Time, string, error) {
	for fresh := false; ; {
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = s.connect(ctx); err != nil {
				return nil, time.Time{}, "", err
			}
			fresh = true
		}
		now, xid, err := s.tryBegin(ctx, conn, b)
		if err == nil {
			return conn, now, xid, nil
		}
		s.discard(conn)
		conn = nil
		if fresh || !isConnectionFault(err) || ctx.Err() != nil {
			return nil, time.Time{}, "", err
		}
	}
}

func (s *Store) tryBegin(ctx context.Context, conn *pgx.Conn, b beginning) (now time.Time, xid string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	batch := &pgx.Batch{}
	var micros int64
	batch.Queue(b.begin)
	batch.Queue(b.ask).QueryRow(func(r pgx.Row) error { return r.Scan(&micros, &xid) })
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return time.Time{}, "", err
	}
	return s.clock.Tick(driver.Time(micros), time.Now()), xid, nil
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.queue.Do(ctx, fn)
}

// Wake implements store.Store.
func (s *Store) Wake(topic store.Topic) (<-chan struct{}, func()) { return s.hub.Subscribe(topic) }

// Close implements store.Store. It may be called several times.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.queue.Close()
		s.work.Wait()
		close(s.closing)
		s.signals.flush()
		s.cancel()
		s.tail.Wait()
		for range cap(s.readers) {
			s.discard(<-s.readers)
		}
	})
	return nil
}

// health remembers how the last commit went.
type health struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// healthAge is how long the last commit speaks for the present.
const healthAge = 3 * time.Second

func (h *health) commit(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.at = err, time.Now()
}

func (h *health) fresh() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err == nil && time.Since(h.at) < healthAge
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context) error {
	if s.health.fresh() {
		return nil
	}
	return s.Update(ctx, func(t store.Tx) error {
		return t.(*tx).Send(`UPDATE meta SET value = $1 WHERE key = 'health'`, driver.Micros(t.Now()))
	})
}

var errBroken = errors.New("the connection was lost in the middle of a transaction")
