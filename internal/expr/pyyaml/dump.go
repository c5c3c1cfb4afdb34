package pyyaml

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

func itoa(n int) string { return strconv.Itoa(n) }

// DumpOptions are the options of safe_dump that StackStorm passes on.
type DumpOptions struct {
	// Indent is the width of a level; what lies outside 2..9 means 2.
	Indent int
	// Width is the column after which lines are folded; 0 means 80.
	Width int
	// AllowUnicode writes printable characters as they are, not as escapes.
	AllowUnicode bool
}

// SafeDump is yaml.dump(v, Dumper=CSafeDumper, default_flow_style=False):
// block style, keys sorted when they can be compared, lines folded at Width.
func SafeDump(b *value.Budget, v any, o DumpOptions) (string, error) {
	if o.Indent < 2 || o.Indent > 9 {
		o.Indent = 2
	}
	if o.Width <= 0 {
		o.Width = bestWidth
	}
	d := &dumper{b: b, names: map[any]string{}, written: map[any]bool{}}
	d.emitter = emitter{indentStep: o.Indent, width: o.Width, unicode: o.AllowUnicode, indent: -1, whitespace: true, indention: true}
	if err := d.scan(v, map[any]bool{}, 0); err != nil {
		return "", err
	}
	if err := d.node(v, place{}, 0); err != nil {
		return "", err
	}
	d.writeIndent()
	return d.out.String(), nil
}

type dumper struct {
	emitter
	b       *value.Budget
	names   map[any]string // anchors of containers met more than once
	written map[any]bool
	charged int
}

// place tells where a node stands.
type place struct {
	mapping   bool // value or key of a mapping
	simpleKey bool
}

// identity is what PyYAML's id() sees; nil for values that never get anchors.
func identity(v any) any {
	switch x := v.(type) {
	case *value.List, *value.Dict, *value.Set:
		return x
	case value.Tuple:
		if len(x) > 0 {
			return &x[0]
		}
	}
	return nil
}

