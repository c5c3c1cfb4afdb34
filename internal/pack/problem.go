package pack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/pyyaml"
)

// Problem is something wrong with a file of a pack.
type Problem struct {
	File         string // relative to the pack's directory
	Line, Column int    // from 1; 0: the file as a whole
	What         string // what is wrong
	Do           string // what to do about it
	Warning      bool   // it loads all the same
}

// String is the problem on one line, in the form editors and terminals
// recognise as a place.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.What)
	if p.Do != "" {
		b.WriteString("; " + p.Do)
	}
	return b.String()
}

// file collects the problems of one file.
type file struct {
	name     string
	problems []Problem
	broken   bool // at least one is no warning
}

// fault adds a problem at a node, or of the whole file when it is nil.
func (f *file) fault(n *pyyaml.Node, what, do string) {
	f.broken = true
	f.add(n, what, do, false)
}

// doubt adds a warning.
func (f *file) doubt(n *pyyaml.Node, what, do string) { f.add(n, what, do, true) }

func (f *file) add(n *pyyaml.Node, what, do string, warning bool) {
	p := Problem{File: f.name, What: what, Do: do, Warning: warning}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	f.problems = append(f.problems, p)
}

// wrong reports whether a fault was found at exactly this node.
func (f *file) wrong(n *pyyaml.Node) bool {
	return n != nil && slices.ContainsFunc(f.problems, func(p Problem) bool {
		return !p.Warning && p.Line == n.Line && p.Column == n.Column
	})
}

// sorted returns the file's problems by place.
func (f *file) sorted() []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.problems
}
