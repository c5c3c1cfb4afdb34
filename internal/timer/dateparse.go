package timer

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseDate reads the text of a date timer as leniently as python-dateutil,
// which StackStorm uses: ISO forms, "March 20, 2024 10:00", "20 Mar 2024",
// "03/04/2024" (4 March), "10pm", "Friday". What is missing comes from now's
// day, time of day from midnight; a weekday alone is the next such day, today
// included. A text with an offset or UTC has that zone, any other is local to
// loc; unknown abbreviations of zones are ignored. Of a local time that the
// clock shows twice the first is taken, one that it leaves out is moved
// forward (st2 with APScheduler 3.11).
func ParseDate(text string, now time.Time, loc *time.Location) (time.Time, error) {
	p := dateParser{tokens: dateTokens(text), now: now, year: -1, month: -1, day: -1, weekday: -1, hour: -1, minute: -1, second: -1}
	bad := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, &Error{Class: "ParserError", Message: fmt.Sprintf(format, args...) + ": " + text}
	}
	if !p.parse() {
		return bad("Unknown string format")
	}
	if p.empty() {
		return bad("String does not contain a date")
	}
	w, nanos, why := p.wall()
	switch {
	case why != "":
		return bad("%s", why)
	case p.hasOffset:
		return time.Unix(w-p.offset, nanos).In(time.FixedZone("", int(p.offset))), nil
	case p.utc:
		return time.Unix(w, nanos).UTC(), nil
	}
	return time.Unix(instantOf(w, loc), nanos).In(loc), nil
}

// dateParser collects the parts of a date; -1 means not given.
type dateParser struct {
	tokens []string
	now    time.Time
	parts  dateParts

	year, month, day, weekday  int
	hour, minute, second, nano int
	half                       bool // am or pm was said
	zone                       string
	utc, hasOffset             bool
	offset                     int64 // seconds east
}

// at returns a token, "" beyond the ends.
func (p *dateParser) at(i int) string {
	if i < 0 || i >= len(p.tokens) {
		return ""
	}
	return p.tokens[i]
}

func (p *dateParser) empty() bool {
	return p.year < 0 && p.month < 0 && p.day < 0 && p.weekday < 0 && p.hour < 0 && p.minute < 0 && p.second < 0 && p.zone == "" && !p.hasOffset
}

// parse goes through the tokens once; false when one has no meaning.
func (p *dateParser) parse() bool {
	for i := 0; i < len(p.tokens); i++ {
		token, ok := p.tokens[i], true
		switch {
		case token[0] >= '0' && token[0] <= '9':
			i, ok = p.number(i)
		case weekdayWord(token) >= 0:
			p.weekday = weekdayWord(token)
		case monthWord(token) > 0:
			i, ok = p.monthName(i)
		case halfWord(token) >= 0 && p.hour >= 0 && !p.half:
			ok = p.setHalf(halfWord(token))
		case p.hour >= 0 && p.zone == "" && !p.hasOffset && isZoneName(token):
			p.zoneName(i)
		case p.hour >= 0 && (token == "+" || token == "-"):
			i, ok = p.zoneOffset(i)
		default:
			ok = isJump(token)
		}
		if !ok {
			return false
		}
	}
	p.year, p.month, p.day = p.parts.resolve()
	if p.year >= 0 && p.year < 100 && !p.parts.century {
		p.year = nearYear(p.year, p.now.Year())
	}
	return true
}

// nearYear completes two digits to the year within 50 of now.
func nearYear(y, now int) int {
	y += now / 100 * 100
	switch {
	case y >= now+50:
		return y - 100
	case y < now-50:
		return y + 100
	}
	return y
}

