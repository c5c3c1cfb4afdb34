package value

import (
	"math"
	"math/big"
	"strings"
)

// Printf returns format % arg: Python's printf-style formatting. A Tuple gives
// several arguments, a dict named ones.
func Printf(b *Budget, format string, arg any) (string, error) {
	p := newPrintf(b, format, arg)
	return p.run()
}

// printf is one formatting in progress.
type printf struct {
	b      *Budget
	format string
	pos    int
	named  any   // the argument when it can be indexed by name, else nil
	args   []any // the arguments, or the one named last
	next   int   // arguments consumed
	out    strings.Builder
	// How arguments become text; Markup replaces them by escaping forms.
	text, repr func(*Budget, any) (string, error)
}

func newPrintf(b *Budget, format string, arg any) *printf {
	p := &printf{b: b, format: format, text: Str, repr: Repr}
	switch x := arg.(type) {
	case Tuple:
		p.args = x
		return p
	case *Dict, *List, Bytes, *Range, Itemer:
		// CPython asks for __getitem__, which lists have too.
		p.named = arg
	}
	p.args = []any{arg}
	return p
}

// directive is one parsed % item.
type directive struct {
	left, plus, space, zero, alt bool
	width, prec                  int // -1 when absent
	conv                         rune
}

func (p *printf) run() (string, error) {
	for p.pos < len(p.format) {
		i := strings.IndexByte(p.format[p.pos:], '%')
		if i < 0 {
			break
		}
		p.out.WriteString(p.format[p.pos : p.pos+i])
		p.pos += i + 1
		if err := p.item(); err != nil {
			return "", err
		}
	}
	p.out.WriteString(p.format[p.pos:])
	if p.named == nil && p.next < len(p.args) {
		return "", TypeErrorf("not all arguments converted during string formatting")
	}
	return p.out.String(), nil
}

func (p *printf) nextArg() (any, error) {
	if p.next >= len(p.args) {
		return nil, TypeErrorf("not enough arguments for format string")
	}
	p.next++
	return p.args[p.next-1], nil
}

var errIncomplete = ValueErrorf("incomplete format")

func (p *printf) peek() (byte, error) {
	if p.pos >= len(p.format) {
		return 0, errIncomplete
	}
	return p.format[p.pos], nil
}

// item handles what follows a % sign.
func (p *printf) item() error {
	d := directive{width: -1, prec: -1}
	c, err := p.peek()
	if err != nil {
		return err
	}
	if c == '%' {
		p.pos++
		p.out.WriteByte('%')
		return nil
	}
	if c == '(' {
		if err := p.key(); err != nil {
			return err
		}
	}
	for flags := true; flags; {
		if c, err = p.peek(); err != nil {
			return err
		}
		switch c {
		case '-':
			d.left = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '#':
			d.alt = true
		case '0':
			d.zero = true
		default:
			flags = false
			continue
		}
		p.pos++
	}
	if d.width, err = p.size(math.MaxInt64/100, "width too big"); err != nil {
		return err
	}
	if d.width < -1 {
		d.left, d.width = true, -d.width
	}
	if c, err = p.peek(); err != nil {
		return err
	}
	if c == '.' {
		p.pos++
		if d.prec, err = p.size(math.MaxInt32, "precision too big"); err != nil {
			return err
		}
		d.prec = max(d.prec, 0)
		if c, err = p.peek(); err != nil {
			return err
		}
	}
	if c == 'h' || c == 'l' || c == 'L' {
		p.pos++
	}
	if _, err = p.peek(); err != nil {
		return err
	}
	at := p.pos
	r, n := decodeRune(p.format[p.pos:])
	p.pos += n
	d.conv = r
	arg, err := p.nextArg()
	if err != nil {
		return err
	}
	return p.convert(d, arg, at)
}

// key reads "(name)" and makes the named value the only argument.
func (p *printf) key() error {
	if p.named == nil {
		return TypeErrorf("format requires a mapping")
	}
	p.pos++
	start, depth := p.pos, 1
	for ; p.pos < len(p.format); p.pos++ {
		switch p.format[p.pos] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			break // leaves pos on the closing parenthesis
		}
	}
	if depth > 0 {
		return ValueErrorf("incomplete format key")
	}
	name := p.format[start:p.pos]
	p.pos++
	v, err := GetItem(p.b, p.named, name)
	if err != nil {
		return err
	}
	p.args, p.next = []any{v}, 0
	return nil
}

