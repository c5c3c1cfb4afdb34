package timer

import (
	"fmt"
	"strings"
	"time"
)

// loadZone returns the zone of a name from the time zone database. Names are
// those of the database only, letter by letter (st2 with APScheduler 3.11):
// offsets and abbreviations that it does not list are no names.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return nil, valueError("ZoneInfo keys must be normalized relative paths, got: ")
	}
	if strings.Contains(name, "..") || strings.HasPrefix(name, "/") {
		return nil, valueError("ZoneInfo keys must refer to subdirectories of TZPATH, got: %s", name)
	}
	// The database knows every name also below posix/; the one compiled into
	// programs leaves these doubles out.
	loc, err := time.LoadLocation(strings.TrimPrefix(name, "posix/"))
	if err != nil || name == "Local" { // "Local" is the time package's word, not a zone
		return nil, &Error{Class: "ZoneInfoNotFoundError", Message: fmt.Sprintf("'No time zone found with key %s'", name)}
	}
	return loc, nil
}

// A wall is what a clock in some zone shows, in seconds as if it were UTC:
// wall = Unix time + offset. Within a stretch without a change of the clock the
// two differ by a constant.
type wall = int64

func wallOf(t time.Time, loc *time.Location) wall {
	_, offset := t.In(loc).Zone()
	return t.Unix() + int64(offset)
}

func offsetAt(unix int64, loc *time.Location) int64 {
	_, offset := time.Unix(unix, 0).In(loc).Zone()
	return int64(offset)
}

// instantOf returns the Unix time at which the clock shows w: the first of two
// if it shows it twice; if it never does, the instant at which it would have
// without the change (Python's fold=0).
func instantOf(w wall, loc *time.Location) int64 {
	const day = 24 * 60 * 60
	before := offsetAt(w-day, loc)
	u := w - before
	after := offsetAt(u, loc)
	if after == before || offsetAt(w-after, loc) != after {
		return u
	}
	return w - after
}

// maxWall is the end of the calendar: years have four digits.
var maxWall = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
