package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// FileName is the database's name in Options.Dir.
const FileName = "squall.db"

// Options says where the database is and who watches it.
type Options struct {
	Dir  string // the data directory, made if missing; the file is Dir/squall.db
	Path string // the file itself, instead of Dir

	Readers  int            // connections for View; 0: 4
	Observer store.Observer // told about commits; may be nil
	Log      *slog.Logger   // may be nil
}

// Store is an open database file. It implements store.Store.
type Store struct {
	path     string
	dsn      string
	lock     *fileLock
	log      *slog.Logger
	observer store.Observer
	clock    *driver.Clock
	wall     func() time.Time // time.Now; tests step it
	hub      *driver.Hub
	queue    *driver.Queue

	writer    *conn         // the committer's alone
	committed chan struct{} // closed when the committer has ended
	numbers   numbers       // the committer's alone

	readers chan *conn // nil entries: connections not opened yet
	closing chan struct{}
	close   sync.Once
	closed  error

	health health
}

var _ store.Store = (*Store)(nil)

// Open opens the database, creates it if it is missing and brings its schema up
// to date. Error kinds: Conflict when another process has it open or a newer
// release has written it, Unavailable when the file cannot be used.
func Open(ctx context.Context, opts Options) (*Store, error) {
	path := opts.Path
	if path == "" {
		path = filepath.Join(opts.Dir, FileName)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := createFile(path); err != nil {
		return nil, squall.Errorf(squall.Unavailable, "create database: %w", err)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Readers == 0 {
		opts.Readers = 4
	}
	s := &Store{
		path:      path,
		dsn:       (&url.URL{Scheme: "file", Path: path}).String(),
		lock:      lock,
		log:       opts.Log,
		observer:  opts.Observer,
		wall:      time.Now,
		hub:       driver.NewHub(),
		queue:     driver.NewQueue(),
		committed: make(chan struct{}),
		readers:   make(chan *conn, opts.Readers),
		closing:   make(chan struct{}),
	}
	if err := s.start(ctx); err != nil {
		if s.writer != nil {
			_ = s.writer.close()
		}
		_ = lock.release()
		return nil, fmt.Errorf("open database: %w", s.explain(err))
	}
	for range opts.Readers {
		s.readers <- nil
	}
	go s.commitLoop()
	return s, nil
}

// createFile makes the directory and an empty file readable by us alone; SQLite
// gives its side files the same mode.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// The log is copied into the file every 4,000 pages (16 MB) instead of every
// 1,000: pages that change all the time are copied less often (measured with 64
// writers on a busy machine, in turns: 14,800 instead of 12,300 transitions/s).
const (
	writerPragmas = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(4000)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16384)"
	readerPragmas = "?_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-8192)"
)

func (s *Store) start(ctx context.Context) (err error) {
	if s.writer, err = openConn(ctx, s.dsn+writerPragmas); err != nil {
		return err
	}
	if err := migrate(ctx, s.writer, s.path, s.dsn+writerPragmas); err != nil {
		return err
	}
	if s.numbers, err = readNumbers(ctx, s.writer); err != nil {
		return err
	}
	return s.startClock(ctx)
}

// maxClockLead is how far a stored instant may be ahead of the wall clock at
// the start and still be believed: the clock was set back. Beyond, the stored
// one was wrong.
const maxClockLead = 24 * time.Hour

// startClock sets the clock no earlier than the newest instants in the
// database, so that it does not go back over a restart either.
func (s *Store) startClock(ctx context.Context) error {
	micros, err := s.writer.number(ctx, `
		SELECT max(coalesce((SELECT updated_at FROM executions ORDER BY id DESC LIMIT 1), 0),
		           coalesce((SELECT at FROM outbox ORDER BY id DESC LIMIT 1), 0))`)
	if err != nil {
		return err
	}
	floor, now := driver.Time(micros), s.wall()
	if lead := floor.Sub(now); lead > maxClockLead {
		s.log.Warn("database was last written in the future, the clock is believed instead", "last_write", floor, "clock", now)
		floor = time.Time{}
	} else if lead > time.Second {
		s.log.Warn("clock is behind the last write, going on from there", "last_write", floor, "clock", now)
	}
	s.clock = driver.NewClock(floor, now)
	return nil
}

func (s *Store) now() time.Time {
	wall := s.wall()
	return s.clock.Tick(wall, wall)
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer func() { s.readers <- c }()
	if _, err := c.exec(context.Background(), "BEGIN"); err != nil {
		return s.explain(err)
	}
	defer func() { _, _ = c.exec(context.Background(), "ROLLBACK") }() // nothing was written
	t := &tx{store: s, conn: c, now: s.now()}
	t.Statements = portable.Statements{Conn: t, Dialect: dialect}
	return s.explain(fn(t))
}

// reader waits for a connection; the caller puts it back.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, driver.ErrClosed
	default:
	}
	select {
	case c := <-s.readers:
		if c != nil {
			return c, nil
		}
		c, err := openConn(ctx, s.dsn+readerPragmas)
		if err != nil {
			s.readers <- nil
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, driver.ErrClosed
	}
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
		<-s.committed
		close(s.closing)
		var errs []error
		for range cap(s.readers) {
			if c := <-s.readers; c != nil {
				errs = append(errs, c.close())
			}
		}
		// The last connection to close copies the log into the database file.
		errs = append(errs, s.writer.close(), s.lock.release())
		if err := errors.Join(errs...); err != nil {
			s.closed = fmt.Errorf("close database %s: %w", s.path, err)
		}
	})
	return s.closed
}
