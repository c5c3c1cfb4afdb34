package yaql

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"squall/internal/expr/value"
)

// parseDate reads a date the lenient way of the dateutil package: any order of
// date and time, month names, am and pm, offsets. What the text leaves out is
// taken from today at midnight. A text without zone gives a naive value.
func parseDate(text string, today time.Time) (any, error) {
	p := &dateParser{tokens: dateTokens(text), thisYear: today.Year(), hour: -1, minute: -1, second: -1, micro: -1, weekday: -1, ampm: -1}
	if !p.run() || len(p.ymd) > 3 {
		return nil, value.Errorf("ParserError", "Unknown string format: %s", text)
	}
	year, month, day := p.resolve(today.Year())
	if len(p.ymd) == 0 && p.hour < 0 && p.minute < 0 && p.second < 0 && p.weekday < 0 && !p.hasZone {
		return nil, value.Errorf("ParserError", "String does not contain a date: %s", text)
	}
	if len(p.ymd) == 1 && p.ymd[0].n == 0 {
		return nil, value.Errorf("ParserError", "day is out of range for month: %s", text)
	}
	d, err := p.build(year, month, day, today)
	if value.IsClass(err, "OverflowError") {
		return nil, err
	}
	if err != nil {
		return nil, value.Errorf("ParserError", "%s: %s", value.MessageOf(err), text)
	}
	if _, err := zoneOf(value.TimeSpan(p.offset) * value.Second); err != nil {
		return nil, err
	}
	return d, nil
}

type dateParser struct {
	tokens []string
	i      int
	ymd    []ymdPart

	thisYear                    int
	century                     bool // a year with its century was given
	hour, minute, second, micro int64
	weekday, ampm               int
	zoneName                    string
	hasZone                     bool
	offset                      int // seconds east
}

type ymdPart struct {
	n    int64
	kind byte // 'Y', 'M' or 0
}

// dateTokens splits text into numbers, words and single other characters.
// Dots and commas belong to a number only as one decimal sign.
func dateTokens(text string) []string {
	var out []string
	rs := []rune(text)
	for i := 0; i < len(rs); {
		j := i
		switch r := rs[i]; {
		case unicode.IsSpace(r):
			out = append(out, " ")
			i++
			continue
		case isDecimal(r):
			dots := 0
			for j < len(rs) && (isDecimal(rs[j]) || (rs[j] == '.' || rs[j] == ',') && j+1 < len(rs) && isDecimal(rs[j+1])) {
				if !isDecimal(rs[j]) {
					dots++
				}
				j++
			}
			tok := string(rs[i:j])
			if dots == 1 {
				tok = strings.ReplaceAll(tok, ",", ".")
			}
			if dots > 1 {
				for k := i; k < j; {
					l := k
					for l < j && isDecimal(rs[l]) {
						l++
					}
					if l == k {
						l++
					}
					out = append(out, string(rs[k:l]))
					k = l
				}
			} else {
				out = append(out, tok)
			}
			i = j
			continue
		case unicode.IsLetter(r):
			for j < len(rs) && unicode.IsLetter(rs[j]) {
				j++
			}
		default:
			j++
		}
		out = append(out, string(rs[i:j]))
		i = j
	}
	return out
}

func isDecimal(r rune) bool { return r >= '0' && r <= '9' }

func (p *dateParser) at(i int) string {
	if i < 0 || i >= len(p.tokens) {
		return ""
	}
	return p.tokens[i]
}

var jumps = map[string]bool{
	" ": true, ".": true, ",": true, ";": true, "-": true, "/": true, "'": true, "at": true, "on": true, "and": true,
	"ad": true, "m": true, "t": true, "of": true, "st": true, "nd": true, "rd": true, "th": true,
}

func isJump(s string) bool { return jumps[strings.ToLower(s)] }

func lookupName(names []string, s string) int {
	s = strings.ToLower(s)
	for i, n := range names {
		if s == n || s == n[:3] || n == "september" && s == "sept" {
			return i
		}
	}
	return -1
}

func ampmOf(s string) int {
	switch strings.ToLower(s) {
	case "am", "a":
		return 0
	case "pm", "p":
		return 1
	}
	return -1
}

// unitOf reads the words for hours, minutes and seconds.
func unitOf(s string) int {
	switch strings.ToLower(s) {
	case "h", "hour", "hours":
		return 0
	case "m", "minute", "minutes":
		return 1
	case "s", "second", "seconds":
		return 2
	}
	return -1
}

func (p *dateParser) run() bool {
	for ; p.i < len(p.tokens); p.i++ {
		t := p.tokens[p.i]
		if isDecimal(rune(t[0])) {
			if !p.number(t) {
				return false
			}
			continue
		}
		if !p.word(t) {
			return false
		}
	}
	return true
}