// scan finds containers that occur more than once and names them in the order
// of their second occurrence.
func (d *dumper) scan(v any, seen map[any]bool, depth int) error {
	if depth > maxDepth {
		return value.RecursionErrorf("maximum recursion depth exceeded")
	}
	if err := d.b.Step(1); err != nil {
		return err
	}
	id := identity(v)
	if id == nil {
		return nil
	}
	if seen[id] {
		if d.names[id] == "" {
			d.names[id] = fmt.Sprintf("id%03d", len(d.names)+1)
		}
		return nil
	}
	seen[id] = true
	switch x := v.(type) {
	case *value.List:
		return d.scanAll(x.Items, seen, depth)
	case value.Tuple:
		return d.scanAll(x, seen, depth)
	case *value.Set:
		return d.scanAll(x.Items(), seen, depth)
	case *value.Dict:
		for _, p := range d.pairs(x) {
			if err := d.scanAll(p[:], seen, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *dumper) scanAll(items []any, seen map[any]bool, depth int) error {
	for _, item := range items {
		if err := d.scan(item, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// pairs are the entries of a dict, sorted when all keys can be compared.
func (d *dumper) pairs(x *value.Dict) [][2]any {
	out := make([][2]any, 0, x.Len())
	for k, v := range x.All() {
		out = append(out, [2]any{k, v})
	}
	return sortPairs(d.b, out)
}

func sortPairs(b *value.Budget, pairs [][2]any) [][2]any {
	sorted := slices.Clone(pairs)
	failed := false
	slices.SortStableFunc(sorted, func(p, q [2]any) int {
		if failed {
			return 0
		}
		for i, op := range []string{"<", ">"} {
			less, err := value.Compare(b, op, p[0], q[0])
			if err != nil {
				failed = true
				return 0
			}
			if less {
				return i*2 - 1
			}
		}
		return 0
	})
	if failed {
		return pairs
	}
	return sorted
}

// node writes a value where the emitter stands.
func (d *dumper) node(v any, at place, depth int) error {
	if depth > maxDepth {
		return value.RecursionErrorf("maximum recursion depth exceeded")
	}
	if n := d.out.Len(); n-d.charged > 1024 {
		if err := d.b.Alloc(int64(n - d.charged)); err != nil {
			return err
		}
		d.charged = n
	}
	if err := d.b.Step(1); err != nil {
		return err
	}
	if id := identity(v); id != nil && d.names[id] != "" {
		if d.written[id] {
			d.indicator("*"+d.names[id], true, false, false)
			if at.simpleKey {
				d.put(" ")
			}
			return nil
		}
		d.written[id] = true
		d.indicator("&"+d.names[id], true, false, false)
	}
	switch x := v.(type) {
	case *value.List:
		return d.sequence(x.Items, at, depth)
	case value.Tuple:
		return d.sequence(x, at, depth)
	case *value.Dict:
		return d.mapping(d.pairs(x), depth)
	case *value.Set:
		d.tag("!!set")
		pairs := make([][2]any, 0, x.Len())
		for _, item := range x.Items() {
			pairs = append(pairs, [2]any{item, nil})
		}
		return d.mapping(sortPairs(d.b, pairs), depth)
	}
	s, err := represent(v)
	if err != nil {
		return err
	}
	d.scalar(s, at)
	return nil
}

func (d *dumper) sequence(items []any, at place, depth int) error {
	if len(items) == 0 {
		d.indicator("[", true, true, false)
		d.indicator("]", false, false, false)
		return nil
	}
	// A sequence below a key stands at the key's own level.
	old := d.increaseIndent(false, at.mapping && !d.indention)
	for _, item := range items {
		d.writeIndent()
		d.indicator("-", true, false, true)
		if err := d.node(item, place{}, depth+1); err != nil {
			return err
		}
	}
	d.indent = old
	return nil
}

func (d *dumper) mapping(pairs [][2]any, depth int) error {
	if len(pairs) == 0 {
		d.indicator("{", true, true, false)
		d.indicator("}", false, false, false)
		return nil
	}
	old := d.increaseIndent(false, false)
	for _, p := range pairs {
		d.writeIndent()
		simple, err := d.isSimpleKey(p[0])
		if err != nil {
			return err
		}
		if simple {
			if err := d.node(p[0], place{mapping: true, simpleKey: true}, depth+1); err != nil {
				return err
			}
			d.indicator(":", false, false, false)
		} else {
			d.indicator("?", true, false, true)
			if err := d.node(p[0], place{mapping: true}, depth+1); err != nil {
				return err
			}
			d.writeIndent()
			d.indicator(":", true, false, true)
		}
		if err := d.node(p[1], place{mapping: true}, depth+1); err != nil {
			return err
		}
	}
	d.indent = old
	return nil
}

// maxSimpleKey is how long a key on one line with its value may be, in bytes.
const maxSimpleKey = 128

func (d *dumper) isSimpleKey(k any) (bool, error) {
	length := 0
	if id := identity(k); id != nil && d.names[id] != "" {
		length = len(d.names[id])
		if d.written[id] {
			return true, nil
		}
	}
	switch x := k.(type) {
	case *value.List:
		return len(x.Items) == 0, nil
	case value.Tuple:
		return len(x) == 0, nil
	case *value.Dict:
		return x.Len() == 0, nil
	case *value.Set:
		return x.Len() == 0, nil
	}
	s, err := represent(k)
	if err != nil {
		return false, err
	}
	return !analyze(s.text, d.unicode).multiline && length+len(s.shown())+len(s.text) <= maxSimpleKey, nil
}

// scalarText is a scalar ready to be written.
type scalarText struct {
	text    string
	tag     string
	literal bool
}

// plainImplicit: read back plain, the text has the scalar's tag.
func (s scalarText) plainImplicit() bool { return resolve(s.text) == s.tag }

// shown is the tag as it must be written, "" when it goes without saying.
func (s scalarText) shown() string {
	if s.tag == tagStr || s.plainImplicit() {
		return ""
	}
	return "!!" + strings.TrimPrefix(s.tag, tagPrefix)
}

// represent is PyYAML's SafeRepresenter for scalars.
func represent(v any) (scalarText, error) {
	switch x := v.(type) {
	case nil:
		return scalarText{text: "null", tag: tagNull}, nil
	case bool:
		return scalarText{text: strconv.FormatBool(x), tag: tagBool}, nil
	case string:
		return scalarText{text: x, tag: tagStr}, nil
	case float64:
		return scalarText{text: floatText(x), tag: tagFloat}, nil
	case value.Bytes:
		return scalarText{text: base64Lines(string(x)), tag: tagBinary, literal: true}, nil
	case value.DateTime:
		s, err := value.Str(nil, x)
		return scalarText{text: s, tag: tagTimestamp}, err
	case value.Date:
		s, err := value.Str(nil, x)
		return scalarText{text: s, tag: tagTimestamp}, err
	}
	if value.IsInt(v) {
		s, err := value.Str(nil, v)
		return scalarText{text: s, tag: tagInt}, err
	}
	shown, err := value.Repr(nil, v)
	if err != nil {
		return scalarText{}, err
	}
	return scalarText{}, value.Errorf("RepresenterError", "('cannot represent an object', %s)", shown)
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	s := strings.ToLower(value.FloatRepr(f))
	// YAML 1.1 floats need a point: 1e+17 would read back as a text.
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}

// base64Lines is base64.encodebytes: 76 characters to a line.
func base64Lines(raw string) string {
	var b strings.Builder
	for len(raw) > 0 {
		n := min(57, len(raw))
		b.WriteString(base64.StdEncoding.EncodeToString([]byte(raw[:n])) + "\n")
		raw = raw[n:]
	}
	return b.String()
}
