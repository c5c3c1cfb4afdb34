package yaql

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"squall/internal/expr/value"
)

var (
	weekdayNames = [...]string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	monthNames   = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
)

// directives are the fields of strptime as patterns. The C locale's %c, %x and
// %X are written out.
var directives = map[byte]string{
	'd': `3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]`, 'f': `[0-9]{1,6}`, 'H': `2[0-3]|[0-1]\d|\d`, 'I': `1[0-2]|0[1-9]|[1-9]`,
	'j': `36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]`, 'm': `1[0-2]|0[1-9]|[1-9]`,
	'M': `[0-5]\d|\d`, 'S': `6[0-1]|[0-5]\d|\d`, 'U': `5[0-3]|[0-4]\d|\d`, 'W': `5[0-3]|[0-4]\d|\d`, 'w': `[0-6]`,
	'y': `\d\d`, 'Y': `\d\d\d\d`, 'z': `[+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|[Zz]`, 'Z': `utc|gmt`, 'p': `am|pm`,
	'A': strings.Join(weekdayNames[:], "|"), 'a': shortNames(weekdayNames[:]),
	'B': strings.Join(monthNames[:], "|"), 'b': shortNames(monthNames[:]),
}

var composites = map[byte]string{'c': "%a %b %d %H:%M:%S %Y", 'x': "%m/%d/%y", 'X': "%H:%M:%S"}

func shortNames(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n[:3]
	}
	return strings.Join(out, "|")
}

// strptimePattern translates a format; fields lists its directives in order.
func strptimePattern(format string) (re *regexp.Regexp, fields []byte, err error) {
	var b strings.Builder
	b.WriteString(`(?i)^`)
	seen := make(map[byte]bool)
	var add func(format string) error
	add = func(format string) error {
		for i := 0; i < len(format); i++ {
			c := format[i]
			switch {
			case c != '%':
				j := i
				for j < len(format) && format[j] != '%' {
					j++
				}
				writeLiteral(&b, format[i:j])
				i = j - 1
				continue
			case i+1 == len(format):
				return value.ValueErrorf("stray %% in format '%s'", format)
			}
			i++
			c = format[i]
			if c == '%' {
				b.WriteByte('%')
				continue
			}
			if sub, ok := composites[c]; ok {
				if err := add(sub); err != nil {
					return err
				}
				continue
			}
			p, ok := directives[c]
			if !ok {
				return value.ValueErrorf("'%s' is a bad directive in format '%s'", string(c), format)
			}
			if seen[c] {
				return value.Errorf("error", "redefinition of group name '%s' as group %d; was group %d", string(c), len(fields)+1, strings.IndexByte(string(fields), c)+1)
			}
			seen[c] = true
			fields = append(fields, c)
			b.WriteString("(" + p + ")")
		}
		return nil
	}
	if err := add(format); err != nil {
		return nil, nil, err
	}
	re, err = regexp.Compile(b.String())
	if err != nil {
		return nil, nil, value.ValueErrorf("bad format %s", value.StrRepr(format))
	}
	return re, fields, nil
}

// writeLiteral adds text in which any run of white space matches any other.
func writeLiteral(b *strings.Builder, text string) {
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			if !space {
				b.WriteString(`\s+`)
			}
			space = true
			continue
		}
		space = false
		b.WriteString(regexp.QuoteMeta(string(r)))
	}
}

// strptime is datetime.strptime in the C locale.
func strptime(text, format string) (any, error) {
	re, fields, err := strptimePattern(format)
	if err != nil {
		return nil, err
	}
	m := re.FindStringSubmatchIndex(text)
	if m == nil {
		return nil, value.ValueErrorf("time data %s does not match format %s", value.StrRepr(text), value.StrRepr(format))
	}
	if m[1] != len(text) {
		return nil, value.ValueErrorf("unconverted data remains: %s", text[m[1]:])
	}
	p := parsedTime{year: 1900, month: 1, day: 1, weekday: -1, week: -1}
	for i, f := range fields {
		p.take(f, strings.ToLower(text[m[2+2*i]:m[3+2*i]]))
	}
	return p.build()
}

// parsedTime collects the fields of a date that was read.
type parsedTime struct {
	year, month, day, yearDay    int64
	hour, minute, second, micro  int64
	weekday, week, weekStart     int64
	pm, am, hour12               bool
	zone                         *time.Location
	hasMonth, hasDay, hasYearDay bool
}

func (p *parsedTime) take(directive byte, s string) {
	n, _ := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	switch directive {
	case 'Y':
		p.year = n
	case 'y':
		p.year = 1900 + n
		if n < 69 {
			p.year += 100
		}
	case 'm':
		p.month, p.hasMonth = n, true
	case 'd':
		p.day, p.hasDay = n, true
	case 'j':
		p.yearDay, p.hasYearDay = n, true
	case 'H':
		p.hour = n
	case 'I':
		p.hour, p.hour12 = n, true
	case 'M':
		p.minute = n
	case 'S':
		p.second = n
	case 'f':
		p.micro, _ = strconv.ParseInt((s + "000000")[:6], 10, 64)
	case 'p':
		p.am, p.pm = s == "am", s == "pm"
	case 'A', 'a':
		p.weekday = nameIndex(weekdayNames[:], s)
	case 'B', 'b':
		p.month, p.hasMonth = 1+nameIndex(monthNames[:], s), true
	case 'w':
		p.weekday = (n + 6) % 7
	case 'U':
		p.week, p.weekStart = n, 6
	case 'W':
		p.week, p.weekStart = n, 0
	case 'z':
		p.zone = parseOffset(s)
	}
}

func nameIndex(names []string, s string) int64 {
	for i, n := range names {
		if n[:3] == s[:3] {
			return int64(i)
		}
	}
	return 0
}

// parseOffset reads "+hh:mm" with or without colon, seconds ignored.
func parseOffset(s string) *time.Location {
	if s == "z" {
		return time.UTC
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	h, _ := strconv.Atoi(digits[:2])
	m, _ := strconv.Atoi(digits[2:4])
	sec := 0
	if len(digits) >= 6 {
		sec, _ = strconv.Atoi(digits[4:6])
	}
	off := h*3600 + m*60 + sec
	if s[0] == '-' {
		off = -off
	}
	return value.FixedZone(value.TimeSpan(off) * value.Second)
}

func (p *parsedTime) build() (any, error) {
	if p.hour12 {
		switch {
		case p.pm && p.hour != 12:
			p.hour += 12
		case !p.pm && p.hour == 12:
			p.hour = 0
		}
	}
	if p.week >= 0 && p.weekday >= 0 && !p.hasYearDay && !p.hasMonth {
		p.yearDay, p.hasYearDay = p.fromWeek(), true
	}
	if p.hasYearDay && !(p.hasMonth && p.hasDay) {
		t := time.Date(int(p.year), 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(p.yearDay)-1)
		p.year, p.month, p.day = int64(t.Year()), int64(t.Month()), int64(t.Day())
	}
	return value.MakeDateTime(p.year, p.month, p.day, p.hour, p.minute, p.second, p.micro, p.zone)
}

// fromWeek gives the day of the year of a week number and weekday.
func (p *parsedTime) fromWeek() int64 {
	first := int64(time.Date(int(p.year), 1, 1, 0, 0, 0, 0, time.UTC).Weekday()+6) % 7
	day := p.weekday
	if p.weekStart == 6 {
		first, day = (first+1)%7, (day+1)%7
	}
	week0 := (7 - first) % 7
	if p.week == 0 {
		return 1 + day - first
	}
	return 1 + week0 + 7*(p.week-1) + day
}
