package auth

import (
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := Limiter{Burst: 3, Every: 10 * time.Second}
	for range 3 {
		if w := l.Wait("ann", now); w != 0 {
			t.Fatalf("must wait %s before the burst is spent", w)
		}
		l.Fail("ann", now)
	}
	if w := l.Wait("ann", now); w != 10*time.Second {
		t.Errorf("after the burst: wait %s", w)
	}
	if w := l.Wait("bob", now); w != 0 {
		t.Errorf("somebody else must wait %s", w)
	}
	if w := l.Wait("ann", now.Add(4*time.Second)); w != 6*time.Second {
		t.Errorf("four seconds later: wait %s", w)
	}
	if w := l.Wait("ann", now.Add(10*time.Second)); w != 0 {
		t.Errorf("ten seconds later: wait %s", w)
	}
	l.Fail("ann", now.Add(10*time.Second))
	if w := l.Wait("ann", now.Add(10*time.Second)); w != 10*time.Second {
		t.Errorf("after one more: wait %s", w)
	}
	l.Forget("ann")
	if w := l.Wait("ann", now); w != 0 {
		t.Errorf("after success: wait %s", w)
	}
}

// A flood of names costs bounded memory and does not free who is at the limit.
func TestLimiterFlood(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := Limiter{Burst: 3, Every: time.Hour}
	for range 3 {
		l.Fail("target", now)
	}
	for i := range 3 * limiterKeys {
		l.Fail(time.Duration(i).String(), now)
	}
	if len(l.keys) > limiterKeys {
		t.Errorf("%d keys kept", len(l.keys))
	}
	if l.Wait("target", now) == 0 {
		t.Error("the flood freed a key that was at its limit")
	}
}