// size reads a width or precision, digits or "*"; -1 when absent.
func (p *printf) size(limit int, tooBig string) (int, error) {
	c, err := p.peek()
	if err != nil {
		return 0, err
	}
	if c == '*' {
		p.pos++
		v, err := p.nextArg()
		if err != nil {
			return 0, err
		}
		if !isIntLike(v) {
			return 0, TypeErrorf("* wants int")
		}
		n, ok := asInt(v)
		if !ok || n > math.MaxInt32 || n < -math.MaxInt32 {
			return 0, OverflowErrorf("Python int too large to convert to C int")
		}
		if n == -1 {
			n = -2 // -1 means absent; one column makes no difference
		}
		return int(n), nil
	}
	n := -1
	for c >= '0' && c <= '9' {
		n = max(n, 0)*10 + int(c-'0')
		if n > limit {
			return 0, ValueErrorf("%s", tooBig)
		}
		p.pos++
		if c, err = p.peek(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (p *printf) convert(d directive, arg any, at int) error {
	switch d.conv {
	case 's', 'r', 'a':
		f := p.text
		switch d.conv {
		case 'r':
			f = p.repr
		case 'a':
			f = ASCII
		}
		s, err := f(p.b, arg)
		if err != nil {
			return err
		}
		if d.prec >= 0 && d.prec < len(s) && d.prec < StrLen(s) {
			s = Substring(s, 0, d.prec)
		}
		return p.emit(d, "", s, false)
	case 'c':
		s, err := charText(arg)
		if err != nil {
			return err
		}
		return p.emit(d, "", s, false)
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return p.integer(d, arg)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return p.float(d, arg)
	}
	shown := d.conv
	if shown < 31 || shown > 126 {
		shown = '?'
	}
	return ValueErrorf("unsupported format character '%c' (0x%x) at index %d", shown, d.conv, StrLen(p.format[:at]))
}

func charText(arg any) (string, error) {
	if s, ok := AsString(arg); ok {
		if StrLen(s) == 1 {
			return s, nil
		}
		return "", TypeErrorf("%%c requires int or char")
	}
	if !isIntLike(arg) {
		return "", TypeErrorf("%%c requires int or char")
	}
	n, ok := asInt(arg)
	if !ok || n < 0 || n > 0x10ffff {
		return "", OverflowErrorf("%%c arg not in range(0x110000)")
	}
	return RuneText(rune(n)), nil
}

func (p *printf) integer(d directive, arg any) error {
	v := arg
	if !isIntLike(v) {
		decimal := d.conv == 'd' || d.conv == 'i' || d.conv == 'u'
		switch x := v.(type) {
		case float64:
			if !decimal {
				return TypeErrorf("%%%c format: an integer is required, not float", d.conv)
			}
			n, err := floatToInt(x)
			if err != nil {
				return err
			}
			v = n
		case Inter:
			n, err := x.IntValue()
			if err != nil {
				return err
			}
			v = n
		default:
			want := "an integer"
			if decimal {
				want = "a real number"
			}
			return TypeErrorf("%%%c format: %s is required, not %s", d.conv, want, TypeName(arg))
		}
	}
	digits, prefix, err := intDigits(p.b, v, d.conv)
	if err != nil {
		return err
	}
	if d.prec > len(digits) {
		if err := p.b.Alloc(int64(d.prec)); err != nil {
			return err
		}
		digits = strings.Repeat("0", d.prec-len(digits)) + digits
	}
	if !d.alt {
		prefix = ""
	}
	return p.emit(d, d.signOf(intSign(v) < 0)+prefix, digits, true)
}

func (p *printf) float(d directive, arg any) error {
	f, ok := AsFloat(arg)
	if !ok {
		switch x := arg.(type) {
		case *big.Int:
			return errIntToFloat
		case Floater:
			v, err := x.FloatValue()
			if err != nil {
				return err
			}
			f = v
		default:
			return TypeErrorf("must be real number, not %s", TypeName(arg))
		}
	}
	prec := d.prec
	if prec < 0 {
		prec = 6
	}
	if err := chargeFloat(p.b, prec); err != nil {
		return err
	}
	s := floatText(math.Abs(f), byte(d.conv), prec, d.alt, false)
	return p.emit(d, d.signOf(math.Signbit(f) && !math.IsNaN(f)), s, true)
}

func (d *directive) signOf(neg bool) string {
	switch {
	case neg:
		return "-"
	case d.plus:
		return "+"
	case d.space:
		return " "
	}
	return ""
}

// emit writes a converted item; zeros pad numbers only, between sign and digits.
func (p *printf) emit(d directive, prefix, s string, number bool) error {
	room := d.width - len(prefix) - StrLen(s)
	if err := p.b.Alloc(int64(max(room, 0) + len(s))); err != nil {
		return err
	}
	if p.out.Len()+max(room, 0)+len(s) > maxAlloc {
		return memoryError()
	}
	fill := " "
	if number && d.zero && !d.left {
		fill = "0"
	}
	if !d.left && fill == " " && room > 0 {
		p.out.WriteString(strings.Repeat(" ", room))
	}
	p.out.WriteString(prefix)
	if !d.left && fill == "0" && room > 0 {
		p.out.WriteString(strings.Repeat("0", room))
	}
	p.out.WriteString(s)
	if d.left && room > 0 {
		p.out.WriteString(strings.Repeat(" ", room))
	}
	return nil
}