// number reads what starts with the number at i and returns the last token
// it used.
func (p *dateParser) number(i int) (int, bool) {
	token, next := p.tokens[i], p.at(i+1)
	value, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return i, false
	}
	whole := isDigits(token)
	switch n := len(token); {
	case p.parts.n == 3 && (n == 2 || n == 4) && whole && p.hour < 0 && (next == "" || next != ":" && partWord(next) < 0):
		p.hour = atoi(token[:2]) // 19990101T23[59]
		if n == 4 {
			p.minute = atoi(token[2:])
		}
		return i, true
	case n == 6 && whole || n > 6 && strings.IndexByte(token, '.') == 6:
		if p.parts.n == 0 && whole {
			return i, p.parts.add(token[:2]) && p.parts.add(token[2:4]) && p.parts.add(token[4:])
		}
		p.hour, p.minute = atoi(token[:2]), atoi(token[2:4])
		return i, p.setSecond(token[4:])
	case (n == 8 || n == 12 || n == 14) && whole:
		ok := p.parts.addYear(token[:4]) && p.parts.add(token[4:6]) && p.parts.add(token[6:8])
		if n > 8 {
			p.hour, p.minute = atoi(token[8:10]), atoi(token[10:12])
		}
		if n > 12 {
			p.second = atoi(token[12:])
		}
		return i, ok
	}
	if j, part := p.partAround(i); part >= 0 {
		return j, p.setPart(part, token, value)
	}
	switch {
	case next == ":" && i+2 < len(p.tokens):
		return p.clock(i, int(value))
	case next == "-" || next == "/" || next == ".":
		return p.separated(i)
	case next == "" || isJump(next):
		if half := halfWord(p.at(i + 2)); half >= 0 && next != "" {
			p.hour = inHalf(int(value), half)
			return i + 2, true
		}
		return i + 1, p.parts.add(token)
	case halfWord(next) >= 0 && value < 24:
		p.hour = inHalf(int(value), halfWord(next))
		return i + 1, true
	}
	// A number that could be a day stands for it, whatever follows.
	return i, whole && value >= 1 && value <= 31 && p.parts.add(token)
}

// partAround looks for a word such as "h" after, or before, the number at i.
// It returns the last token used and which part the number is, -1 for none.
// A number after "10h" is minutes.
func (p *dateParser) partAround(i int) (int, int) {
	last := len(p.tokens) - 1
	switch {
	case partWord(p.at(i+1)) >= 0:
		return i + 1, partWord(p.at(i + 1))
	case p.at(i+1) == " " && partWord(p.at(i+2)) >= 0:
		return i + 2, partWord(p.at(i + 2))
	case partWord(p.at(i-1)) >= 0:
		return i, partWord(p.at(i-1)) + 1
	case i > 1 && i == last && p.at(i-1) == " " && partWord(p.at(i-2)) >= 0:
		return i, partWord(p.at(i-2)) + 1
	}
	return i, -1
}

func (p *dateParser) setPart(part int, token string, value float64) bool {
	whole := int(value)
	fraction := int(60 * (value - float64(whole)))
	switch part {
	case 0:
		p.hour = whole
		if fraction > 0 {
			p.minute = fraction
		}
	case 1:
		p.minute = whole
		if fraction > 0 {
			p.second = fraction
		}
	case 2:
		return p.setSecond(token)
	}
	return true
}

// clock reads HH:MM[:SS[.fraction]].
func (p *dateParser) clock(i, hour int) (int, bool) {
	minute, err := strconv.ParseFloat(p.tokens[i+2], 64)
	if err != nil {
		return i, false
	}
	p.hour, p.second, p.nano = hour, -1, 0 // a second time of day replaces the first
	if !p.setPart(1, "", minute) {
		return i, false
	}
	if p.at(i+3) == ":" && i+4 < len(p.tokens) {
		return i + 4, p.setSecond(p.tokens[i+4])
	}
	return i + 2, true
}

func (p *dateParser) setSecond(token string) bool {
	whole, fraction, _ := strings.Cut(token, ".")
	if !isDigits(whole) || fraction != "" && !isDigits(fraction) {
		return false
	}
	p.second = atoi(whole)
	p.nano = atoi((fraction + "000000")[:6]) * 1000 // microseconds, the rest is cut off
	return true
}

// separated reads a date with -, / or points: 2024-03-20, 20/Mar/2024.
func (p *dateParser) separated(i int) (int, bool) {
	sep := p.tokens[i+1]
	ok := p.parts.add(p.tokens[i])
	if i+2 < len(p.tokens) && !isJump(p.tokens[i+2]) {
		ok = ok && p.parts.addNumberOrMonth(p.tokens[i+2])
		if p.at(i+3) == sep && i+4 < len(p.tokens) {
			ok = ok && p.parts.addNumberOrMonth(p.tokens[i+4])
			return i + 4, ok
		}
		return i + 2, ok
	}
	return i + 1, ok
}

