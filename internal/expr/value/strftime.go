package value

import (
	"fmt"
	"strings"
	"time"
)

// Strftime formats d as Python on Linux (glibc, C locale) does.
func (d DateTime) Strftime(b *Budget, layout string) (string, error) {
	if err := b.Alloc(int64(len(layout)) * 4); err != nil {
		return "", err
	}
	var out strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 >= len(layout) {
			out.WriteByte(layout[i])
			continue
		}
		i++
		start := i
		flag, width := byte(0), 0
		if strings.IndexByte("-_0^#", layout[i]) >= 0 && i+1 < len(layout) {
			flag = layout[i]
			i++
		}
		for asciiDigit(layout[i]) && i+1 < len(layout) {
			if width = width*10 + int(layout[i]-'0'); width > maxAlloc {
				return "", memoryError()
			}
			i++
		}
		if err := b.Alloc(int64(width)); err != nil {
			return "", err
		}
		text, ok := d.directive(b, layout[i], flag, width)
		if !ok {
			text = layout[start-1 : i+1]
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// directive formats one %c with an optional glibc flag and width (0 for the
// usual one).
func (d DateTime) directive(b *Budget, c, flag byte, wide int) (string, bool) {
	t := d.Time
	num := func(n, width int, pad byte) string {
		width = max(width, wide)
		switch flag {
		case '-':
			return fmt.Sprint(n)
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		}
		s := fmt.Sprint(n)
		return strings.Repeat(string(pad), max(width-len(s), 0)) + s
	}
	text := func(s string) string {
		s = strings.Repeat(" ", max(wide-len(s), 0)) + s
		switch flag {
		case '^':
			return strings.ToUpper(s)
		case '#':
			if s == "AM" || s == "PM" {
				return strings.ToLower(s)
			}
			return strings.ToUpper(s)
		}
		return s
	}
	sub := func(layout string) string {
		s, _ := d.Strftime(b, layout)
		return s
	}
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	weekday := int(t.Weekday())
	switch c {
	case 'a':
		return text(t.Weekday().String()[:3]), true
	case 'A':
		return text(t.Weekday().String()), true
	case 'b', 'h':
		return text(t.Month().String()[:3]), true
	case 'B':
		return text(t.Month().String()), true
	case 'c':
		return sub("%a %b %e %H:%M:%S %Y"), true
	case 'C':
		return num(t.Year()/100, 1, '0'), true
	case 'd':
		return num(t.Day(), 2, '0'), true
	case 'D', 'x':
		return sub("%m/%d/%y"), true
	case 'e':
		return num(t.Day(), 2, ' '), true
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), true
	case 'F':
		return sub("%Y-%m-%d"), true
	case 'g':
		return num(isoYear%100, 2, '0'), true
	case 'G':
		return num(isoYear, 1, '0'), true
	case 'H':
		return num(t.Hour(), 2, '0'), true
	case 'I':
		return num(hour12, 2, '0'), true
	case 'j':
		return num(t.YearDay(), 3, '0'), true
	case 'k':
		return num(t.Hour(), 2, ' '), true
	case 'l':
		return num(hour12, 2, ' '), true
	case 'm':
		return num(int(t.Month()), 2, '0'), true
	case 'M':
		return num(t.Minute(), 2, '0'), true
	case 'n':
		return "\n", true
	case 'p':
		return text(amPM(t)), true
	case 'P':
		return strings.ToLower(amPM(t)), true
	case 'r':
		return sub("%I:%M:%S %p"), true
	case 'R':
		return sub("%H:%M"), true
	case 's':
		// The C library reads the wall clock as local time, which is UTC here.
		_, off := t.Zone()
		return fmt.Sprint(t.Unix() + int64(off)), true
	case 'S':
		return num(t.Second(), 2, '0'), true
	case 't':
		return "\t", true
	case 'T', 'X':
		return sub("%H:%M:%S"), true
	case 'u':
		return fmt.Sprint((weekday+6)%7 + 1), true
	case 'U':
		return num((t.YearDay()+6-weekday)/7, 2, '0'), true
	case 'V':
		return num(isoWeek, 2, '0'), true
	case 'w':
		return fmt.Sprint(weekday), true
	case 'W':
		return num((t.YearDay()+6-(weekday+6)%7)/7, 2, '0'), true
	case 'y':
		return num(t.Year()%100, 2, '0'), true
	case 'Y':
		return num(t.Year(), 1, '0'), true
	case 'z':
		if d.Naive {
			return "", true
		}
		return offsetText(d.Offset(), ""), true
	case 'Z':
		if d.Naive {
			return "", true
		}
		return text(offsetName(d.Offset())), true
	case '%':
		return "%", true
	}
	return "", false
}

func amPM(t time.Time) string {
	if t.Hour() < 12 {
		return "AM"
	}
	return "PM"
}
