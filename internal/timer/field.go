package timer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fieldID numbers the fields of a cron timer in APScheduler's order, from the
// most to the least significant.
type fieldID int

const (
	fieldYear fieldID = iota
	fieldMonth
	fieldDay
	fieldWeek
	fieldDayOfWeek
	fieldHour
	fieldMinute
	fieldSecond
	fieldCount
)

type fieldRange struct {
	name     string
	min, max int64
	// without is the expression of a field that is left out below the least
	// significant one given; all others left out are "*".
	without string
}

var fields = [fieldCount]fieldRange{
	{"year", 1970, 9999, "*"},
	{"month", 1, 12, "1"},
	{"day", 1, 31, "1"},
	{"week", 1, 53, "*"},
	{"day_of_week", 0, 6, "*"},
	{"hour", 0, 23, "0"},
	{"minute", 0, 59, "0"},
	{"second", 0, 59, "0"},
}

var (
	monthNames   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	ordinals     = []string{"1st", "2nd", "3rd", "4th", "5th", "last"}
)

// span is one member of a field's list: every step-th value from first to
// last, the last day of the month, or the nth weekday of the month.
type span struct {
	first, last, step int64
	lastDay           bool
	nth               int // 1 to 5, 6 for the last; 0: no weekday
	weekday           int // Monday is 0
}

// expression is a field's list.
type expression []span

// matches reports whether a value is among those of the numeric members.
func (e expression) matches(v int64) bool {
	return slices.ContainsFunc(e, func(s span) bool {
		return !s.lastDay && s.nth == 0 && v >= s.first && v <= s.last && (v-s.first)%s.step == 0
	})
}

// matchesDay reports whether a day of a month with days days, which falls on
// weekday, is among the field's.
func (e expression) matchesDay(day, days, weekday int) bool {
	if e.matches(int64(day)) {
		return true
	}
	return slices.ContainsFunc(e, func(s span) bool {
		switch {
		case s.lastDay:
			return day == days
		case s.nth == len(ordinals):
			return weekday == s.weekday && day+7 > days
		default:
			return s.nth > 0 && weekday == s.weekday && (day-1)/7+1 == s.nth
		}
	})
}

// next returns the least value from v on; false when there is none.
func (e expression) next(v int64) (int64, bool) {
	least, found := int64(math.MaxInt64), false
	for _, s := range e {
		n := max(v, s.first)
		n += (s.step - (n-s.first)%s.step) % s.step
		if n <= s.last && n < least {
			least, found = n, true
		}
	}
	return least, found
}

// bits returns the values as a set; they are below 64 in all fields but the year.
func (e expression) bits() (set uint64) {
	for _, s := range e {
		if s.lastDay || s.nth > 0 {
			continue
		}
		for v := s.first; v <= s.last; v += s.step {
			set |= 1 << v
		}
	}
	return set
}

