package yaql

import (
	"time"

	"squall/internal/expr/value"
)

// ParseDate reads a date the lenient way of the dateutil package, for others
// who meet dates as people write them (criteria of rules). Parts that the text
// leaves out come from today. A text without zone gives a naive value; errors are
// of the classes ParserError, OverflowError and ValueError.
func ParseDate(text string, today time.Time) (value.DateTime, error) {
	v, err := parseDate(text, today)
	if err != nil {
		return value.DateTime{}, err
	}
	d, ok := v.(value.DateTime)
	if !ok {
		return value.DateTime{}, value.Errorf("ParserError", "Unknown string format: %s", text)
	}
	return d, nil
}
