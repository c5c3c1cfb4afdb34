package pyre

import "sync"

// cacheSize bounds the patterns kept, and cachePattern the length of one.
const (
	cacheSize    = 512
	cachePattern = 4096
)

type cacheKey struct {
	pattern string
	flags   Flags
}

// patternCache keeps compiled patterns in two generations: what was used since
// the last turn survives it. That is as good as LRU here and needs no list.
type patternCache struct {
	mu        sync.Mutex
	young     map[cacheKey]*Regex
	old       map[cacheKey]*Regex
	maxInhalf int
}

var cache = &patternCache{young: map[cacheKey]*Regex{}, maxInhalf: cacheSize / 2}

func (c *patternCache) get(pattern string, flags Flags) (*Regex, error) {
	k := cacheKey{pattern, flags}
	c.mu.Lock()
	r, ok := c.young[k]
	if !ok {
		if r, ok = c.old[k]; ok {
			c.put(k, r)
		}
	}
	c.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := compile(pattern, flags)
	if err != nil || len(pattern) > cachePattern {
		return r, err
	}
	c.mu.Lock()
	c.put(k, r)
	c.mu.Unlock()
	return r, nil
}

func (c *patternCache) put(k cacheKey, r *Regex) {
	if len(c.young) >= c.maxInhalf {
		c.old, c.young = c.young, make(map[cacheKey]*Regex, c.maxInhalf)
	}
	c.young[k] = r
}