// parseField reads APScheduler's expression of a field: members separated by
// commas. Member by member the first form that fits counts, and forms made of
// names need only fit the beginning: what follows is ignored (st2; "mon-fri/2"
// is "mon-fri").
func parseField(id fieldID, text string) (expression, error) {
	var out expression
	list := strings.Split(strings.TrimFunc(text, unicode.IsSpace), ",")
	for i, member := range list {
		if i > 0 {
			member = strings.TrimLeft(member, " ")
		}
		if i < len(list)-1 {
			member = strings.TrimRight(member, " ")
		}
		s, err := parseMember(id, member)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func parseMember(id fieldID, text string) (span, error) {
	if n, ok := parseNumeric(text); ok {
		return n.span(id, text)
	}
	switch id {
	case fieldMonth:
		if first, last, ok := cutNames(text); ok {
			return namedSpan(first, last, monthNames, 1, "month")
		}
	case fieldDayOfWeek:
		if first, last, ok := cutNames(text); ok {
			return namedSpan(first, last, weekdayNames, 0, "weekday")
		}
	case fieldDay:
		if nth, name, ok := cutOrdinal(text); ok {
			day := slices.Index(weekdayNames, strings.ToLower(name))
			if day < 0 {
				return span{}, valueError("Invalid weekday name \"%s\"", name)
			}
			return span{step: 1, nth: nth, weekday: day}, nil
		}
		if len(text) >= 4 && strings.EqualFold(text[:4], "last") {
			return span{step: 1, lastDay: true}, nil
		}
	default: // numbers only
	}
	return span{}, valueError("Unrecognized expression \"%s\" for field \"%s\"", text, fields[id].name)
}

// numeric is a member made of numbers, before it is checked.
type numeric struct {
	all               bool // "*"
	first, last, step *decimal
}

// parseNumeric reads * */n a a-b a/n a-b/n.
func parseNumeric(text string) (n numeric, ok bool) {
	rest := text
	if strings.HasPrefix(rest, "*") {
		n.all, rest = true, rest[1:]
	} else if n.first, rest = cutDecimal(rest); n.first == nil {
		return n, false
	} else if after, found := strings.CutPrefix(rest, "-"); found {
		if n.last, rest = cutDecimal(after); n.last == nil {
			return n, false
		}
	}
	if after, found := strings.CutPrefix(rest, "/"); found {
		if n.step, rest = cutDecimal(after); n.step == nil {
			return n, false
		}
	}
	return n, rest == ""
}

// span checks the member against the field's range. Order and wording of the
// checks are APScheduler's, with its oddity that a last value of 0 counts as
// the field's maximum when the step is compared with the length.
func (n numeric) span(id fieldID, text string) (span, error) {
	f := fields[id]
	if n.step != nil && n.step.value == 0 {
		return span{}, valueError("Increment must be higher than 0")
	}
	if !n.all && n.last == nil && n.step == nil {
		n.last = n.first
	}
	if n.first != nil && n.last != nil && n.first.value > n.last.value {
		return span{}, valueError("The minimum value in a range must not be higher than the maximum")
	}
	bad := func(format string, args ...any) (span, error) {
		return span{}, valueError("Error validating expression %s: %s", pyString(text), fmt.Sprintf(format, args...))
	}
	tooLong := func(length int64) bool { return n.step != nil && n.step.value > length }
	const stepMessage = "the step value (%s) is higher than the total range of the expression (%d)"
	if length := f.max - f.min; tooLong(length) {
		return bad(stepMessage, n.step.text, length)
	}
	s := span{first: f.min, last: f.max, step: 1}
	if n.step != nil {
		s.step = n.step.value
	}
	if n.all {
		return s, nil
	}
	if n.first.value < f.min {
		return bad("the first value (%s) is lower than the minimum value (%d)", n.first.text, f.min)
	}
	if n.last != nil && n.last.value > f.max {
		return bad("the last value (%s) is higher than the maximum value (%d)", n.last.text, f.max)
	}
	s.first = n.first.value
	length := f.max - s.first
	if n.last != nil {
		s.last = n.last.value
		if s.last != 0 {
			length = s.last - s.first
		}
	}
	if tooLong(length) {
		return bad(stepMessage, n.step.text, length)
	}
	return s, nil
}

// decimal is a number of any length: the value ends at math.MaxInt64, the text
// is exact.
type decimal struct {
	value int64
	text  string
}

// cutDecimal cuts the digits off the front of a text, those of any script
// (Python's \d); nil when there are none.
func cutDecimal(text string) (*decimal, string) {
	var d decimal
	var digits strings.Builder
	rest := ""
	for i, r := range text {
		v, ok := digit(r)
		if !ok {
			rest = text[i:]
			break
		}
		if digits.Len() > 0 || v > 0 {
			digits.WriteByte('0' + byte(v))
		}
		if d.value > (math.MaxInt64-v)/10 {
			d.value = math.MaxInt64
		} else {
			d.value = d.value*10 + v
		}
	}
	if len(rest) == len(text) {
		return nil, text
	}
	if d.text = digits.String(); d.text == "" {
		d.text = "0"
	}
	return &d, rest
}

// digit returns the value of a decimal digit. Every range of Unicode's table
// starts with a zero and holds whole sets of ten.
func digit(r rune) (int64, bool) {
	if r < utf8.RuneSelf {
		return int64(r - '0'), r >= '0' && r <= '9'
	}
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int64(r-rune(t.Lo)) % 10, true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int64(r-rune(t.Lo)) % 10, true
		}
	}
	return 0, false
}

// cutNames reads "name" or "name-name" at the front of a text.
func cutNames(text string) (first, last string, ok bool) {
	letters := func(s string) string {
		return s[:len(s)-len(strings.TrimLeftFunc(s, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }))]
	}
	if first = letters(text); first == "" {
		return "", "", false
	}
	if after, found := strings.CutPrefix(text[len(first):], "-"); found {
		last = letters(after)
	}
	return first, last, true
}

func namedSpan(first, last string, names []string, base int64, what string) (span, error) {
	s := span{step: 1}
	index := func(name string, to *int64) error {
		i := slices.Index(names, strings.ToLower(name))
		if i < 0 {
			return valueError("Invalid %s name \"%s\"", what, name)
		}
		*to = int64(i) + base
		return nil
	}
	if err := index(first, &s.first); err != nil {
		return span{}, err
	}
	s.last = s.first
	if last != "" {
		if err := index(last, &s.last); err != nil {
			return span{}, err
		}
	}
	if s.first > s.last {
		return span{}, valueError("The minimum value in a range must not be higher than the maximum")
	}
	return s, nil
}

// cutOrdinal reads "2nd fri" or "last fri" at the front of a text.
func cutOrdinal(text string) (nth int, name string, ok bool) {
	for i, word := range ordinals {
		if len(text) <= len(word) || !strings.EqualFold(text[:len(word)], word) {
			continue
		}
		after := strings.TrimLeft(text[len(word):], " ")
		if len(after) == len(text)-len(word) {
			continue
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		if end < 0 {
			end = len(after)
		}
		if end > 0 {
			return i + 1, after[:end], true
		}
	}
	return 0, "", false
}
