package timer

import "strconv"

// dateParts are up to three numbers of a date, in the order of the text, and
// what is known about which is which.
type dateParts struct {
	v       [3]int
	n       int
	year    int // position + 1; 0: not known
	month   int // position + 1; 0: not known
	century bool
}

func (d *dateParts) push(v int) bool {
	if d.n == len(d.v) {
		return false
	}
	d.v[d.n] = v
	d.n++
	return true
}

// add takes a number. One of more than two digits, or above 100, is the year.
func (d *dateParts) add(token string) bool {
	value, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return false
	}
	if isDigits(token) && len(token) > 2 || value > 100 {
		return d.addYear(token)
	}
	return d.push(int(value))
}

func (d *dateParts) addYear(token string) bool {
	if d.year != 0 {
		return false
	}
	d.century, d.year = true, d.n+1
	return d.push(atoi(token))
}

func (d *dateParts) addMonth(m int) bool {
	if d.month != 0 {
		return false
	}
	d.month = d.n + 1
	return d.push(m)
}

func (d *dateParts) addNumberOrMonth(token string) bool {
	if isDigits(token) {
		return d.add(token)
	}
	m := monthWord(token)
	return m > 0 && d.addMonth(m)
}

// resolve decides which number is year, month and day; -1 for none. Without a
// hint the American order is taken, as dateutil does: 03/04/2024 is 4 March.
func (d *dateParts) resolve() (year, month, day int) {
	year, month, day = -1, -1, -1
	a, b, c := d.v[0], d.v[1], d.v[2]
	switch {
	case d.n == 0:
	case d.n == 3 && d.year != 0 && d.month != 0:
		year, month = d.v[d.year-1], d.v[d.month-1]
		day = d.v[6-d.year-d.month-1]
	case d.n == 1 && d.year != 0:
		year = a
	case d.n == 2 && d.year != 0 && d.month != 0:
		year, month = d.v[d.year-1], d.v[d.month-1]
	case d.n == 1 && d.month != 0:
		month = a
	case d.n == 1:
		year, day = yearOrDay(a)
	case d.n == 2 && d.month != 0:
		month = d.v[d.month-1]
		year, day = yearOrDay(d.v[2-d.month])
	case d.n == 2 && a > 31:
		year, month = a, b
	case d.n == 2 && b > 31:
		month, year = a, b
	case d.n == 2:
		month, day = a, b
	case d.month == 1 && b > 31:
		month, year, day = a, b, c
	case d.month == 1:
		month, day, year = a, b, c
	case d.month == 2 && a > 31:
		year, month, day = a, b, c
	case d.month == 2:
		day, month, year = a, b, c
	case d.month == 3 && b > 31:
		day, year, month = a, b, c
	case d.month == 3:
		year, day, month = a, b, c
	case a > 31 || d.year == 1:
		year, month, day = a, b, c
	case a > 12:
		day, month, year = a, b, c
	default:
		month, day, year = a, b, c
	}
	return year, month, day
}

func yearOrDay(v int) (year, day int) {
	if v > 31 {
		return v, -1
	}
	return -1, v
}
