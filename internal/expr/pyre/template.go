package pyre

import (
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// template is a replacement text after parsing: literals and groups in turn.
type template struct {
	parts []templatePart
}

type templatePart struct {
	text  string
	group int // -1: text
}

func (t *template) expand(m *Match) string {
	if len(t.parts) == 1 && t.parts[0].group < 0 {
		return t.parts[0].text
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.group < 0 {
			b.WriteString(p.text)
		} else {
			b.WriteString(m.Text(p.group))
		}
	}
	return b.String()
}

// template parses a replacement by Python's rules: \1, \12, \g<1>, \g<name>,
// octal and letter escapes; other letters after a backslash are errors.
func (r *Regex) template(repl string) (*template, error) {
	if !strings.Contains(repl, `\`) {
		return &template{[]templatePart{{repl, -1}}}, nil
	}
	s, err := newScanner(repl)
	if err != nil {
		return nil, err
	}
	t := &template{}
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			t.parts = append(t.parts, templatePart{lit.String(), -1})
			lit.Reset()
		}
	}
	addGroup := func(g, back int) error {
		if g > r.Groups {
			return s.errorf(back, "invalid group reference %d", g)
		}
		flush()
		t.parts = append(t.parts, templatePart{group: g})
		return nil
	}
	for !s.eof() {
		tok := s.get()
		if tok[0] != '\\' {
			lit.WriteString(tok)
			continue
		}
		c := []rune(tok)[1]
		switch {
		case c == 'g':
			g, back, err := r.templateGroup(s)
			if err == nil {
				err = addGroup(g, back)
			}
			if err != nil {
				return nil, err
			}
		case c == '0':
			tok += s.getWhile(2, isOct)
			n, _ := strconv.ParseInt(tok[1:], 8, 32)
			lit.WriteRune(rune(n & 0xff))
		case isDec(c):
			if isDec(s.peek()) {
				tok += s.get()
				if isOct(c) && isOct(rune(tok[2])) && isOct(s.peek()) {
					tok += s.get()
					n, _ := strconv.ParseInt(tok[1:], 8, 32)
					if n > 0o377 {
						return nil, s.errorf(len(tok), "octal escape value %s outside of range 0-0o377", tok)
					}
					lit.WriteRune(rune(n))
					continue
				}
			}
			g, _ := strconv.Atoi(tok[1:])
			if err := addGroup(g, len(tok)-1); err != nil {
				return nil, err
			}
		default:
			if x, ok := simpleEscape(c); ok {
				lit.WriteRune(x)
			} else if c == 'b' {
				lit.WriteByte('\b')
			} else if isAlpha(c) {
				return nil, s.errorf(runeLen(tok), "bad escape %s", tok)
			} else {
				lit.WriteString(tok)
			}
		}
	}
	flush()
	return t, nil
}

// templateGroup reads <name> or <number> after \g.
func (r *Regex) templateGroup(s *scanner) (g, back int, err error) {
	if !s.accept('<') {
		return 0, 0, s.errorf(0, "missing <")
	}
	name, err := s.getUntil('>', "group name")
	if err != nil {
		return 0, 0, err
	}
	back = runeLen(name) + 1
	if isIdentifier(name) {
		g, ok := r.names[name]
		if !ok {
			return 0, 0, value.IndexErrorf("unknown group name %s", value.StrRepr(name))
		}
		return g, back, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(name))
	if err != nil || n < 0 {
		return 0, 0, s.errorf(back, "bad character in group name %s", value.StrRepr(name))
	}
	return n, back, nil
}
