package value

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// maxIntDigits is CPython's limit for conversions between int and decimal text
// (sys.get_int_max_str_digits).
const maxIntDigits = 4300

// Str returns str(v).
func Str(b *Budget, v any) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case Markup:
		return string(x), nil
	case DateTime:
		return x.String(), nil
	case Date:
		return x.String(), nil
	case TimeSpan:
		return x.String(), nil
	case Strer:
		return x.StrText()
	}
	return Repr(b, v)
}

// Repr returns repr(v). Containers that contain themselves print as "[...]".
func Repr(b *Budget, v any) (string, error) {
	switch x := v.(type) {
	case string:
		return StrRepr(x), nil
	case nil:
		return "None", nil
	case bool:
		if x {
			return "True", nil
		}
		return "False", nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return FloatRepr(x), nil
	}
	p := printer{b: b}
	if err := p.repr(v); err != nil {
		return "", err
	}
	return string(p.out), nil
}

// printer writes the repr of nested values.
type printer struct {
	b       *Budget
	out     []byte
	charged int
	open    []any // containers being printed, for cycles
}

// charge accounts for what was written since the last call.
func (p *printer) charge() error {
	n := len(p.out) - p.charged
	if n < 256 {
		return nil
	}
	p.charged = len(p.out)
	if p.charged > maxAlloc {
		return memoryError()
	}
	return p.b.Alloc(int64(n))
}

// enter notes an open container; again is true when it is open already.
func (p *printer) enter(v any) (again bool, err error) {
	for _, o := range p.open {
		if o == v {
			return true, nil
		}
	}
	if len(p.open) >= maxDepth {
		return false, RecursionErrorf("maximum recursion depth exceeded while getting the repr of an object")
	}
	p.open = append(p.open, v)
	return false, nil
}

func (p *printer) leave() { p.open = p.open[:len(p.open)-1] }

func (p *printer) text(s string) { p.out = append(p.out, s...) }

func (p *printer) repr(v any) error {
	switch x := v.(type) {
	case string:
		p.out = appendStrRepr(p.out, x)
	case nil:
		p.text("None")
	case bool:
		if x {
			p.text("True")
		} else {
			p.text("False")
		}
	case int64:
		p.out = strconv.AppendInt(p.out, x, 10)
	case float64:
		if x-x == 0 {
			p.out = appendFloatRepr(p.out, x)
		} else {
			p.text(FloatRepr(x))
		}
	case *big.Int:
		s, err := bigText(p.b, x)
		if err != nil {
			return err
		}
		p.text(s)
	case *List:
		return p.sequence(v, x.Items, "[", "]")
	case Tuple:
		// A tuple has no identity to detect cycles by; one can only be part of a
		// cycle through a list or dict, which has.
		if len(x) == 1 {
			return p.sequence(new(int), x, "(", ",)")
		}
		return p.sequence(new(int), x, "(", ")")
	case *Dict:
		return p.dict(x)
	case *Set:
		return p.set(x)
	case Bytes:
		p.text(bytesRepr(string(x)))
	case Markup:
		p.text("Markup(")
		p.out = appendStrRepr(p.out, string(x))
		p.text(")")
	case DateTime:
		p.text(x.repr())
	case Date:
		p.text(x.repr())
	case TimeSpan:
		p.text(x.repr())
	case *DictView:
		return p.view(x)
	case Reprer:
		s, err := x.ReprText()
		if err != nil {
			return err
		}
		p.text(s)
	case Object:
		p.text("<" + x.TypeName() + " object>")
	default:
		p.text("<object>")
	}
	return p.charge()
}

func (p *printer) sequence(id any, items []any, open, closing string) error {
	again, err := p.enter(id)
	if err != nil {
		return err
	}
	if again {
		p.text(open[:1] + "..." + closing[len(closing)-1:])
		return nil
	}
	defer p.leave()
	if err := p.b.Step(int64(len(items))); err != nil {
		return err
	}
	p.text(open)
	for i, item := range items {
		if i > 0 {
			p.text(", ")
		}
		if err := p.repr(item); err != nil {
			return err
		}
	}
	p.text(closing)
	return nil
}

