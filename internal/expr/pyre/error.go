package pyre

import (
	"fmt"
	"strings"

	"squall/internal/expr/value"
)

// ErrorClass is the class name of Python's re.error.
const ErrorClass = "error"

// patternError makes re.error's text: the message, the position as a code
// point index, and line and column when the pattern has several lines.
func patternError(pattern []rune, pos int, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	pos = max(0, min(pos, len(pattern)))
	text := fmt.Sprintf("%s at position %d", msg, pos)
	whole := string(pattern)
	if strings.ContainsRune(whole, '\n') {
		line, column := 1, pos+1
		for i, r := range pattern[:pos] {
			if r == '\n' {
				line++
				column = pos - i
			}
		}
		text += fmt.Sprintf(" (line %d, column %d)", line, column)
	}
	return &value.Error{Class: ErrorClass, Msg: text}
}
