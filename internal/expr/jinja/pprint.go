package jinja

import (
	"slices"
	"strings"
	"unicode/utf8"

	"squall/internal/expr/value"
)

// pprintWidth is the line length Python's pprint aims at.
const pprintWidth = 80

// pprint is Python's pprint.pformat: one line if it fits, else containers with
// an item per line. Dicts and sets are shown sorted.
func pprint(b *value.Budget, v any) (string, error) {
	p := &printer{b: b, width: pprintWidth}
	if err := p.format(v, 0, 0, 0); err != nil {
		return "", err
	}
	return p.out.String(), nil
}

// Pretty is Python's pprint.pformat(v, width=width, sort_dicts=False).
func Pretty(b *value.Budget, v any, width int) (string, error) {
	p := &printer{b: b, width: width, asIs: true}
	if err := p.format(v, 0, 0, 0); err != nil {
		return "", err
	}
	return p.out.String(), nil
}

type printer struct {
	b     *value.Budget
	width int
	asIs  bool // dicts keep their order
	out   strings.Builder
}

// format writes v. indent is the column it starts at, allowance the space to
// leave for brackets behind it, level the nesting.
func (p *printer) format(v any, indent, allowance, level int) error {
	if err := p.b.Enter(); err != nil {
		return err
	}
	defer p.b.Leave()
	text, err := p.line(v)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(text) <= p.width-indent-allowance {
		p.out.WriteString(text)
		return nil
	}
	level++
	switch v := v.(type) {
	case *value.Dict:
		if v.Len() > 0 {
			return p.dict(v, indent, allowance, level)
		}
	case *value.List:
		if len(v.Items) > 0 {
			return p.items("[", v.Items, "]", indent, allowance, level)
		}
	case value.Tuple:
		switch len(v) {
		case 0:
		case 1:
			return p.items("(", v, ",)", indent, allowance, level)
		default:
			return p.items("(", v, ")", indent, allowance, level)
		}
	case *value.Set:
		items, err := p.sorted(v.Items())
		if err != nil {
			return err
		}
		if len(items) > 0 {
			if v.Frozen {
				return p.items("frozenset({", items, "})", indent+len("frozenset("), allowance, level)
			}
			return p.items("{", items, "}", indent, allowance, level)
		}
	case string:
		return p.str(v, indent, allowance, level)
	}
	p.out.WriteString(text)
	return nil
}

// line is the representation of v on one line.
func (p *printer) line(v any) (string, error) {
	if p.asIs {
		return value.Repr(p.b, v)
	}
	sorted, err := p.sortedCopy(v)
	if err != nil {
		return "", err
	}
	return value.Repr(p.b, sorted)
}

// sortedCopy returns v with all dicts in it in sorted order; what needs no
// sorting is not copied.
func (p *printer) sortedCopy(v any) (any, error) {
	if err := p.b.Enter(); err != nil {
		return nil, err
	}
	defer p.b.Leave()
	switch v := v.(type) {
	case *value.Dict:
		keys, err := p.sorted(v.Keys())
		if err != nil {
			return nil, err
		}
		d := value.NewDict(len(keys))
		for _, k := range keys {
			x, _ := v.Get(k)
			if x, err = p.sortedCopy(x); err != nil {
				return nil, err
			}
			d.Set(k, x)
		}
		return d, nil
	case *value.List:
		items, err := p.sortedItems(v.Items)
		return &value.List{Items: items}, err
	case value.Tuple:
		items, err := p.sortedItems(v)
		return value.Tuple(items), err
	}
	return v, nil
}

