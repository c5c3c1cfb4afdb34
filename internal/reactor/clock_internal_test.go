package reactor

import (
	"testing"
	"time"
)

func TestClockReadings(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	a := reading{noon, time.Minute}
	for by, want := range map[time.Duration]time.Duration{0: 0, 3 * time.Second: 3 * time.Second, -time.Hour: -time.Hour} {
		if got := stepped(a, reading{at(10*time.Second + by), time.Minute + 10*time.Second}); got != want {
			t.Errorf("put forward by %s: %s", by, got)
		}
	}
	for _, tt := range []struct{ before, database, after, want time.Duration }{
		{0, 0, 0, 0},
		{0, time.Second, 2 * time.Second, 0}, // it may have been any moment of those two seconds
		{0, 5 * time.Second, 2 * time.Second, 3 * time.Second},
		{0, -5 * time.Second, 2 * time.Second, -5 * time.Second},
	} {
		if got := skew(at(tt.before), at(tt.database), at(tt.after)); got != tt.want {
			t.Errorf("%v: %s", tt, got)
		}
	}
}
