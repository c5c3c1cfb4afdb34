package workflow

import (
	"testing"

	"pgregory.net/rapid"

	"squall/internal/expr/value"
)

// genValue draws values that merge in every way: scalars and nested dicts
// over few keys.
func genValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if depth == 0 || rapid.Bool().Draw(t, "scalar") {
			return int64(rapid.IntRange(0, 3).Draw(t, "n"))
		}
		d := value.NewDict(2)
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			d.SetStr(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), genValue(depth-1).Draw(t, "value"))
		}
		return d
	})
}

func genVars() *rapid.Generator[*value.Dict] {
	return rapid.Custom(func(t *rapid.T) *value.Dict {
		d := value.NewDict(2)
		for range rapid.IntRange(1, 3).Draw(t, "size") {
			d.SetStr(rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name"), genValue(2).Draw(t, "value"))
		}
		return d
	})
}

// TestContextsAreMergedLists compares contexts with what they stand for: lists
// of dicts, merged one after the other.
func TestContextsAreMergedLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := genVars().Draw(t, "first")
		nodes := []*contextNode{firstContext(first)}
		lists := [][]*value.Dict{{first}}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			a := rapid.IntRange(0, len(nodes)-1).Draw(t, "parent")
			if rapid.Bool().Draw(t, "publish") {
				vars := genVars().Draw(t, "vars")
				nodes = append(nodes, nodes[a].publish(len(nodes), vars))
				lists = append(lists, append(lists[a][:len(lists[a]):len(lists[a])], vars))
				continue
			}
			b := rapid.IntRange(0, len(nodes)-1).Draw(t, "other")
			nodes = append(nodes, nodes[a].join(len(nodes), nodes[b]))
			// The original takes the first context out of the list that joins.
			lists = append(lists, append(lists[a][:len(lists[a]):len(lists[a])], lists[b][1:]...))
		}
		for i, n := range nodes {
			want := value.NewDict(0)
			for _, d := range lists[i] {
				want = mergeDicts(want, d)
			}
			if got := n.dict(); !value.Equal(want, got) {
				t.Fatalf("context %d: want %s, got %s", i, repr(want), repr(got))
			}
		}
	})
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	a := value.DictOf("k", value.DictOf("x", int64(1)))
	b := value.DictOf("k", value.DictOf("y", int64(2)))
	if got := repr(mergeDicts(a, b)); got != "{'k': {'x': 1, 'y': 2}}" {
		t.Errorf("merged: %s", got)
	}
	if repr(a) != "{'k': {'x': 1}}" || repr(b) != "{'k': {'y': 2}}" {
		t.Errorf("arguments changed: %s, %s", repr(a), repr(b))
	}
}