func (p *printer) sortedItems(items []any) ([]any, error) {
	if err := p.b.Alloc(16 * int64(len(items))); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, x := range items {
		var err error
		if out[i], err = p.sortedCopy(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sorted sorts what can be compared, and by class what cannot.
func (p *printer) sorted(items []any) ([]any, error) {
	if err := p.b.Alloc(16 * int64(len(items))); err != nil {
		return nil, err
	}
	out := slices.Clone(items)
	slices.SortStableFunc(out, func(x, y any) int {
		for i, pair := range [...][2]any{{x, y}, {y, x}} {
			less, err := value.Less(p.b, pair[0], pair[1])
			if err != nil {
				return strings.Compare(value.TypePath(x), value.TypePath(y))
			}
			if less {
				return 2*i - 1
			}
		}
		return 0
	})
	return out, p.b.Step(1)
}

func (p *printer) newline(indent int) error {
	if err := p.b.Alloc(int64(indent) + 1); err != nil {
		return err
	}
	p.out.WriteByte('\n')
	p.out.WriteString(strings.Repeat(" ", indent))
	return nil
}

func (p *printer) items(open string, items []any, closing string, indent, allowance, level int) error {
	p.out.WriteString(open)
	allowance += len(closing)
	indent++
	for i, v := range items {
		room := 1
		if i == len(items)-1 {
			room = allowance
		}
		if i > 0 {
			p.out.WriteByte(',')
			if err := p.newline(indent); err != nil {
				return err
			}
		}
		if err := p.format(v, indent, room, level); err != nil {
			return err
		}
	}
	p.out.WriteString(closing)
	return nil
}

func (p *printer) dict(d *value.Dict, indent, allowance, level int) error {
	keys, err := d.Keys(), error(nil)
	if !p.asIs {
		keys, err = p.sorted(keys)
	}
	if err != nil {
		return err
	}
	p.out.WriteByte('{')
	allowance++
	indent++
	for i, k := range keys {
		room := 1
		if i == len(keys)-1 {
			room = allowance
		}
		if i > 0 {
			p.out.WriteByte(',')
			if err := p.newline(indent); err != nil {
				return err
			}
		}
		text, err := p.line(k)
		if err != nil {
			return err
		}
		p.out.WriteString(text + ": ")
		v, _ := d.Get(k)
		if err := p.format(v, indent+utf8.RuneCountInString(text)+2, room, level); err != nil {
			return err
		}
	}
	p.out.WriteByte('}')
	return nil
}

// str writes a long string as several literals, broken at blanks and line ends.
func (p *printer) str(s string, indent, allowance, level int) error {
	if level == 1 {
		indent++
		allowance++
	}
	width := p.width - indent
	var chunks []string
	lines := splitKeepEnds(s)
	for i, line := range lines {
		last := i == len(lines)-1
		room := width
		if last {
			room -= allowance
		}
		rep := value.StrRepr(line)
		if utf8.RuneCountInString(rep) <= room {
			chunks = append(chunks, rep)
			continue
		}
		parts := wordsWithSpace(line)
		current, limit := "", width
		for j, part := range parts {
			if last && j == len(parts)-1 {
				limit -= allowance
			}
			if err := p.b.Alloc(int64(len(current) + len(part))); err != nil {
				return err
			}
			if utf8.RuneCountInString(value.StrRepr(current+part)) <= limit {
				current += part
				continue
			}
			if current != "" {
				chunks = append(chunks, value.StrRepr(current))
			}
			current = part
		}
		if current != "" {
			chunks = append(chunks, value.StrRepr(current))
		}
	}
	if len(chunks) == 1 {
		p.out.WriteString(value.StrRepr(lines[len(lines)-1]))
		return nil
	}
	if level == 1 {
		p.out.WriteByte('(')
	}
	for i, c := range chunks {
		if i > 0 {
			if err := p.newline(indent); err != nil {
				return err
			}
		}
		p.out.WriteString(c)
	}
	if level == 1 {
		p.out.WriteByte(')')
	}
	return nil
}

func splitKeepEnds(s string) []string {
	var lines []string
	start := 0
	for i := 0; i < len(s); {
		n := lineBreak(s[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		lines = append(lines, s[start:i])
		start = i
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

// wordsWithSpace cuts s into words, each with the blanks behind it.
func wordsWithSpace(s string) []string {
	var parts []string
	for len(s) > 0 {
		i := strings.IndexFunc(s, isSpace)
		if i < 0 {
			i = len(s)
		}
		i = skipSpace(s, i)
		parts = append(parts, s[:i])
		s = s[i:]
	}
	return parts
}
