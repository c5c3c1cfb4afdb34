package yaql

import (
	"math"
	"time"

	"squall/internal/expr/value"
)

// resolve decides which part is the year, which the month and which the day;
// 0 stands for one that is missing.
func (p *dateParser) resolve(thisYear int) (year, month, day int64) {
	n := make([]int64, len(p.ymd))
	mi, yi, kinds := -1, -1, 0
	for i, part := range p.ymd {
		n[i] = part.n
		switch part.kind {
		case 'M':
			mi = i
			kinds++
		case 'Y':
			yi = i
			kinds++
		}
	}
	defer func() {
		if year > 0 && year < 100 && !p.century {
			year = fullYear(year, thisYear)
		}
	}()
	if mi >= 0 && yi >= 0 && len(n) <= 3 {
		year, month = n[yi], n[mi]
		for i := range n {
			if i != mi && i != yi {
				day = n[i]
			}
		}
		return year, month, day
	}
	switch {
	case len(n) == 1 && mi < 0 || len(n) == 2 && mi >= 0 || len(n) == 1:
		other := n[0]
		if mi >= 0 {
			month = n[mi]
			other = n[len(n)-1-mi]
		}
		if len(n) > 1 || mi < 0 {
			if other > 31 {
				year = other
			} else {
				day = other
			}
		}
	case len(n) == 2:
		switch {
		case n[0] > 31:
			year, month = n[0], n[1]
		case n[1] > 31:
			month, year = n[0], n[1]
		default:
			month, day = n[0], n[1]
		}
	case len(n) == 3:
		year, month, day = resolveThree(n, mi, yi)
	}
	return year, month, day
}

func resolveThree(n []int64, mi, yi int) (year, month, day int64) {
	switch mi {
	case 0:
		if n[1] > 31 {
			return n[1], n[0], n[2]
		}
		return n[2], n[0], n[1]
	case 1:
		if n[0] > 31 {
			return n[0], n[1], n[2]
		}
		return n[2], n[1], n[0]
	case 2:
		if n[1] > 31 {
			return n[1], n[2], n[0]
		}
		return n[0], n[2], n[1]
	}
	switch {
	case n[0] > 31 || yi == 0:
		return n[0], n[1], n[2]
	case n[0] > 12:
		return n[2], n[1], n[0]
	}
	return n[2], n[0], n[1]
}

// fullYear puts a two-digit year within 50 years of this one.
func fullYear(y int64, thisYear int) int64 {
	now := int64(thisYear)
	y += now / 100 * 100
	switch {
	case y >= now+50:
		y -= 100
	case y < now-50:
		y += 100
	}
	return y
}

func (p *dateParser) build(year, month, day int64, today time.Time) (any, error) {
	or := func(v, def int64) int64 {
		if v > 0 {
			return v
		}
		return def
	}
	y, m := or(year, int64(today.Year())), or(month, int64(today.Month()))
	d := day
	if y > math.MaxInt32 || m > math.MaxInt32 || d > math.MaxInt32 {
		return nil, value.OverflowErrorf("signed integer is greater than maximum")
	}
	if d == 0 {
		if m > 12 {
			return nil, value.ValueErrorf("bad month number %d; must be 1-12", m)
		}
		// The day of today, or the last one of a shorter month.
		d = min(int64(today.Day()), int64(time.Date(int(y), time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()))
	}
	var zone *time.Location
	if p.hasZone {
		zone = value.FixedZone(value.TimeSpan(p.offset) * value.Second)
	}
	res, err := value.MakeDateTime(y, m, d, max(p.hour, 0), max(p.minute, 0), max(p.second, 0), max(p.micro, 0), zone)
	if err == nil && p.weekday >= 0 && day == 0 {
		ahead := (p.weekday - (int(res.Time.Weekday())+6)%7 + 7) % 7
		return res.Shift(value.TimeSpan(ahead) * value.Day)
	}
	return res, err
}
