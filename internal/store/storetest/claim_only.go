package storetest

import (
	"squall/internal/squall"
	"squall/internal/store"
)

func testClaimOnly(b *bundle) {
	queue := func(q string) func(*squall.Execution) {
		return func(ex *squall.Execution) { ex.Status, ex.Queue, ex.Node, ex.Epoch = squall.Requested, q, "", 0 }
	}
	plain, dmz, both := b.insert(queue("")), b.insert(queue("zone=dmz")), b.insert(queue("gpu=yes,zone=dmz"))
	claim := func(c store.Claim) (got []squall.ID) {
		b.update(func(tx store.Tx) error {
			c.Node, c.Epoch, c.Limit = "n1", 1, 10
			list, err := tx.ClaimExecutions(b.Context(), c)
			got = ids(list)
			return err
		})
		return got
	}
	b.equal("of no queue at all", len(claim(store.Claim{Only: true})), 0)
	b.equal("of one queue", claim(store.Claim{Queues: []string{"zone=dmz"}, Only: true}), []squall.ID{dmz.ID})
	b.equal("the rest", claim(store.Claim{Queues: []string{"gpu=yes,zone=dmz"}}), []squall.ID{plain.ID, both.ID})
}