func (p *dateParser) word(t string) bool {
	if d := lookupName(weekdayNames[:], t); d >= 0 {
		p.weekday = d
		return true
	}
	if m := lookupName(monthNames[:], t); m >= 0 {
		return p.monthWord(m + 1)
	}
	if a := ampmOf(t); a >= 0 {
		if p.hour < 0 || p.hour > 12 {
			return false
		}
		p.hour, p.ampm = adjustHour(p.hour, a), a
		return true
	}
	if p.hour >= 0 && !p.hasZone && p.zoneName == "" && isZoneName(t) {
		p.zoneName = t
		utc := isUTCName(t)
		p.hasZone = utc
		if next := p.at(p.i + 1); next == "+" || next == "-" {
			// "GMT+3" means three hours east of GMT here, the reverse of POSIX
			// text, where the sign counts what to add to get GMT.
			p.tokens[p.i+1] = map[string]string{"+": "-", "-": "+"}[next]
			p.hasZone = false
			if utc {
				p.zoneName = ""
			}
		}
		return true
	}
	if p.hour >= 0 && (t == "+" || t == "-") {
		return p.zoneOffset(t)
	}
	return isJump(t)
}

// monthWord takes "Jan-01-99", "Jan of 01" or just the month.
func (p *dateParser) monthWord(month int) bool {
	if !p.add(int64(month), 'M') {
		return false
	}
	next := p.at(p.i + 1)
	switch {
	case next == "-" || next == "/":
		if !p.addText(p.at(p.i + 2)) {
			return false
		}
		if p.at(p.i+3) == next {
			if !p.addText(p.at(p.i + 4)) {
				return false
			}
			p.i += 2
		}
		p.i += 2
	case next == " " && p.at(p.i+3) == " " && strings.ToLower(p.at(p.i+2)) == "of":
		// "Jan of 01": the number is a year
		if n, err := strconv.ParseInt(p.at(p.i+4), 10, 64); err == nil {
			if n < 100 {
				n = fullYear(n, p.thisYear)
			}
			p.century = true
			p.i += 4
			return p.add(n, 'Y')
		}
	}
	return true
}

// addText adds a part of a date written as digits.
func (p *dateParser) addText(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return false
	}
	if len(s) > 2 {
		p.century = true
		return p.add(n, 'Y')
	}
	return p.add(n, 0)
}

// add adds a part of the date; there is one year and one month.
func (p *dateParser) add(n int64, kind byte) bool {
	for _, part := range p.ymd {
		if kind != 0 && part.kind == kind {
			return false
		}
	}
	p.ymd = append(p.ymd, ymdPart{n, kind})
	return true
}

func adjustHour(h int64, ampm int) int64 {
	switch {
	case h < 12 && ampm == 1:
		return h + 12
	case h == 12 && ampm == 0:
		return 0
	}
	return h
}

func isUTCName(s string) bool { return s == "UTC" || s == "GMT" || s == "Z" || s == "z" }

func isZoneName(s string) bool {
	if len(s) > 5 {
		return false
	}
	if isUTCName(s) {
		return true
	}
	for _, r := range s {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return s != ""
}

func (p *dateParser) zoneOffset(sign string) bool {
	digits := p.at(p.i + 1)
	h, err := strconv.Atoi(digits)
	if err != nil {
		return false
	}
	var m int
	switch {
	case len(digits) == 4:
		h, m = h/100, h%100
	case p.at(p.i+2) == ":":
		if m, err = strconv.Atoi(p.at(p.i + 3)); err != nil {
			return false
		}
		p.i += 2
	case len(digits) > 2:
		return false
	}
	p.offset = h*3600 + m*60
	if sign == "-" {
		p.offset = -p.offset
	}
	p.hasZone = true
	p.i++
	// A zone name in brackets may follow: "-0300 (BRST)".
	if p.at(p.i+1) == " " && p.at(p.i+2) == "(" && p.at(p.i+4) == ")" && isZoneName(p.at(p.i+3)) {
		p.i += 4
	}
	return true
}

// seconds reads "12.5" as seconds and microseconds.
func (p *dateParser) takeSeconds(s string) bool {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return false
	}
	p.second, p.micro = n, 0
	if frac != "" {
		p.micro, err = strconv.ParseInt((frac + "000000")[:6], 10, 64)
	}
	return err == nil
}

// minutes reads "12.5" as minutes and seconds.
func (p *dateParser) takeMinutes(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return false
	}
	p.minute, p.second = int64(f), -1
	if frac := f - float64(p.minute); frac > 0 {
		p.second = int64(60 * frac)
	}
	return true
}

