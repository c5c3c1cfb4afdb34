package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the bare driver that is the limit
)

// A limit is what the machine can do when nothing of Squall is in the way.

// bareDB is a SQLite file with the settings of ours and two plain tables: a row
// that is inserted, then updated, and an outbox row with each change.
func bareDB(dir string) (*sql.DB, error) {
	db, err := openBare(filepath.Join(dir, "bare.db"))
	if err != nil {
		return nil, err
	}
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, doc BLOB NOT NULL, state TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS o (id INTEGER PRIMARY KEY, doc BLOB NOT NULL)`)
	return db, err
}

// openBare opens a SQLite file with the settings of ours.
func openBare(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// rowBytes is the size of the documents of a no-op execution: parameters,
// context, log, result and the columns around them.
const rowBytes = 1000

// bareCommit returns the median time of one synced commit of one row.
func bareCommit(dir string, n int) (time.Duration, error) {
	db, err := bareDB(dir)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	doc := randomBytes(rowBytes)
	return median(n, func(int) error {
		_, err := db.Exec("INSERT INTO t (doc, state) VALUES (?, 'running')", doc)
		return err
	})
}

// transition writes one move of an execution and its outbox row with the bare
// driver: insert for id 0, which returns the new row's id, update otherwise.
type transition func(tx *sql.Tx, id int64) (int64, error)

// plainTransition works on bareDB's tables, which have no index, with rows of
// that many bytes in all.
func plainTransition(db *sql.DB, bytes int) (transition, error) {
	doc := randomBytes(bytes)
	row, note := doc[:bytes-bytes/8], doc[:bytes/8]
	stmts, err := prepare(db,
		"INSERT INTO t (doc, state) VALUES (?, 'running')",
		"UPDATE t SET state = 'succeeded', doc = ? WHERE id = ? AND state = 'running'",
		"INSERT INTO o (doc) VALUES (?)")
	if err != nil {
		return nil, err
	}
	insert, update, outbox := stmts[0], stmts[1], stmts[2]
	return func(tx *sql.Tx, id int64) (int64, error) {
		if id == 0 {
			res, err := tx.Stmt(insert).Exec(row)
			if err != nil {
				return 0, err
			}
			if id, err = res.LastInsertId(); err != nil {
				return 0, err
			}
		} else if _, err := tx.Stmt(update).Exec(row[:len(row)/2], id); err != nil {
			return 0, err
		}
		_, err := tx.Stmt(outbox).Exec(note)
		return id, err
	}, nil
}

// sameTransition writes what Squall writes, into the same tables with the same
// indexes: the rows are copies of those in db, a database of Squall's with at
// least one finished no-op in it.
func sameTransition(db *sql.DB) (transition, error) {
	columns, row, err := sample(db, "SELECT * FROM executions WHERE status = 'succeeded' LIMIT 1")
	if err != nil {
		return nil, err
	}
	outboxColumns, note, err := sample(db, "SELECT * FROM outbox LIMIT 1")
	if err != nil {
		return nil, err
	}
	stmts, err := prepare(db,
		insertInto("executions", columns),
		`UPDATE executions SET status = 'succeeded', version = version + 1, ended_at = ?, updated_at = ?, result_size = ?, log = ?, result = ?
			WHERE id = ? AND status = 'running'`,
		insertInto("outbox", outboxColumns))
	if err != nil {
		return nil, err
	}
	insert, update, outbox := stmts[0], stmts[1], stmts[2]
	at := func(name string) int { return slices.Index(columns, name) }
	ended, updated, size, log, result := row[at("ended_at")], row[at("updated_at")], row[at("result_size")], row[at("log")], row[at("result")]
	row[at("status")], row[at("n")], note[slices.Index(outboxColumns, "id")] = "running", nil, nil

	var count int64
	identifier := func(n int64) []byte {
		id := make([]byte, 12)
		binary.BigEndian.PutUint64(id[4:], uint64(n))
		copy(id, "\xff\xff\xff\xfe") // behind all others
		return id
	}
	return func(tx *sql.Tx, id int64) (int64, error) {
		if id == 0 {
			count++
			id = count
			row[at("id")], row[at("root")] = identifier(id), identifier(id)
			if _, err := tx.Stmt(insert).Exec(row...); err != nil {
				return 0, err
			}
		} else if _, err := tx.Stmt(update).Exec(ended, updated, size, log, result, identifier(id)); err != nil {
			return 0, err
		}
		_, err := tx.Stmt(outbox).Exec(note...)
		return id, err
	}, nil
}

// sample reads one row with the names of its columns.
func sample(db *sql.DB, query string) (columns []string, values []any, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if columns, err = rows.Columns(); err != nil {
		return nil, nil, err
	}
	if !rows.Next() {
		return nil, nil, errors.Join(fmt.Errorf("nothing found: %s", query), rows.Err())
	}
	values = make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	return columns, values, errors.Join(rows.Scan(into...), rows.Err())
}

func insertInto(table string, columns []string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1))
}

func prepare(db *sql.DB, queries ...string) ([]*sql.Stmt, error) {
	stmts := make([]*sql.Stmt, len(queries))
	for i, q := range queries {
		var err error
		if stmts[i], err = db.Prepare(q); err != nil { // closed with db
			return nil, err
		}
	}
	return stmts, nil
}

// bareGrouped returns how many transitions per second clients goroutines get
// through one committer that groups what waits; each goroutine inserts, then
// updates what it has inserted.
func bareGrouped(db *sql.DB, write transition, clients int, d time.Duration) (float64, error) {
	type op struct {
		id   int64 // 0: insert
		done chan int64
	}
	var (
		queue   = make(chan op, clients)
		stop    = time.Now().Add(d)
		count   int
		failure error
		wg      sync.WaitGroup
	)
	for range clients {
		wg.Go(func() {
			done := make(chan int64, 1)
			for time.Now().Before(stop) {
				queue <- op{0, done}
				id := <-done
				if id < 0 {
					return
				}
				queue <- op{id, done}
				<-done
			}
		})
	}
	go func() { wg.Wait(); close(queue) }()

	start := time.Now()
	for first := range queue {
		group := []op{first}
	more:
		for len(group) < 512 {
			select {
			case o, ok := <-queue:
				if !ok {
					break more
				}
				group = append(group, o)
			default:
				break more
			}
		}
		tx, err := db.Begin()
		ids := make([]int64, len(group))
		for i, o := range group {
			if err == nil {
				ids[i], err = write(tx, o.id)
			}
		}
		if err == nil {
			err = tx.Commit()
		} else if tx != nil {
			err = errors.Join(err, tx.Rollback())
		}
		if err != nil {
			failure = err
		}
		for i, o := range group {
			if err != nil {
				ids[i] = -1
			}
			o.done <- ids[i]
		}
		count += len(group)
	}
	return float64(count) / time.Since(start).Seconds(), failure
}

// bareForkExec returns how many times per second clients goroutines start
// program and wait for its end.
func bareForkExec(clients int, d time.Duration, program ...string) (float64, error) {
	return rate(clients, d, func(ctx context.Context) error {
		return exec.CommandContext(ctx, program[0], program[1:]...).Run()
	})
}

// bareStore returns the median time of compressing body, writing it to a file
// and syncing file and directory.
func bareStore(dir string, body []byte, n int) (time.Duration, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer enc.Close()
	return median(n, func(i int) error {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("value-%d", i)))
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Write(enc.EncodeAll(body, nil)); err != nil {
			return err
		}
		return f.Sync()
	})
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
