package rule

import "time"

// isoReader reads fields of ISO 8601 from the left.
type isoReader struct {
	s  string
	i  int
	ok bool
}

// parseISO reads the forms of ISO 8601 that StackStorm's first parser takes:
// YYYY-MM, YYYY-MM-DD or YYYYMMDD, then perhaps "T" or a blank and hh, hh:mm or
// hh:mm:ss with a fraction, or the same without colons, then perhaps a zone.
// 24:00:00 is the next midnight. Digits of a fraction behind the sixth are cut.
func parseISO(s string) (time.Time, bool) {
	r := &isoReader{s: s, ok: true}
	year, month, day := r.digits(4), 0, 1
	if r.take('-') {
		month = r.digits(2)
		if r.i < len(s) {
			r.need('-')
			day = r.digits(2)
		}
	} else {
		month, day = r.digits(2), r.digits(2)
	}
	var hour, minute, second, micro int
	zone := time.UTC
	if r.i < len(s) {
		if !r.take('T') {
			r.need(' ')
		}
		hour, minute, second, micro = r.clock()
		zone = r.zone()
	}
	r.ok = r.ok && r.i == len(s)
	midnight := hour == 24 && minute == 0 && second == 0 && micro == 0
	if !r.ok || year == 0 || month < 1 || month > 12 || minute > 59 || second > 59 || hour > 23 && !midnight {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, micro*1000, zone)
	if day < 1 || day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}

// clock reads the time of day.
func (r *isoReader) clock() (hour, minute, second, micro int) {
	hour = r.digits(2)
	extended := r.take(':')
	if !extended && !r.atDigit() {
		return hour, 0, 0, 0
	}
	minute = r.digits(2)
	switch {
	case extended && !r.take(':'), !extended && !r.atDigit():
		return hour, minute, 0, 0
	}
	second = r.digits(2)
	if r.take('.') || r.take(',') {
		r.ok = r.ok && r.atDigit()
		for scale := 100_000; r.atDigit(); scale /= 10 {
			micro += r.digits(1) * scale
		}
	}
	return hour, minute, second, micro
}

// zone reads Z or an offset; none is UTC.
func (r *isoReader) zone() *time.Location {
	sign := 0
	switch {
	case r.take('Z'), r.i == len(r.s):
		return time.UTC
	case r.take('+'):
		sign = 1
	case r.take('-'):
		sign = -1
	default:
		r.ok = false
		return time.UTC
	}
	hours, minutes := r.digits(2), 0
	if r.take(':') || r.atDigit() {
		minutes = r.digits(2)
	}
	if hours > 23 || minutes > 59 {
		r.ok = false
	}
	return time.FixedZone("", sign*(hours*3600+minutes*60))
}

func (r *isoReader) atDigit() bool {
	return r.i < len(r.s) && '0' <= r.s[r.i] && r.s[r.i] <= '9'
}

func (r *isoReader) digits(n int) int {
	v := 0
	for range n {
		if !r.atDigit() {
			r.ok = false
			return 0
		}
		v = v*10 + int(r.s[r.i]-'0')
		r.i++
	}
	return v
}

func (r *isoReader) take(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *isoReader) need(c byte) { r.ok = r.take(c) && r.ok }