// monthName reads a month's name, with a year and day that hang on it
// ("Mar-20-2024") or "of" and a year.
func (p *dateParser) monthName(i int) (int, bool) {
	ok := p.parts.addMonth(monthWord(p.tokens[i]))
	if sep := p.at(i + 1); sep == "-" || sep == "/" {
		if i+2 >= len(p.tokens) {
			return i, ok
		}
		ok = ok && p.parts.add(p.tokens[i+2])
		if p.at(i+3) == sep && i+4 < len(p.tokens) {
			return i + 4, ok && p.parts.add(p.tokens[i+4])
		}
		return i + 2, ok
	}
	if p.at(i+1) == " " && p.at(i+3) == " " && strings.EqualFold(p.at(i+2), "of") && isDigits(p.at(i+4)) {
		year := atoi(p.at(i + 4))
		if year < 100 {
			year = nearYear(year, p.now.Year())
		}
		return i + 4, ok && p.parts.add(strconv.Itoa(year))
	}
	return i, ok
}

// setHalf takes am or pm that stands by itself, after the hour.
func (p *dateParser) setHalf(half int) bool {
	if p.hour > 12 {
		return false
	}
	p.half, p.hour = true, inHalf(p.hour, half)
	return true
}

// inHalf returns the hour of the day for one before or after noon; hours above
// 12 stay what they are.
func inHalf(hour, half int) int {
	if hour > 12 {
		return hour
	}
	return hour%12 + 12*half
}

// isZoneName reports what may be an abbreviation of a zone.
func isZoneName(s string) bool {
	return len(s) <= 5 && (isUTC(s) || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "")
}

// zoneName takes an abbreviation. "GMT+3" means "my time +3 is GMT", so the
// sign turns round.
func (p *dateParser) zoneName(i int) {
	p.zone, p.utc = p.tokens[i], isUTC(p.tokens[i])
	if i+1 < len(p.tokens) {
		switch p.tokens[i+1] {
		case "+":
			p.tokens[i+1], p.utc = "-", false
		case "-":
			p.tokens[i+1], p.utc = "+", false
		}
	}
}

// zoneOffset reads +HH, +HHMM or +HH:MM.
func (p *dateParser) zoneOffset(i int) (int, bool) {
	sign := int64(1)
	if p.tokens[i] == "-" {
		sign = -1
	}
	digits := p.at(i + 1)
	if !isDigits(digits) {
		return i, false
	}
	last := i + 1
	var seconds int
	switch {
	case len(digits) == 4:
		seconds = atoi(digits[:2])*3600 + atoi(digits[2:])*60
	case p.at(i+2) == ":" && isDigits(p.at(i+3)):
		seconds = atoi(digits)*3600 + atoi(p.at(i+3))*60
		last = i + 3
	case len(digits) <= 2:
		seconds = atoi(digits) * 3600
	default:
		return i, false
	}
	p.hasOffset, p.offset = true, sign*int64(seconds)
	if isJump(p.at(last+1)) && p.at(last+2) == "(" && p.at(last+4) == ")" && len(p.at(last+3)) >= 3 {
		last += 4 // a comment such as "(CET)"
	}
	return last, true
}

// wall returns the local time with what is missing filled in, or what is wrong
// with it.
func (p *dateParser) wall() (w wall, nanos int64, why string) {
	or := func(v, missing int) int {
		if v < 0 {
			return missing
		}
		return v
	}
	year, month, d := or(p.year, p.now.Year()), or(p.month, int(p.now.Month())), or(p.day, p.now.Day())
	hour, minute, second := or(p.hour, 0), or(p.minute, 0), or(p.second, 0)
	if year < 1 || year > 9999 {
		return 0, 0, fmt.Sprintf("year %d is out of range", year)
	}
	if month < 1 || month > 12 {
		return 0, 0, "month must be in 1..12"
	}
	length := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if p.day < 0 {
		d = min(d, length) // today's day may not exist in the month given
	}
	switch {
	case d < 1 || d > length:
		return 0, 0, "day is out of range for month"
	case hour > 23:
		return 0, 0, "hour must be in 0..23"
	case minute > 59:
		return 0, 0, "minute must be in 0..59"
	case second > 59:
		return 0, 0, "second must be in 0..59"
	case p.hasOffset && (p.offset >= secondsPerDay || p.offset <= -secondsPerDay):
		return 0, 0, "offset must be less than a day"
	}
	t := time.Date(year, time.Month(month), d, hour, minute, second, 0, time.UTC)
	if p.weekday >= 0 && p.day < 0 {
		t = t.AddDate(0, 0, (p.weekday-(int(t.Weekday())+6)%7+7)%7)
	}
	return t.Unix(), int64(p.nano), ""
}

// atoi reads a few digits; what is too large for an int is as wrong as the
// largest int.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1<<31 - 1
	}
	return n
}
