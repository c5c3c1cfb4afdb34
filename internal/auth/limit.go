package auth

import (
	"maps"
	"sync"
	"time"
)

// Limiter bounds how often something may fail for one key, such as a user or an
// address: a burst at once, then one more per interval. It keeps nothing but
// keys that failed of late, a bounded number of them, and forgets all when the
// process ends. It may be used by several goroutines at once.
type Limiter struct {
	Burst int
	Every time.Duration // one more attempt after so long

	mu   sync.Mutex
	keys map[string]failures
}

// failures is a bucket of failures that drains with time.
type failures struct {
	count float64
	at    time.Time
}

// limiterKeys bounds the memory of a Limiter: about a megabyte.
const limiterKeys = 10_000

// Wait returns how long key must wait for its next attempt, 0 when it may try.
func (l *Limiter) Wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := l.level(key, now) - float64(l.Burst-1)
	if over <= 0 {
		return 0
	}
	return max(time.Millisecond, time.Duration(over*float64(l.Every)).Round(time.Millisecond))
}

// Fail counts a failure of key.
func (l *Limiter) Fail(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) >= limiterKeys {
		l.forget(now)
	}
	if l.keys == nil {
		l.keys = map[string]failures{}
	}
	l.keys[key] = failures{min(l.level(key, now)+1, float64(l.Burst)), now}
}

// level is how many failures of key still count.
func (l *Limiter) level(key string, now time.Time) float64 {
	f := l.keys[key]
	if f.count == 0 {
		return 0
	}
	return max(0, f.count-float64(now.Sub(f.at))/float64(l.Every))
}

// forget makes room: first what does not count any more, then the keys with the
// fewest failures, so that a flood of new keys does not free those at their limit.
func (l *Limiter) forget(now time.Time) {
	for least := 0.0; len(l.keys) > limiterKeys/2 && least <= float64(l.Burst); least++ {
		maps.DeleteFunc(l.keys, func(key string, _ failures) bool { return l.level(key, now) <= least && len(l.keys) > limiterKeys/2 })
	}
}

// Forget ends the counting for key, after it has succeeded.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}
