package expr

import "sync"

// Bounds of the cache of compiled texts: entries per generation, and the
// longest text worth keeping.
const (
	cacheEntries = 2048
	cacheTextLen = 8 << 10
)

// generations is a bounded map: what was not used since the last full turn is
// forgotten. That is as good as LRU for expressions and costs one look-up.
type generations[K comparable, V any] struct {
	mu    sync.RWMutex
	young map[K]V
	old   map[K]V
	max   int
}

func newGenerations[K comparable, V any](limit int) *generations[K, V] {
	return &generations[K, V]{young: make(map[K]V), max: limit}
}

func (g *generations[K, V]) get(k K) (V, bool) {
	g.mu.RLock()
	v, ok := g.young[k]
	if ok {
		g.mu.RUnlock()
		return v, true
	}
	v, ok = g.old[k]
	g.mu.RUnlock()
	if ok {
		g.put(k, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(k K, v V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.young) >= g.max {
		g.old, g.young = g.young, make(map[K]V, g.max)
	}
	g.young[k] = v
}

func (g *generations[K, V]) len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.young) + len(g.old)
}
