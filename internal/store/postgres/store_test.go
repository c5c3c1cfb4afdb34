package postgres_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"squall/internal/pgtest"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/storetest"
)

func TestMain(m *testing.M) {
	// Each check of the model makes a database, which takes a tenth of a second here.
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Driver{New: newDatabase, Shared: true})
}

func newDatabase(t testing.TB) func(testing.TB) store.Store {
	dsn := pgtest.DSN(t)
	return func(t testing.TB) store.Store { return open(t, postgres.Options{DSN: dsn}) }
}

func open(t testing.TB, opts postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}
