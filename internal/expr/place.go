package expr

import "errors"

// InFile tells an error where its text stands in a file: base is the place of
// the text's first character. Line and column of the error become those of
// the file. Errors that are no *Error come back as they are; others as a copy.
//
// In a block text (| or >) of YAML lines match but columns are those of the
// text, shifted by its indentation: give base the column of the indentation.
func InFile(err error, base Pos) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Pos = e.Place().in(base)
	return &c
}

// in moves a place inside of a text to where the text stands.
func (p Pos) in(base Pos) Pos {
	out := Pos{File: base.File, Line: base.Line, Column: base.Column}
	if p.Line == 0 || base.Line == 0 {
		return out
	}
	out.Line = base.Line + p.Line - 1
	switch {
	case p.Column == 0:
		out.Column = 0
	case base.Column > 0:
		out.Column = base.Column + p.Column - 1
	default:
		out.Column = p.Column
	}
	return out
}

// ProblemsInFile does for problems what InFile does for an error.
func ProblemsInFile(problems []Problem, base Pos) []Problem {
	out := make([]Problem, len(problems))
	for i, p := range problems {
		p.Pos = p.Pos.in(base)
		out[i] = p
	}
	return out
}
