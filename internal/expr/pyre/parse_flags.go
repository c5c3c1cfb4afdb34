package pyre

import (
	"unicode"
)

// inlineFlags reads the rest of (?flags), (?flags:...) or (?flags-flags:...).
func (p *parser) inlineFlags(c rune) (add, del Flags, global bool, err error) {
	fail := func(back int, format string) (Flags, Flags, bool, error) {
		return 0, 0, false, p.errorf(back, "%s", format)
	}
	next := func() (rune, bool) {
		if p.eof() {
			return 0, false
		}
		return []rune(p.get())[0], true
	}
	if c != '-' {
		for {
			f, _ := flagOf(c)
			if f == Locale {
				return fail(0, "bad inline flags: cannot use 'L' flag with a str pattern")
			}
			add |= f
			if f&typeFlags != 0 && add&typeFlags != f {
				return fail(0, "bad inline flags: flags 'a', 'u' and 'L' are incompatible")
			}
			var ok bool
			if c, ok = next(); !ok {
				return fail(0, "missing -, : or )")
			}
			if c == ')' || c == '-' || c == ':' {
				break
			}
			if _, ok := flagOf(c); !ok {
				if unicode.IsLetter(c) {
					return fail(1, "unknown flag")
				}
				return fail(1, "missing -, : or )")
			}
		}
	}
	if c == ')' {
		return add, 0, true, nil
	}
	if c == '-' {
		var ok bool
		if c, ok = next(); !ok {
			return fail(0, "missing flag")
		}
		if _, ok := flagOf(c); !ok {
			if unicode.IsLetter(c) {
				return fail(1, "unknown flag")
			}
			return fail(1, "missing flag")
		}
		for {
			f, _ := flagOf(c)
			if f&typeFlags != 0 {
				return fail(0, "bad inline flags: cannot turn off flags 'a', 'u' and 'L'")
			}
			del |= f
			if c, ok = next(); !ok {
				return fail(0, "missing :")
			}
			if c == ':' {
				break
			}
			if _, ok := flagOf(c); !ok {
				if unicode.IsLetter(c) {
					return fail(1, "unknown flag")
				}
				return fail(1, "missing :")
			}
		}
	}
	if add&del != 0 {
		return fail(1, "bad inline flags: flag turned on and off")
	}
	return add, del, false, nil
}

// isIdentifier is str.isidentifier, near enough: letters, digits, marks and
// the underscore, no digit in front.
func isIdentifier(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r):
		case i > 0 && (unicode.Is(unicode.Nd, r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r) || unicode.Is(unicode.Pc, r)):
		default:
			return false
		}
	}
	return s != ""
}
