package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"squall/internal/squall"
	"squall/internal/timer"
)

// Prefer says which machines come first when not all are wanted.
type Prefer string

// The preferences. The zero value is PreferAny.
const (
	PreferAny   Prefer = "any"   // others each time
	PreferSame  Prefer = "same"  // the same ones each time, as long as they are there
	PreferFirst Prefer = "first" // by name
	PreferIdle  Prefer = "idle"  // those with the least to do
)

// ParsePick says how many of n machines are wanted: "3", "20%" (at least one), or
// "all", which is 0. One that wants more than there are wants all of them, but says
// so: "3" of two machines is 3, and cannot succeed.
func ParsePick(spec string, n int) (int, error) {
	switch spec = strings.TrimSpace(spec); spec {
	case "", "all":
		return 0, nil
	case "one":
		return 1, nil
	}
	want, err := amount(spec, n)
	switch {
	case err != nil:
		return 0, fmt.Errorf("pick: %w", err)
	case strings.HasSuffix(spec, "%") && spec != "0%":
		return max(1, want), nil
	case want < 1:
		return 0, fmt.Errorf("pick: %q is no number of machines: it is at least one", spec)
	}
	return want, nil
}

// Order puts machines into the order in which they are asked to do something that
// some of them are to do. key is what stays the same from one time to the next,
// turn what does not; busy tells how much a machine has to do.
//
// PreferSame and PreferAny give each machine its own rank (rendezvous hashing), so
// one that comes or goes moves only what is its own.
func Order(nodes []*squall.FleetNode, by Prefer, key, turn string, busy map[string]int) ([]*squall.FleetNode, error) {
	list := slices.Clone(nodes)
	ranked := func(seed string) func(a, b *squall.FleetNode) int {
		return func(a, b *squall.FleetNode) int {
			return cmp.Or(cmp.Compare(timer.Spread(seed, a.Name), timer.Spread(seed, b.Name)), natural(a.Name, b.Name))
		}
	}
	switch by {
	case PreferAny, "":
		slices.SortFunc(list, ranked(turn))
	case PreferSame:
		slices.SortFunc(list, ranked(key))
	case PreferFirst:
		slices.SortFunc(list, func(a, b *squall.FleetNode) int { return natural(a.Name, b.Name) })
	case PreferIdle:
		slices.SortFunc(list, func(a, b *squall.FleetNode) int {
			return cmp.Or(cmp.Compare(busy[a.Name], busy[b.Name]), ranked(turn)(a, b))
		})
	default:
		return nil, fmt.Errorf("prefer: %q is none of any, same, first, idle", by)
	}
	return list, nil
}
