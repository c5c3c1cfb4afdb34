package pyre

import (
	"strings"

	"squall/internal/expr/value"
)

// Regex is a compiled pattern. It is immutable and safe for concurrent use.
type Regex struct {
	// Pattern and Flags are as Python shows them; Flags include Unicode and
	// what the pattern set inline.
	Pattern string
	Flags   Flags
	// Groups is the number of capturing groups.
	Groups int

	names    map[string]int
	nameList []string // in order of their groups
	linear   *linear
	prog     *program
	canEmpty bool
}

// Compile parses a pattern; compiled patterns are kept in a bounded cache. A
// bad pattern is a *value.Error of class "error" with Python's message and
// position.
func Compile(pattern string, flags Flags) (*Regex, error) {
	return cache.get(pattern, flags)
}

func compile(pattern string, flags Flags) (*Regex, error) {
	p, err := parse(pattern, flags)
	if err != nil {
		return nil, err
	}
	lo, _ := p.root.widths(p.widths)
	r := &Regex{
		Pattern: pattern, Flags: p.flags, Groups: p.groups, names: p.names,
		nameList: make([]string, p.groups+1),
		linear:   translate(p), prog: compileProgram(p), canEmpty: lo == 0,
	}
	for name, g := range p.names {
		r.nameList[g] = name
	}
	return r, nil
}

// GroupIndex gives the number of a named group.
func (r *Regex) GroupIndex(name string) (int, bool) {
	g, ok := r.names[name]
	return g, ok
}

// GroupName gives the name of a group, "" when it has none.
func (r *Regex) GroupName(g int) string {
	if g < 0 || g >= len(r.nameList) {
		return ""
	}
	return r.nameList[g]
}

// linearFor gives the linear matcher when it may be used on this text.
func (r *Regex) linearFor(s string) *linear {
	if r.linear == nil || r.linear.plainEnd && strings.HasSuffix(s, "\n") {
		return nil
	}
	return r.linear
}

// chargeLinear accounts for a linear search: about 16 bytes to a step.
func chargeLinear(b *value.Budget, s string) error { return b.Step(int64(len(s)>>4) + 1) }

// Search finds the first match; nil when there is none.
func (r *Regex) Search(b *value.Budget, s string) (*Match, error) {
	if l := r.linearFor(s); l != nil {
		if err := chargeLinear(b, s); err != nil {
			return nil, err
		}
		return r.newMatch(s, l.re.FindStringSubmatchIndex(s)), nil
	}
	m := newMachine(r.prog, b, s)
	ok, err := m.search(0, false)
	if !ok || err != nil {
		return nil, err
	}
	return r.newMatch(s, m.caps), nil
}

// Match matches at the start of the text; nil when it does not.
func (r *Regex) Match(b *value.Budget, s string) (*Match, error) { return r.anchored(b, s, false) }

// FullMatch matches the whole text; nil when it does not.
func (r *Regex) FullMatch(b *value.Budget, s string) (*Match, error) { return r.anchored(b, s, true) }

func (r *Regex) anchored(b *value.Budget, s string, full bool) (*Match, error) {
	if l := r.linearFor(s); l != nil && !full {
		// A linear search that succeeds at 0, or finds nothing, is an answer.
		// A later match does not tell: the search for another start stops at
		// the first one found, and that one proves there is none at 0.
		if err := chargeLinear(b, s); err != nil {
			return nil, err
		}
		at := l.re.FindStringSubmatchIndex(s)
		if at == nil || at[0] != 0 {
			return nil, nil
		}
		return r.newMatch(s, at), nil
	}
	m := newMachine(r.prog, b, s)
	m.full = full
	ok, err := m.matchAt(0)
	if !ok || err != nil {
		return nil, err
	}
	return r.newMatch(s, m.caps), nil
}

