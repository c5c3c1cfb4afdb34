package scheduler

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"squall/internal/pgtest"
	"squall/internal/store"
	"squall/internal/store/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

func init() {
	drivers["postgres"] = func(t *testing.T) store.Store {
		st, err := postgres.Open(context.Background(), postgres.Options{DSN: pgtest.DSN(t)})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
}
