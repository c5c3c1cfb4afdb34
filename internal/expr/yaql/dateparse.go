package yaql

import (
	"time"

	"squall/internal/expr/value"
)

func parseDate(text string, today time.Time) (any, error) {
	return nil, value.Errorf("ParserError", "Unknown string format: %s", text)
}
