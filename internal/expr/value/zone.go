package value

import (
	"fmt"
	"time"
)

// Zone is Python's datetime.timezone: a fixed offset, as the tzinfo of a value.
type Zone struct{ Loc *time.Location }

// ZoneOf returns d's zone at its moment.
func ZoneOf(d DateTime) Zone { return Zone{Loc: d.Time.Location()} }

// FixedZone returns the location for an offset to UTC.
func FixedZone(off TimeSpan) *time.Location {
	if off == 0 {
		return time.UTC
	}
	return time.FixedZone("", int(off/Second))
}

// TypeName implements Object.
func (Zone) TypeName() string { return "datetime.timezone" }

func (z Zone) offset() TimeSpan {
	_, sec := time.Unix(0, 0).In(z.Loc).Zone()
	return TimeSpan(sec) * Second
}

// StrText implements Strer.
func (z Zone) StrText() (string, error) { return z.name(), nil }

func (z Zone) name() string { return offsetName(z.offset()) }

func offsetName(off TimeSpan) string {
	if off == 0 {
		return "UTC"
	}
	return "UTC" + offsetText(off, ":")
}

// ReprText implements Reprer.
func (z Zone) ReprText() (string, error) { return z.reprText(), nil }

func (z Zone) reprText() string {
	if z.offset() == 0 {
		return "datetime.timezone.utc"
	}
	return fmt.Sprintf("datetime.timezone(%s)", z.offset().repr())
}

// EqualTo implements Equaler.
func (z Zone) EqualTo(other any) (bool, bool, error) {
	o, ok := other.(Zone)
	return ok && o.offset() == z.offset(), ok, nil
}

// HashCode implements Hasher.
func (z Zone) HashCode() (uint64, error) { return Hash(z.offset()) }
