package pyre

// Flags are the flags of a pattern. The bits are Python's own, so that they
// may be shown.
type Flags int

// The flags of str patterns.
const (
	IgnoreCase Flags = 2
	Locale     Flags = 4
	MultiLine  Flags = 8
	DotAll     Flags = 16
	Unicode    Flags = 32
	Verbose    Flags = 64
	ASCII      Flags = 256
)

const (
	typeFlags = ASCII | Locale | Unicode
)

// flagOf maps an inline flag letter.
func flagOf(c rune) (Flags, bool) {
	switch c {
	case 'i':
		return IgnoreCase, true
	case 'L':
		return Locale, true
	case 'm':
		return MultiLine, true
	case 's':
		return DotAll, true
	case 'x':
		return Verbose, true
	case 'a':
		return ASCII, true
	case 'u':
		return Unicode, true
	}
	return 0, false
}
