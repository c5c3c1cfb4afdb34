package squall

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStatusTable holds the whole table against a drawing of it, so that a
// change of one is a change of both. Rows are the states an execution is in,
// columns those it may move to, in the order of Statuses.
func TestStatusTable(t *testing.T) {
	const drawing = `
            req del sch run pen psg psd res cng suc fai tim cld aba
requested    .   x   .   x   .   .   .   .   .   .   x   .   x   .
delayed      x   .   .   x   .   .   .   .   .   .   x   .   x   .
scheduled    .   .   .   x   .   .   .   .   .   .   x   .   x   x
running      x   .   .   .   x   x   x   .   x   x   x   x   x   x
pending      .   .   .   .   .   .   .   x   x   x   x   x   x   .
pausing      .   .   .   x   .   .   x   .   x   x   x   x   x   x
paused       .   .   .   .   .   .   .   x   x   .   .   .   x   .
resuming     .   .   .   x   .   x   .   .   x   x   x   x   x   x
canceling    .   .   .   .   .   .   .   .   .   .   .   .   x   x
succeeded    .   .   .   .   .   .   .   .   .   .   .   .   .   .
failed       .   .   .   .   .   .   .   .   .   .   .   .   .   .
timeout      .   .   .   .   .   .   .   .   .   .   .   .   .   .
canceled     .   .   .   .   .   .   .   .   .   .   .   .   .   .
abandoned    .   .   .   .   .   .   .   .   .   .   .   .   .   .`

	lines := strings.Split(strings.TrimLeft(drawing, "\n"), "\n")[1:]
	if len(lines) != len(Statuses) {
		t.Fatalf("the drawing has %d rows, there are %d states", len(lines), len(Statuses))
	}
	for i, line := range lines {
		cells := strings.Fields(line)
		from := Status(cells[0])
		if from != Statuses[i] {
			t.Fatalf("row %d is %s, want %s", i, from, Statuses[i])
		}
		final := true
		for j, cell := range cells[1:] {
			to := Statuses[j]
			want := cell == "x"
			if got := from.CanMoveTo(to); got != want {
				t.Errorf("%s.CanMoveTo(%s) = %v, want %v", from, to, got, want)
			}
			final = final && !want
		}
		if from.Final() != final {
			t.Errorf("%s.Final() = %v, want %v", from, from.Final(), final)
		}
	}
}

func TestUnknownStatusGoesNowhere(t *testing.T) {
	t.Parallel()
	s := Status("exploded")
	if s.Known() || s.Final() || slices.ContainsFunc(Statuses, s.CanMoveTo) {
		t.Errorf("%q is taken for a state", s)
	}
}

func TestIDsIncreaseAlsoWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	src := NewIDSource()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var last ID
	for i := range 10_000 {
		at := now
		switch {
		case i%3 == 1:
			at = now.Add(-time.Hour)
		case i%3 == 2:
			at = now.Add(time.Duration(i) * time.Microsecond)
		}
		id := src.Next(at)
		if !id.Valid() {
			t.Fatalf("%q is not valid", id)
		}
		if id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	if got := last.Time(); got.Before(now) || got.After(now.Add(time.Second)) {
		t.Errorf("Time() = %v, want about %v", got, now)
	}
}

func TestIDsOfManyGoroutinesDiffer(t *testing.T) {
	t.Parallel()
	src := NewIDSource()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var (
		mu   sync.Mutex
		seen = map[ID]bool{}
		wg   sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				id := src.Next(now)
				mu.Lock()
				if seen[id] {
					t.Errorf("%s twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestIDValid(t *testing.T) {
	t.Parallel()
	for id, want := range map[ID]bool{
		"": false, "5f5f5f5f5f5f5f5f5f5f5f5f": true, "5F5f5f5f5f5f5f5f5f5f5f5f": false,
		"5f5f5f5f5f5f5f5f5f5f5f5": false, "5f5f5f5f5f5f5f5f5f5f5f5g": false, "../../../../../etc/passwd": false,
	} {
		if got := id.Valid(); got != want {
			t.Errorf("ID(%q).Valid() = %v, want %v", id, got, want)
		}
	}
}

func TestParseRef(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Ref{
		"core.local":        {"core", "local"},
		"linux.vsphere.get": {"linux", "vsphere.get"},
	} {
		got, err := ParseRef(in)
		if err != nil || got != want || got.String() != in {
			t.Errorf("ParseRef(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "core", ".local", "core."} {
		if _, err := ParseRef(in); KindOf(err) != Invalid {
			t.Errorf("ParseRef(%q) error = %v, want kind Invalid", in, err)
		}
	}
}

func TestErrorsForPeople(t *testing.T) {
	t.Parallel()
	cause := fs.ErrPermission
	err := fmt.Errorf("open store: %w", Errorf(Unavailable, "the database cannot be written: %w", cause))
	if KindOf(err) != Unavailable || !errors.Is(err, cause) {
		t.Errorf("kind %v, cause lost: %v", KindOf(err), err)
	}
	if got := MessageOf(err); got != "the database cannot be written: permission denied" {
		t.Errorf("MessageOf = %q", got)
	}
	secret := errors.New("dial tcp 10.0.0.1: password=geheim")
	if got := MessageOf(secret); got != "Internal Server Error" {
		t.Errorf("MessageOf a foreign error = %q", got)
	}
	if got := MessageOf(Errorf(Internal, "stack of things")); got != "Internal Server Error" {
		t.Errorf("MessageOf an internal error = %q", got)
	}
}

func TestActionVersionIsItsContent(t *testing.T) {
	t.Parallel()
	a := &Action{Ref: Ref{"core", "local"}, Runner: "local-shell-cmd", Enabled: true}
	b := *a
	if a.Version() != b.Version() {
		t.Error("equal actions have different versions")
	}
	b.Description = "changed"
	if a.Version() == b.Version() {
		t.Error("different actions have one version")
	}
}