func (p *printer) dict(d *Dict) error {
	again, err := p.enter(d)
	if err != nil {
		return err
	}
	if again {
		p.text("{...}")
		return nil
	}
	defer p.leave()
	if err := p.b.Step(int64(d.Len())); err != nil {
		return err
	}
	sep := "{"
	for k, v := range d.All() {
		p.text(sep)
		sep = ", "
		if err := p.repr(k); err != nil {
			return err
		}
		p.text(": ")
		if err := p.repr(v); err != nil {
			return err
		}
	}
	if d.Len() == 0 {
		p.text(sep)
	}
	p.text("}")
	return nil
}

func (p *printer) set(s *Set) error {
	switch {
	case s.Len() == 0:
		p.text(TypeName(s) + "()")
		return nil
	case s.Frozen:
		if err := p.sequence(s, s.Items(), "frozenset({", "})"); err != nil {
			return err
		}
		return nil
	}
	return p.sequence(s, s.Items(), "{", "}")
}

func (p *printer) view(v *DictView) error {
	again, err := p.enter(v)
	if err != nil {
		return err
	}
	if again {
		p.text("...")
		return nil
	}
	defer p.leave()
	it, _ := v.Iter()
	items, err := Collect(p.b, it)
	if err != nil {
		return err
	}
	p.text(v.TypeName())
	return p.sequence(new(int), items, "([", "])")
}

// bigText is the decimal text of a big integer within CPython's digit limit.
func bigText(b *Budget, z *big.Int) (string, error) {
	// log10(2) < 0.30103; the estimate is at most one digit too high.
	if float64(z.BitLen())*0.30103 > maxIntDigits+1 {
		return "", digitLimit()
	}
	s := z.String()
	if len(strings.TrimPrefix(s, "-")) > maxIntDigits {
		return "", digitLimit()
	}
	return s, b.Alloc(int64(len(s)))
}

func digitLimit() error {
	return ValueErrorf("Exceeds the limit (%d digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit", maxIntDigits)
}

// StrRepr returns the repr of a str: quoted with ' unless the text holds a '
// and no ", non-printable characters escaped, others kept.
func StrRepr(s string) string { return string(appendStrRepr(make([]byte, 0, len(s)+2), s)) }

const hexDigits = "0123456789abcdef"

func appendStrRepr(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	dst = append(dst, quote)
	for i := 0; i < len(s); {
		c := s[i]
		if c < 0x80 {
			i++
			dst = appendASCIIRepr(dst, c, quote)
			continue
		}
		r, n := decodeRune(s[i:])
		switch {
		case unicode.IsPrint(r) && (r != unicode.ReplacementChar || n == 3):
			dst = append(dst, s[i:i+n]...)
		case r == unicode.ReplacementChar && n == 1:
			dst = appendHex(dst, 'x', uint32(c), 2)
		default:
			dst = appendUnicodeEscape(dst, r)
		}
		i += n
	}
	return append(dst, quote)
}

func appendASCIIRepr(dst []byte, c, quote byte) []byte {
	switch {
	case c == quote || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	case c < 0x20 || c == 0x7f:
		return appendHex(dst, 'x', uint32(c), 2)
	}
	return append(dst, c)
}

// appendUnicodeEscape writes the shortest of \xNN, \uNNNN and \UNNNNNNNN.
func appendUnicodeEscape(dst []byte, r rune) []byte {
	switch {
	case r < 0x100:
		return appendHex(dst, 'x', uint32(r), 2)
	case r < 0x10000:
		return appendHex(dst, 'u', uint32(r), 4)
	}
	return appendHex(dst, 'U', uint32(r), 8)
}

func appendHex(dst []byte, kind byte, n uint32, digits int) []byte {
	dst = append(dst, '\\', kind)
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}

// ASCII returns ascii(v): repr with all non-ASCII characters escaped.
func ASCII(b *Budget, v any) (string, error) {
	s, err := Repr(b, v)
	if err != nil || isASCII(s) {
		return s, err
	}
	out := make([]byte, 0, len(s)*2)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		if r < 0x80 {
			out = append(out, byte(r))
		} else {
			out = appendUnicodeEscape(out, r)
		}
		i += n
	}
	return string(out), nil
}

func bytesRepr(s string) string {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	dst := append(make([]byte, 0, len(s)+3), 'b', quote)
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			dst = appendHex(dst, 'x', uint32(s[i]), 2)
		} else {
			dst = appendASCIIRepr(dst, s[i], quote)
		}
	}
	return string(append(dst, quote))
}