// Each calls f with every non-overlapping match from left to right, until f
// returns false or limit matches are done (0: all). An empty match directly
// behind another match counts, as in Python since 3.7.
func (r *Regex) Each(b *value.Budget, s string, limit int, f func(*Match) (bool, error)) error {
	if l := r.linearFor(s); l != nil && !r.canEmpty {
		if err := chargeLinear(b, s); err != nil {
			return err
		}
		n := limit
		if n <= 0 {
			n = -1
		}
		for _, at := range l.re.FindAllStringSubmatchIndex(s, n) {
			if err := b.Alloc(int64(len(at)) * 8); err != nil {
				return err
			}
			if more, err := f(r.newMatch(s, at)); !more || err != nil {
				return err
			}
		}
		return nil
	}
	m := newMachine(r.prog, b, s)
	pos, mustAdvance := 0, false
	for n := 0; limit <= 0 || n < limit; n++ {
		ok, err := m.search(pos, mustAdvance)
		if !ok || err != nil {
			return err
		}
		if err := b.Alloc(int64(len(m.caps)) * 8); err != nil {
			return err
		}
		pos, mustAdvance = m.caps[1], m.caps[0] == m.caps[1]
		if more, err := f(r.newMatch(s, append([]int(nil), m.caps...))); !more || err != nil {
			return err
		}
	}
	return nil
}

// FindIter lists all matches.
func (r *Regex) FindIter(b *value.Budget, s string) ([]*Match, error) {
	var out []*Match
	err := r.Each(b, s, 0, func(m *Match) (bool, error) {
		out = append(out, m)
		return true, nil
	})
	return out, err
}

// FindAll is re.findall: the matched texts, or the group's text with one
// group, or tuples with more. A group that took no part gives "".
func (r *Regex) FindAll(b *value.Budget, s string) ([]any, error) {
	var out []any
	err := r.Each(b, s, 0, func(m *Match) (bool, error) {
		switch r.Groups {
		case 0:
			out = append(out, m.Text(0))
		case 1:
			out = append(out, m.Text(1))
		default:
			t := make(value.Tuple, r.Groups)
			for g := range t {
				t[g] = m.Text(g + 1)
			}
			out = append(out, t)
		}
		return true, nil
	})
	return out, err
}

// Split is re.split: the pieces between matches, with the groups of each
// match (nil for those without part) in between. maxSplit 0 means no limit; a
// negative one means no split at all.
func (r *Regex) Split(b *value.Budget, s string, maxSplit int) ([]any, error) {
	var out []any
	last := 0
	if maxSplit >= 0 {
		err := r.Each(b, s, maxSplit, func(m *Match) (bool, error) {
			out = append(out, s[last:m.at[0]])
			for g := 1; g <= r.Groups; g++ {
				out = append(out, m.Group(g))
			}
			last = m.at[1]
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return append(out, s[last:]), nil
}

// Sub is re.subn with a replacement template; count 0 replaces all, a negative
// one nothing.
func (r *Regex) Sub(b *value.Budget, s, repl string, count int) (string, int, error) {
	t, err := r.template(repl)
	if err != nil {
		return "", 0, err
	}
	return r.SubFunc(b, s, func(m *Match) (string, error) { return t.expand(m), nil }, count)
}

// SubFunc is re.subn with a function.
func (r *Regex) SubFunc(b *value.Budget, s string, repl func(*Match) (string, error), count int) (string, int, error) {
	if count < 0 {
		return s, 0, nil
	}
	var out strings.Builder
	last, n := 0, 0
	err := r.Each(b, s, count, func(m *Match) (bool, error) {
		text, err := repl(m)
		if err != nil {
			return false, err
		}
		if err := b.Alloc(int64(m.at[0] - last + len(text))); err != nil {
			return false, err
		}
		out.WriteString(s[last:m.at[0]])
		out.WriteString(text)
		last = m.at[1]
		n++
		return true, nil
	})
	if err != nil {
		return "", 0, err
	}
	if n == 0 {
		return s, 0, nil
	}
	out.WriteString(s[last:])
	return out.String(), n, nil
}
