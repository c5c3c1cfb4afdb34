// Package pgtest gives tests a PostgreSQL of their own: DSN starts a private
// cluster on first use and makes a fresh database in it; Stop, or the end of the
// test process, ends the cluster. Nothing but the server's binaries is needed,
// and nothing listens beyond loopback and a socket in a private directory.
//
// The variable SQUALL_TEST_POSTGRES chooses: a URL (postgres://...) uses that
// server instead; "require" makes a missing PostgreSQL a failure, as CI=true does;
// otherwise tests are skipped, saying so, where PostgreSQL is not installed.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable is the environment variable that chooses the server.
const Variable = "SQUALL_TEST_POSTGRES"

var (
	mu        sync.Mutex
	running   *cluster // nil: none
	databases atomic.Int64
)

// DSN makes a fresh, empty database and returns its URL. The database is
// dropped when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	c := server(t)
	name := fmt.Sprintf("squall_test_%d_%d", os.Getpid(), databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("pgtest: create database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("pgtest: drop database: %v", err)
		}
	})
	return c.url(name)
}

// Database makes a fresh, empty database for a program that is no test and
// returns its URL. It stays until Stop.
func Database() (url string, err error) {
	mu.Lock()
	defer mu.Unlock()
	if running == nil {
		if running, err = start(); err != nil {
			running = nil
			return "", err
		}
	}
	name := fmt.Sprintf("squall_%d_%d", os.Getpid(), databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := running.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return running.url(name), nil
}

// server returns the running cluster, and starts it if there is none.
func server(t testing.TB) *cluster {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if running != nil {
		return running
	}
	c, err := start()
	var missing *missingError
	switch {
	case err == nil:
		running = c
		return c
	case errors.As(err, &missing) && os.Getenv("CI") != "true" && os.Getenv(Variable) != "require":
		t.Skipf("SKIPPED WITHOUT POSTGRESQL: %v", err)
	default:
		t.Fatalf("pgtest: %v", err)
	}
	return nil
}

func start() (*cluster, error) {
	if url := os.Getenv(Variable); strings.Contains(url, "://") {
		return &cluster{base: url}, nil
	}
	return startCluster()
}

// Stop ends the cluster, if there is one, and removes its files. Without it the
// cluster ends with the process, and the next one removes the files.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if running != nil {
		running.stop()
		running = nil
	}
}

// Main wraps a testing.M so that the cluster is stopped after the tests, before
// what the caller does with the exit code: goleak.VerifyTestMain(pgtest.Main(m)).
func Main(m *testing.M) interface{ Run() int } { return mainFunc(m.Run) }

type mainFunc func() int

func (run mainFunc) Run() int {
	defer Stop()
	return run()
}

// exec runs one statement on the maintenance database.
func (c *cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
