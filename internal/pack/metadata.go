package pack

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// Bounds of one metadata file: real ones are a few KB, the largest known 60.
const (
	maxFile  = 4 << 20
	maxBytes = 256 << 20 // of memory while it is read
)

// load reads a file as one mapping. nil means that it is none; the file's
// problems say why.
func (f *file) load(fsys fs.FS) *pyyaml.Node {
	src, err := fs.ReadFile(fsys, f.name)
	if err != nil {
		f.fault(nil, "the file cannot be read: "+cause(err), "check that it exists and its permissions")
		return nil
	}
	if len(src) > maxFile {
		f.fault(nil, fmt.Sprintf("the file has %d bytes", len(src)), fmt.Sprintf("metadata may have %d", maxFile))
		return nil
	}
	root, problems := pyyaml.Parse(value.NewBudget(context.Background(), 0, maxBytes, 0), string(src))
	for _, p := range problems {
		at := &pyyaml.Node{Mark: p.Mark}
		switch {
		case p.Warning:
			f.doubt(at, p.Message, "remove the others")
		case tabIndented(string(src), p.Mark.Line):
			f.fault(at, "the line is indented with a tab", "indent with spaces")
		default:
			f.fault(at, p.Message, "correct the YAML")
		}
	}
	switch {
	case f.broken:
		return nil
	case root == nil:
		f.fault(nil, "the file is empty", "write the metadata, or remove the file")
		return nil
	case root.Kind != pyyaml.Mapping:
		f.fault(root, "the file does not hold a mapping but "+kindOf(root), `write "key: value" lines`)
		return nil
	}
	return root
}

// tabIndented reports whether a line, from 1, begins with a tab somewhere in front of
// its first word: nothing is seen of that in an editor, and YAML forbids it.
func tabIndented(src string, line int) bool {
	n := 0
	for text := range strings.Lines(src) {
		if n++; n == line {
			return strings.Contains(text[:len(text)-len(strings.TrimLeft(text, " \t"))], "\t")
		}
	}
	return false
}

// kindOf names what a node is, for people.
func kindOf(n *pyyaml.Node) string {
	switch v := n.Value.(type) {
	case nil:
		return "nothing"
	case bool:
		return fmt.Sprintf("the truth value %s", n.Text)
	case string:
		return fmt.Sprintf("the text %q", v)
	case *value.List:
		return "a list"
	case *value.Dict:
		return "a mapping"
	case value.Date, value.DateTime:
		return fmt.Sprintf("the date %s", n.Text)
	}
	return n.Text
}

// entry is a key of a mapping with its value.
type entry struct {
	name string
	key  *pyyaml.Node
	node *pyyaml.Node
}

// entries returns what a mapping holds after merge keys, in the order of first
// appearance; of duplicates the last one. Keys that are not text are faults.
func (f *file) entries(n *pyyaml.Node) []entry {
	var list []entry
	put := func(e entry, replace bool) {
		i := slices.IndexFunc(list, func(o entry) bool { return o.name == e.name })
		switch {
		case i < 0:
			list = append(list, e)
		case replace:
			list[i] = e
		}
	}
	for _, p := range n.Pairs {
		if isMerge(p.Key) {
			sources := []*pyyaml.Node{p.Value}
			if p.Value.Kind == pyyaml.Sequence {
				sources = p.Value.Items
			}
			for _, source := range sources { // the first of several wins
				if source == n {
					continue // a mapping merged into itself adds nothing
				}
				for _, e := range f.entries(source) {
					put(e, false)
				}
			}
		}
	}
	for _, p := range n.Pairs {
		if isMerge(p.Key) {
			continue
		}
		name, ok := p.Key.Value.(string)
		if !ok {
			f.fault(p.Key, fmt.Sprintf("a key is not text but %s", kindOf(p.Key)), "put it in quotes")
			continue
		}
		put(entry{name, p.Key, p.Value}, true)
	}
	return list
}

func isMerge(key *pyyaml.Node) bool { return strings.HasSuffix(key.Tag, ":merge") }

// text reads a text, empty for null.
func (f *file) text(what string, n *pyyaml.Node) string {
	switch v := n.Value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	do := "put it in quotes"
	if n.Kind != pyyaml.Scalar {
		do = "write one text"
	}
	f.fault(n, fmt.Sprintf("%s must be text, not %s", what, kindOf(n)), do)
	return ""
}

// flag reads true or false.
func (f *file) flag(what string, n *pyyaml.Node) bool {
	v, ok := n.Value.(bool)
	if !ok {
		f.fault(n, fmt.Sprintf("%s must be true or false, not %s", what, kindOf(n)), "write true or false without quotes")
	}
	return v
}

// document reads any value as JSON.
func (f *file) document(what string, n *pyyaml.Node) json.RawMessage {
	if dated(n, map[*pyyaml.Node]bool{}) {
		f.fault(n, what+" holds a date, which JSON does not know", "put it in quotes")
		return nil
	}
	doc, err := value.ToJSON(n.Value)
	if err != nil {
		f.fault(n, fmt.Sprintf("%s has no form in JSON: %s", what, value.MessageOf(err)), "use texts, numbers, lists and mappings")
		return nil
	}
	return doc
}

// dated reports whether there is a date in what n holds.
func dated(n *pyyaml.Node, seen map[*pyyaml.Node]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	switch n.Value.(type) {
	case value.Date, value.DateTime:
		return n.Kind == pyyaml.Scalar
	}
	for _, item := range n.Items {
		if dated(item, seen) {
			return true
		}
	}
	for _, p := range n.Pairs {
		if dated(p.Value, seen) {
			return true
		}
	}
	return false
}
