package pyre

import (
	"unicode/utf8"

	"squall/internal/expr/value"
)

// Match is one match of a pattern in a text.
type Match struct {
	re *Regex
	s  string
	at []int // byte offsets in pairs; -1 for groups that took no part
}

func (r *Regex) newMatch(s string, at []int) *Match {
	if at == nil {
		return nil
	}
	return &Match{re: r, s: s, at: at}
}

// Regex is the pattern that matched.
func (m *Match) Regex() *Regex { return m.re }

// Has reports whether group g took part.
func (m *Match) Has(g int) bool { return m.at[2*g] >= 0 && m.at[2*g+1] >= 0 }

// Text is what group g matched, "" when it took no part. Group 0 is all.
func (m *Match) Text(g int) string {
	if !m.Has(g) {
		return ""
	}
	return m.s[m.at[2*g]:m.at[2*g+1]]
}

// Group is what group g matched, nil when it took no part.
func (m *Match) Group(g int) any {
	if !m.Has(g) {
		return nil
	}
	return m.Text(g)
}

// Start is the code point index where group g starts, -1 when it took no part.
func (m *Match) Start(g int) int { return m.index(2*g, g) }

// End is the code point index behind group g, -1 when it took no part.
func (m *Match) End(g int) int { return m.index(2*g+1, g) }

func (m *Match) index(i, g int) int {
	if !m.Has(g) {
		return -1
	}
	return utf8.RuneCountInString(m.s[:m.at[i]])
}

// Groups lists all groups but the whole match; nil for those without part.
func (m *Match) Groups() value.Tuple {
	t := make(value.Tuple, m.re.Groups)
	for g := range t {
		t[g] = m.Group(g + 1)
	}
	return t
}

// GroupDict gives the named groups in the order of their numbers.
func (m *Match) GroupDict() *value.Dict {
	d := value.NewDict(len(m.re.names))
	for g, name := range m.re.nameList {
		if name != "" {
			d.SetStr(name, m.Group(g))
		}
	}
	return d
}

// Expand fills a replacement template.
func (m *Match) Expand(template string) (string, error) {
	t, err := m.re.template(template)
	if err != nil {
		return "", err
	}
	return t.expand(m), nil
}
