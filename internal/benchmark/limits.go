package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the bare driver that is the limit
)

// A limit is what the machine can do when nothing of Squall is in the way.

// bareDB is a SQLite file with the settings of ours and one table like ours: a
// row that is inserted, then updated, and an outbox row with each change.
func bareDB(dir string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, doc BLOB NOT NULL, state TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS o (id INTEGER PRIMARY KEY, doc BLOB NOT NULL)`)
	return db, err
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

// bareGrouped returns how many transitions per second clients goroutines get
// through one committer that groups what waits: one insert or update of an
// execution row, and one outbox row with each, bytes in all.
func bareGrouped(dir string, clients, bytes int, d time.Duration) (float64, error) {
	db, err := bareDB(dir)
	if err != nil {
		return 0, err
	}
	defer db.Close()

	type op struct {
		id   int64 // 0: insert
		done chan int64
	}
	var (
		queue   = make(chan op, clients)
		stop    = time.Now().Add(d)
		doc     = randomBytes(bytes)
		count   int
		failure error
		wg      sync.WaitGroup
	)
	insert, err := db.Prepare("INSERT INTO t (doc, state) VALUES (?, 'running')")
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	update, err := db.Prepare("UPDATE t SET state = 'succeeded', doc = ? WHERE id = ? AND state = 'running'")
	if err != nil {
		return 0, err
	}
	defer update.Close()
	outbox, err := db.Prepare("INSERT INTO o (doc) VALUES (?)")
	if err != nil {
		return 0, err
	}
	defer outbox.Close()

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
		ids, err := commitGroup(db, insert, update, outbox, doc, func(yield func(int64) bool) {
			for _, o := range group {
				if !yield(o.id) {
					return
				}
			}
		})
		if err != nil {
			failure = err
		}
		for i, o := range group {
			if err != nil {
				o.done <- -1
				continue
			}
			o.done <- ids[i]
		}
		count += len(group)
	}
	return float64(count) / time.Since(start).Seconds(), failure
}

// outboxBytes is the share of a transition's bytes that goes into the outbox.
func outboxBytes(doc []byte) int { return len(doc) / 8 }

func commitGroup(db *sql.DB, insert, update, outbox *sql.Stmt, doc []byte, ops func(func(int64) bool)) ([]int64, error) {
	tx, err := db.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to undo
	var ids []int64
	ins, upd, out := tx.Stmt(insert), tx.Stmt(update), tx.Stmt(outbox)
	for id := range ops {
		if id == 0 {
			res, err := ins.Exec(doc[:len(doc)-outboxBytes(doc)])
			if err != nil {
				return nil, err
			}
			if id, err = res.LastInsertId(); err != nil {
				return nil, err
			}
		} else if _, err := upd.Exec(doc[:len(doc)/2], id); err != nil {
			return nil, err
		}
		if _, err := out.Exec(doc[:outboxBytes(doc)]); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, tx.Commit()
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
