package storetest

import (
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// The drivers' BenchmarkList50Of1M read from this many executions, created one
// second apart from MillionStart on, a quarter of them children, among them the
// 100,000 children of one workflow.
const (
	Million      = 1_000_000
	MillionStart = 1_700_000_000
)

// MillionID is the identifier of one of them.
func MillionID(i int) squall.ID { return squall.ID(fmt.Sprintf("%08x%016x", MillionStart+i, i)) }

// Lists are the lists users of the API ask for.
var Lists = []struct {
	Name   string
	Filter store.ExecutionFilter
}{
	{"newest", store.ExecutionFilter{}},
	{"oldest", store.ExecutionFilter{Ascending: true}},
	{"top level", store.ExecutionFilter{TopLevel: true}},
	{"action", store.ExecutionFilter{Action: "core.a1"}},
	{"rare action", store.ExecutionFilter{Action: "core.rare"}},
	{"unknown action", store.ExecutionFilter{Action: "core.nothing"}},
	{"action, top level", store.ExecutionFilter{Action: "core.a1", TopLevel: true}},
	{"action of a large workflow, top level", store.ExecutionFilter{Action: "core.item", TopLevel: true}},
	{"status succeeded", store.ExecutionFilter{Statuses: []squall.Status{squall.Succeeded}}},
	{"status failed", store.ExecutionFilter{Statuses: []squall.Status{squall.Failed}}},
	{"open states", store.ExecutionFilter{Statuses: []squall.Status{squall.Requested, squall.Delayed, squall.Running, squall.Canceling, squall.Pausing, squall.Paused}}},
	{"status, top level", store.ExecutionFilter{Statuses: []squall.Status{squall.Failed}, TopLevel: true}},
	{"status, oldest", store.ExecutionFilter{Statuses: []squall.Status{squall.Failed}, Ascending: true}},
	{"user", store.ExecutionFilter{User: "user3"}},
	{"user, top level", store.ExecutionFilter{User: "user3", TopLevel: true}},
	{"user and status", store.ExecutionFilter{User: "user3", Statuses: []squall.Status{squall.Failed}}},
	{"action and status", store.ExecutionFilter{Action: "core.a1", Statuses: []squall.Status{squall.Failed}, TopLevel: true}},
	{"rare action and status", store.ExecutionFilter{Action: "core.rare", Statuses: []squall.Status{squall.Succeeded}}},
	{"action and user", store.ExecutionFilter{Action: "core.a1", User: "user3"}},
	{"parent", store.ExecutionFilter{Parent: MillionID(500_000)}},
	{"tree", store.ExecutionFilter{Root: MillionID(500_000)}},
	{"created in an hour long ago", store.ExecutionFilter{CreatedAfter: time.Unix(MillionStart+250_000, 0), CreatedBefore: time.Unix(MillionStart+253_600, 0)}},
	{"created before", store.ExecutionFilter{CreatedBefore: time.Unix(MillionStart+100_000, 0), TopLevel: true}},
	{"created in a day, by action", store.ExecutionFilter{Action: "core.a1", CreatedAfter: time.Unix(MillionStart+250_000, 0), CreatedBefore: time.Unix(MillionStart+336_400, 0)}},
	{"keyset page", store.ExecutionFilter{After: MillionID(400_000)}},
	{"keyset page by status", store.ExecutionFilter{After: MillionID(400_000), Statuses: []squall.Status{squall.Succeeded}, TopLevel: true}},
	{"offset 10,000", store.ExecutionFilter{Offset: 10_000}},
	{"offset 10,000 by status", store.ExecutionFilter{Offset: 10_000, Statuses: []squall.Status{squall.Succeeded}}},
}