func (p *dateParser) number(t string) bool {
	digits := len(t) // a decimal point counts
	point := strings.IndexByte(t, '.')
	next := p.at(p.i + 1)
	last := p.i+1 >= len(p.tokens)
	switch {
	case len(p.ymd) == 3 && (digits == 2 || digits == 4) && p.hour < 0 && (last || next != ":" && unitOf(next) < 0):
		if digits == 4 && !readInt(&p.minute, t[2:]) {
			return false
		}
		return readInt(&p.hour, t[:2])
	case digits == 6 || digits > 6 && point == 6:
		if len(p.ymd) == 0 && point < 0 {
			return p.addText(t[:2]) && p.addText(t[2:4]) && p.addText(t[4:])
		}
		return readInt(&p.hour, t[:2]) && readInt(&p.minute, t[2:4]) && p.takeSeconds(t[4:])
	case digits == 8 || digits == 12 || digits == 14:
		if !p.addText(t[:4]) || !p.addText(t[4:6]) || !p.addText(t[6:8]) {
			return false
		}
		if digits > 8 && !(readInt(&p.hour, t[8:10]) && readInt(&p.minute, t[10:12])) {
			return false
		}
		if digits > 12 {
			p.micro = 0
			return readInt(&p.second, t[12:])
		}
		return true
	}
	if done, ok := p.unitNumber(t); done {
		return ok
	}
	switch {
	case next == ":" && p.i+2 < len(p.tokens):
		return p.clock(t)
	case next == "-" || next == "/" || next == ".":
		return p.separated(t, next)
	case last || isJump(next):
		if a := ampmOf(p.at(p.i + 2)); a >= 0 {
			p.hour = adjustHour(truncated(t), a)
			p.i += 2
			return true
		}
		if !last {
			p.i++
		}
		return p.addNumber(t)
	case ampmOf(next) >= 0 && truncated(t) < 24:
		p.hour = adjustHour(truncated(t), ampmOf(next))
		p.i++
		return true
	case truncated(t) >= 1 && truncated(t) <= 31:
		return p.addNumber(t)
	}
	return false
}

// truncated is the whole part of a number.
func truncated(t string) int64 {
	whole, _, _ := strings.Cut(t, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 1 << 62
	}
	return n
}

func readInt(dst *int64, s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		*dst = n
	}
	return err == nil
}

func (p *dateParser) addNumber(t string) bool {
	n := truncated(t)
	if n > 100 {
		p.century = true
		return p.add(n, 'Y')
	}
	return p.add(n, 0)
}

// unitNumber takes "10h", "10 h 36" and the like.
func (p *dateParser) unitNumber(t string) (done, ok bool) {
	unit, skip := unitOf(p.at(p.i+1)), 1
	if unit < 0 && p.at(p.i+1) == " " {
		unit, skip = unitOf(p.at(p.i+2)), 2
	}
	switch {
	case unit >= 0:
		p.i += skip
	case p.i > 0 && p.hour >= 0 && unitOf(p.at(p.i-1)) >= 0 || p.i > 1 && p.at(p.i-1) == " " && p.i == len(p.tokens)-1 && unitOf(p.at(p.i-2)) >= 0:
		// "10h36": the unit after the one before
		if unit = unitOf(p.at(p.i - 1)); unit < 0 {
			unit = unitOf(p.at(p.i - 2))
		}
		unit++
	default:
		return false, false
	}
	switch unit {
	case 0:
		f, err := strconv.ParseFloat(t, 64)
		p.hour = int64(f)
		if frac := f - float64(p.hour); frac > 0 {
			p.minute = int64(60 * frac)
		}
		return true, err == nil
	case 1:
		return true, p.takeMinutes(t)
	case 2:
		return true, p.takeSeconds(t)
	}
	return true, false
}

// clock takes HH:MM[:SS[.ss]].
func (p *dateParser) clock(t string) bool {
	f, err := strconv.ParseFloat(t, 64)
	if err != nil {
		return false
	}
	p.hour = int64(f)
	if !p.takeMinutes(p.at(p.i + 2)) {
		return false
	}
	p.i += 2
	if p.at(p.i+1) == ":" && p.i+2 < len(p.tokens) {
		if !p.takeSeconds(p.at(p.i + 2)) {
			return false
		}
		p.i += 2
	}
	return true
}

// separated takes 01-02[-03] with any of the three separators.
func (p *dateParser) separated(t, sep string) bool {
	if !p.addText(t) {
		return false
	}
	second := p.at(p.i + 2)
	if second == "" || isJump(second) {
		p.i++
		return true
	}
	add := func(s string) bool {
		if m := lookupName(monthNames[:], s); m >= 0 {
			return p.add(int64(m+1), 'M')
		}
		return p.addText(s)
	}
	if !add(second) {
		return false
	}
	if p.at(p.i+3) == sep {
		if !add(p.at(p.i + 4)) {
			return false
		}
		p.i += 2
	}
	p.i += 2
	return true
}
