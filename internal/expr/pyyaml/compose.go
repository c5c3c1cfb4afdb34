package pyyaml

import (
	"fmt"
	"strings"

	"squall/internal/expr/value"
)

// Bounds of a document: its size and nesting. PyYAML ends near 300 levels,
// because Python's stack does.
const (
	maxSource = 16 << 20
	maxDepth  = 300
)

// yamlError is an error of PyYAML with its place.
type yamlError struct {
	err     *value.Error
	mark    Mark
	problem string
}

func (e *yamlError) Error() string { return e.err.Error() }

// Unwrap gives the Python error.
func (e *yamlError) Unwrap() error { return e.err }

// failAt makes an error as PyYAML prints it: context and problem, each
// followed by its place. A context mark equal to the problem's is not shown.
func failAt(class, context string, contextMark Mark, problem string, mark Mark) error {
	var b strings.Builder
	if context != "" {
		b.WriteString(context + "\n")
		if contextMark != mark {
			b.WriteString(contextMark.String() + "\n")
		}
	}
	b.WriteString(problem + "\n" + mark.String())
	if context != "" {
		problem = context + ": " + problem
	}
	return &yamlError{err: &value.Error{Class: class, Msg: b.String()}, mark: mark, problem: problem}
}

// compose parses a document to nodes; nil for an empty one.
func compose(b *value.Budget, src string) (*Node, error) {
	if len(src) > maxSource {
		return nil, value.ValueErrorf("YAML text is longer than %d bytes", maxSource)
	}
	// Characters, tokens and nodes take about this much for a byte of dense source.
	if err := b.Alloc(int64(len(src)) * 16); err != nil {
		return nil, err
	}
	if err := checkCharacters(src); err != nil {
		return nil, err
	}
	p := &parser{scanner: newScanner(src), b: b, tags: map[string]string{}, anchors: map[string]*Node{}}
	return p.document()
}

// checkCharacters refuses what PyYAML's reader refuses.
func checkCharacters(src string) error {
	pos := 0
	for _, r := range src {
		ok := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0x7f || r == 0x85 || r >= 0xa0 && r < 0xd800 ||
			r >= 0xe000 && r <= 0xfffd || r >= 0x10000
		if !ok {
			return &value.Error{Class: "ReaderError", Msg: fmt.Sprintf(
				"unacceptable character #x%04x: control characters are not allowed\n  in \"<unicode string>\", position %d", r, pos)}
		}
		pos++
	}
	return nil
}
