package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a text. Line and Column count from 1 in code points; 0
// means unknown.
type Pos struct {
	File   string
	Line   int
	Column int
}

// String gives "file:line:column" as far as known.
func (p Pos) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if b.Len() > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	return b.String()
}

// PosAt gives the line and column of a byte offset in text.
func PosAt(text string, offset int) Pos {
	offset = max(0, min(offset, len(text)))
	before := text[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return Pos{Line: line, Column: column}
}

// Error classes that clients of StackStorm see.
const (
	ClassYAQL  = "YaqlEvaluationException"
	ClassJinja = "JinjaEvaluationException"
)

// Error is a failed evaluation or a text that does not parse. Its text is
// exactly the message StackStorm would give; the place is kept beside it so
// that a client can mark it.
type Error struct {
	Language   string // "yaql" or "jinja"
	Class      string // the class clients see: YaqlEvaluationException, UndefinedError, ...
	Cause      string // inner class for wrapped errors: KeyError, NoFunctionRegisteredException, ...
	Message    string // StackStorm's wording
	Source     string // the whole text under evaluation
	Expression string // the expression in it that failed, with delimiters; may be empty
	Offset     int    // byte offset in Source, -1 when unknown
	Pos        Pos
	Err        error // the inner error, often a *value.Error
}

// Error gives StackStorm's message alone: it is what goes into results and
// over the wire.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the inner error.
func (e *Error) Unwrap() error { return e.Err }

// ErrorClass is the class clients see; the conformance runner and the API
// read it.
func (e *Error) ErrorClass() string { return e.Class }

// Place is where the error is: Pos, or what Offset says when Pos is unknown.
func (e *Error) Place() Pos {
	if e.Pos.Line > 0 || e.Source == "" || e.Offset < 0 || e.Offset > len(e.Source) {
		return e.Pos
	}
	p := PosAt(e.Source, e.Offset)
	p.File = e.Pos.File
	return p
}

// Mark shows the line of Source the error is in and, below it, a caret under
// the place. It gives "" when the place is unknown.
func (e *Error) Mark() string {
	if e.Source == "" || e.Offset < 0 || e.Offset > len(e.Source) {
		return ""
	}
	start := strings.LastIndexByte(e.Source[:e.Offset], '\n') + 1
	end := len(e.Source)
	if i := strings.IndexByte(e.Source[e.Offset:], '\n'); i >= 0 {
		end = e.Offset + i
	}
	var pad strings.Builder
	for _, r := range e.Source[start:e.Offset] {
		// A tab stays a tab so that the caret stands right at any tab width.
		if r == '\t' {
			pad.WriteByte('\t')
		} else {
			pad.WriteByte(' ')
		}
	}
	return e.Source[start:end] + "\n" + pad.String() + "^"
}
