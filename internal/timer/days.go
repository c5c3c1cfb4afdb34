package timer

import (
	"math/bits"
	"sync"
)

// A year's calendar depends on three facts only: the weekday of its first day,
// whether it is a leap year, and - for the ISO week of days that still belong
// to the year before - whether that one was. So 28 tables answer for all years
// which days match, and a date that never comes is known beforehand.
const yearTypes = 28

// yearDays is the set of a year's matching days, bit 0 is 1 January.
type yearDays [6]uint64

// next returns the first matching day from day n on, -1 if there is none.
func (d *yearDays) next(n int) int {
	for word := n / 64; word < len(d); word++ {
		set := d[word]
		if word == n/64 {
			set &= ^uint64(0) << (n % 64)
		}
		if set != 0 {
			return word*64 + bits.TrailingZeros64(set)
		}
	}
	return -1
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// daysBefore returns the days from 1 January 1970 to 1 January of a year from
// 1970 on.
func daysBefore(year int) int {
	y := year - 1
	return (year-1970)*365 + y/4 - y/100 + y/400 - 477 // 477 leap days before 1970
}

// yearType is the number of a year's table.
func yearType(year int) int {
	n := (daysBefore(year) + 3) % 7 // 1 January 1970 was a Thursday; Monday is 0
	if leap(year) {
		n += 7
	}
	if leap(year - 1) {
		n += 14
	}
	return n
}

// day is what a calendar's fields can ask of a date.
type day struct {
	month, day int8
	days       int8 // of the month; 0: the year has no such day
	week       int8 // ISO
	weekday    int8 // Monday is 0
}

// monthDays are the lengths of the months.
var monthDays = [12]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// allDays are the days of all types of years. They are worked out once, since
// every cron expression goes through them.
var allDays = sync.OnceValue(func() *[yearTypes][366]day {
	var out [yearTypes][366]day
	for typ := range yearTypes {
		first, isLeap, afterLeap := typ%7, typ/7%2 == 1, typ/14 == 1
		n := 0
		for m, length := range monthDays {
			if m == 1 && isLeap {
				length++
			}
			for d := 1; d <= length; d++ {
				out[typ][n] = day{
					month: int8(m + 1), day: int8(d), days: int8(length),
					weekday: int8((first + n) % 7), week: int8(isoWeek(n, first, isLeap, afterLeap)),
				}
				n++
			}
		}
	}
	return &out
})

// calendarOf fills the tables with the days that match.
func calendarOf(match func(*day) bool) *[yearTypes]yearDays {
	var out [yearTypes]yearDays
	all := allDays()
	for typ := range all {
		for n := range all[typ] {
			if d := &all[typ][n]; d.days > 0 && match(d) {
				out[typ][n/64] |= 1 << (n % 64)
			}
		}
	}
	return &out
}

// isoWeek returns the ISO week of day n of a year that starts on weekday first.
// A week belongs to the year that has its Thursday.
func isoWeek(n, first int, isLeap, afterLeap bool) int {
	thursday := n - (first+n)%7 + 3
	length := 365
	if isLeap {
		length++
	}
	switch {
	case thursday < 0: // in the year before
		thursday += 365
		if afterLeap {
			thursday++
		}
	case thursday >= length:
		thursday -= length
	}
	return thursday/7 + 1
}
