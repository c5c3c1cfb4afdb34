package driver

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

func TestLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []squall.Change
		var log []byte
		for range rapid.IntRange(0, 6).Draw(t, "entries") {
			c := squall.Change{
				Status: rapid.SampledFrom(squall.Statuses).Draw(t, "state"),
				At:     Time(rapid.Int64Range(0, 1<<52).Draw(t, "at")),
				Node:   rapid.String().Draw(t, "node"),
				Reason: rapid.String().Draw(t, "reason"),
			}
			want = append(want, c)
			log = AppendLog(log, c)
		}
		if bytes.IndexByte(log, 0) >= 0 {
			t.Errorf("the stored log has a NUL character: %q", log)
		}
		got, err := ParseLog(log)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s\n%s", d, log)
		}
	})
	if _, err := ParseLog([]byte(`["x",1],garbage,`)); err == nil {
		t.Error("a damaged log is read without an error")
	}
}

// TestIDBounds: whatever the difference between identifier and creation, up to
// the slack the bounds hold every execution of the range.
func TestIDBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		created := time.Unix(1_700_000_000, 0).Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "created")))
		skew := time.Duration(rapid.Int64Range(-1e13, 1e13).Draw(t, "skew"))
		id := squall.NewIDSource().Next(created.Add(skew))
		slack := time.Duration(Skew(id, created)) * time.Second
		low, high := IDBounds(created.Add(-time.Nanosecond), created.Add(time.Nanosecond), slack)
		if b := IDBytes(id); bytes.Compare(low, b) >= 0 || bytes.Compare(b, high) >= 0 {
			t.Errorf("%s created %v is not between %x and %x", id, created, low, high)
		}
	})
	if low, high := IDBounds(time.Time{}, time.Time{}, 0); low != nil || high != nil {
		t.Errorf("bounds without a range: %x, %x", low, high)
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []squall.ID{"0123456789abcdef01234567", "ffffffffffffffffffffffff"} {
		if got := ID(IDBytes(id)); got != id {
			t.Errorf("%s came back as %s", id, got)
		}
	}
	for _, id := range []squall.ID{"", "x", "0123456789ABCDEF01234567", "0123456789abcdef0123456"} {
		if got := IDBytes(id); got != nil {
			t.Errorf("%q gives %x", id, got)
		}
	}
}

func TestCompress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "data"), rapid.IntRange(1, 5).Draw(t, "times"))
		body, compressed := Compress(want)
		if len(body) > len(want) {
			t.Errorf("%d bytes became %d", len(want), len(body))
		}
		got, err := Decompress(body, compressed, 0)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d, %v", len(want), len(got), err)
		}
	})
	for _, size := range []int{pieceSize, 2*pieceSize - 1, 2 * pieceSize, 3*pieceSize + 1} {
		want := bytes.Repeat([]byte("a line of a log\n"), size/16+1)[:size]
		for _, known := range []int{0, size} {
			body, compressed := Compress(want)
			got, err := Decompress(body, compressed, known)
			if err != nil || !compressed || !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
			}
		}
	}
	if _, err := Decompress([]byte("no zstd"), true, 0); err == nil {
		t.Error("damaged data are decompressed without an error")
	}
}

// TestClock steps the wall clock back and forth.
func TestClock(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	c := NewClock(start, start)
	reading := start
	for i, step := range []struct {
		passed time.Duration // really
		wall   time.Duration // what the clock says, from start
		want   time.Duration // from start
	}{
		{time.Second, time.Second, time.Second},
		{time.Second, 2 * time.Second, 2 * time.Second},
		{time.Second, -time.Hour, 2500 * time.Millisecond},               // set back: on at half speed
		{time.Hour, time.Second, 30*time.Minute + 2500*time.Millisecond}, // still behind
		{time.Hour, 10 * time.Minute, 60*time.Minute + 2500*time.Millisecond},
		{time.Minute, 2 * time.Hour, 2 * time.Hour}, // caught up
		{0, 2 * time.Hour, 2 * time.Hour},
		{-time.Second, time.Hour, 2 * time.Hour}, // readings out of order: never back
	} {
		reading = reading.Add(step.passed)
		if got := c.Tick(start.Add(step.wall), reading).Sub(start); got != step.want {
			t.Errorf("step %d: %v after the start, want %v", i, got, step.want)
		}
	}
}
