package sqlite_test

import (
	"testing"

	"go.uber.org/goleak"

	"squall/internal/store"
	"squall/internal/store/sqlite"
	"squall/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Driver{New: newDatabase})
}

func newDatabase(t testing.TB) func(testing.TB) store.Store {
	dir := t.TempDir()
	return func(t testing.TB) store.Store { return open(t, sqlite.Options{Dir: dir}) }
}

func open(t testing.TB, opts sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}
