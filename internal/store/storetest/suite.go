package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/squall"
	"squall/internal/store"
)

// Driver says how the suite gets its databases.
type Driver struct {
	// New makes an empty database and returns the function that opens it. That
	// one may be called again after the store was closed.
	New func(t testing.TB) (open func(t testing.TB) store.Store)
	// Shared says that several stores may have the database open at once.
	Shared bool
}

// Run exercises a driver completely.
func Run(t *testing.T, d Driver) {
	for _, test := range []func(*bundle){
		testRoundTrip, testInsertDefaults, testInsertConflict, testInsertInvalid, testNotFound, testDocuments, testTimes,
		testMove, testMoveGuards, testMoveInvalid,
		testClaim, testClaimParallel, testClaimOnly,
		testOutput, testOutputGuards, testOutputLarge,
		testOrphans, testQueueStats,
		testDelete, testDeleteLimit,
		testFilters, testPages, testCreatedRange, testCount,
		testValues, testSealed, testSealedUnused,
		testWorkflow, testWorkflowGuard, testWorkflowEvents, testTellParent, testDeleteWorkflow,
		testOutbox, testOutboxTrim, testOutboxOrder,
		testNodes, testLocks,
		testPacks, testActions, testFindActions, testContent, testFindContent, testUsers, testTokens,
		testFleetNodes, testRollouts, testHostLocks,
		testKeys, testFindKeys, testKeyExpiry,
		testAPIKeys, testAudit,
		testEvents, testEnforcements, testTraces, testContentVersion, testTimers, testGates, testReleaseWorkflow, testDeliveries, testCursors, testRuleStates, testDistinct,
		testHeldLocks, testSensorStates,
		testUpdateUndo, testUpdateGroup, testUpdatePanic, testUpdateSwallowedErrors, testUpdateLargeDocuments,
		testUpdateReads, testUpdateCanceledBefore, testUpdateCanceledWaiting, testUpdateCanceledAfterStart,
		testViewSnapshot, testViewReadOnly, testViewError, testViewCanceled,
		testNow, testWake, testHealth,
		testClose, testCloseWhileBusy, testReopen,
		testModel,
	} {
		t.Run(testName(test), func(t *testing.T) {
			t.Parallel()
			open := d.New(t)
			b := &bundle{T: t, driver: d, open: open, ids: squall.NewIDSource()}
			b.s = b.openStore()
			test(b)
			if t.Failed() {
				return
			}
			if err := b.s.Check(t.Context()); err != nil && squall.KindOf(err) != squall.Unavailable {
				t.Errorf("Check after the test: %v", err)
			}
		})
	}
}

// testName returns "RoundTrip" for testRoundTrip.
func testName(test func(*bundle)) string {
	name := runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name()
	return strings.TrimPrefix(name[strings.LastIndex(name, ".")+1:], "test")
}

// bundle is the system under test and its fixtures.
type bundle struct {
	*testing.T
	driver Driver
	open   func(t testing.TB) store.Store
	s      store.Store
	ids    *squall.IDSource
}

// openStore opens the bundle's database once more; it is closed with the test.
func (b *bundle) openStore() store.Store {
	b.Helper()
	s := b.open(b.T)
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Errorf("Close: %v", err)
		}
	})
	return s
}

// update runs fn and fails the test if it cannot.
func (b *bundle) update(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.s.Update(b.Context(), fn); err != nil {
		b.Fatalf("Update: %v", err)
	}
}

func (b *bundle) view(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.s.View(b.Context(), fn); err != nil {
		b.Fatalf("View: %v", err)
	}
}

// insert stores a requested execution of core.noop, changed by the options.
func (b *bundle) insert(options ...func(*squall.Execution)) *squall.Execution {
	b.Helper()
	var ex *squall.Execution
	b.update(func(tx store.Tx) error {
		ex = b.make(tx, options...)
		return tx.InsertExecution(b.Context(), ex)
	})
	return ex
}

func (b *bundle) make(tx store.Tx, options ...func(*squall.Execution)) *squall.Execution {
	now := tx.Now()
	ex := &squall.Execution{
		ID: b.ids.Next(now), Action: squall.Ref{Pack: "core", Name: "noop"}, Runner: "noop", User: "alice",
		Status: squall.Requested, CreatedAt: now, Version: 1,
		Log: []squall.Change{{Status: squall.Requested, At: now}},
	}
	ex.Root = ex.ID
	for _, option := range options {
		option(ex)
	}
	return ex
}

// running makes insert store an execution that a node runs.
func running(node string, epoch int64) func(*squall.Execution) {
	return func(ex *squall.Execution) {
		ex.Status, ex.Node, ex.Epoch, ex.Attempt, ex.StartedAt = squall.Running, node, epoch, 1, ex.CreatedAt
	}
}

func childOf(parent *squall.Execution) func(*squall.Execution) {
	return func(ex *squall.Execution) {
		ex.Parent = &squall.TaskRef{Execution: parent.ID, Task: "t1", Item: -1}
		ex.Root = parent.Root
	}
}

// read returns the whole execution.
func (b *bundle) read(id squall.ID) *squall.Execution {
	b.Helper()
	var ex *squall.Execution
	b.view(func(tx store.Tx) (err error) {
		ex, err = tx.Execution(b.Context(), id, store.WithAll)
		return err
	})
	return ex
}

func (b *bundle) exists(id squall.ID) bool {
	b.Helper()
	found := false
	b.view(func(tx store.Tx) error {
		_, err := tx.Execution(b.Context(), id, 0)
		found = err == nil
		if squall.KindOf(err) == squall.NotFound {
			return nil
		}
		return err
	})
	return found
}

func (b *bundle) find(f store.ExecutionFilter) []squall.ID {
	b.Helper()
	var found []squall.ID
	b.view(func(tx store.Tx) error {
		list, err := tx.FindExecutions(b.Context(), f)
		found = ids(list)
		return err
	})
	return found
}

func ids(list []*squall.Execution) []squall.ID {
	out := make([]squall.ID, len(list))
	for i, ex := range list {
		out[i] = ex.ID
	}
	return out
}

// diff is cmp.Diff with documents compared as a whole: byte by byte through
// reflection, the large ones would take most of the suite's time.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }))
}

// equal compares and reports the difference under a heading.
func (b *bundle) equal(what string, got, want any) {
	b.Helper()
	if d := diff(want, got); d != "" {
		b.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (b *bundle) wantKind(what string, err error, kind squall.Kind) {
	b.Helper()
	if err == nil {
		b.Errorf("%s: no error, want kind %q", what, kind)
	} else if got := squall.KindOf(err); got != kind {
		b.Errorf("%s: error of kind %q (%v), want %q", what, got, err, kind)
	}
}

// errTest is an error a test's fn returns on purpose.
var errTest = fmt.Errorf("refused by the test")
