package storetest

import (
	"squall/internal/squall"
	"squall/internal/store"
)

func testDistinct(b *bundle) {
	var none []string
	values := func(c store.ExecutionColumn, limit int) (list []string) {
		b.Helper()
		b.view(func(tx store.Tx) (err error) {
			list, err = tx.DistinctExecutions(b.Context(), c, limit)
			return err
		})
		return list
	}
	b.equal("nothing", values(store.ByAction, 10), none)
	for _, name := range []string{"b", "a", "c", "a", "a"} {
		b.insert(func(ex *squall.Execution) {
			ex.Action, ex.User, ex.Runner = squall.Ref{Pack: "p", Name: name}, "user "+name, "runner "+name
		})
	}
	b.insert(func(ex *squall.Execution) {
		ex.Action, ex.User, ex.Runner = squall.Ref{Pack: "p", Name: "a"}, "user a", "other"
	})
	b.equal("actions", values(store.ByAction, 10), []string{"p.a", "p.b", "p.c"})
	b.equal("users", values(store.ByUser, 2), []string{"user a", "user b"})
	b.equal("states", values(store.ByStatus, 10), []string{"requested"})
	b.view(func(tx store.Tx) error {
		runners, err := tx.RunnersOf(b.Context(), []string{"p.a", "p.b", "p.nothing"})
		b.equal("runners", runners, []string{"other", "runner b"})
		if err != nil {
			return err
		}
		_, err = tx.DistinctExecutions(b.Context(), "id; DROP TABLE executions", 1)
		b.wantKind("unknown column", err, squall.Invalid)
		return nil
	})
}
