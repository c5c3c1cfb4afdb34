package yaql

import (
	"unicode/utf8"

	"squall/internal/expr/value"
)

// Classes of the original's exceptions.
const (
	classGrammar      = "YaqlGrammarException"
	classLexical      = "YaqlLexicalException"
	classNoFunction   = "NoFunctionRegisteredException"
	classNoMethod     = "NoMethodRegisteredException"
	classNoMatchFunc  = "NoMatchingFunctionException"
	classNoMatchMeth  = "NoMatchingMethodException"
	classAmbigFunc    = "AmbiguousFunctionException"
	classAmbigMeth    = "AmbiguousMethodException"
	classArgument     = "ArgumentException"
	classBadKey       = "MappingTranslationException"
	classTooLarge     = "CollectionTooLargeException"
	classMemory       = "MemoryQuotaExceededException"
	classStop         = "StopIteration"
	classAssertion    = "AssertionError"
	classRuntimeError = "RuntimeError"
)

// SyntaxError is a text that does not parse. It unwraps to a *value.Error with
// the original's class and message.
type SyntaxError struct {
	Offset int // byte offset in the expression; its length at the end of input
	Err    *value.Error
}

// Error implements error.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap gives the exception.
func (e *SyntaxError) Unwrap() error { return e.Err }

func lexicalError(src, char string, off int) error {
	return &SyntaxError{off, value.Errorf(classLexical, "Lexical error: illegal character '%s' at position %d", char, runeIndex(src, off))}
}

func grammarError(src string, t token) error {
	if t.kind == tokEOF {
		return &SyntaxError{len(src), value.Errorf(classGrammar, "Parse error: unexpected end of statement")}
	}
	return &SyntaxError{t.off, value.Errorf(classGrammar, "Parse error: unexpected '%s' at position %d of expression '%s'", t.shown(), runeIndex(src, t.off), src)}
}

// runeIndex converts a byte offset to the position messages give.
func runeIndex(src string, off int) int { return utf8.RuneCountInString(src[:off]) }
