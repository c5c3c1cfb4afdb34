package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FromJSON reads one JSON document. Objects keep their order, numbers with a
// point or exponent are floats and all others ints of any size. It accepts what
// Python's json module accepts, NaN and Infinity included. Bytes that are no
// UTF-8 become U+FFFD.
func FromJSON(data []byte) (any, error) { return LoadJSON(nil, validUTF8(string(data))) }

// LoadJSON is json.loads(text). Errors are JSONDecodeErrors in Python's words.
func LoadJSON(b *Budget, text string) (any, error) {
	if strings.HasPrefix(text, "\ufeff") {
		return nil, decodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
	}
	if err := b.Alloc(int64(len(text))); err != nil {
		return nil, err
	}
	d := jsonReader{b: b, s: text}
	d.space()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos < len(d.s) {
		return nil, d.fail("Extra data", d.pos)
	}
	return v, nil
}

type jsonReader struct {
	b     *Budget
	s     string
	pos   int
	depth int
}

func (d *jsonReader) fail(msg string, at int) error { return decodeError(msg, d.s, at) }

// decodeError words a JSONDecodeError; positions count characters.
func decodeError(msg, doc string, at int) error {
	before := doc[:min(at, len(doc))]
	line := strings.Count(before, "\n") + 1
	col := StrLen(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return Errorf("JSONDecodeError", "%s: line %d column %d (char %d)", msg, line, col, StrLen(before))
}

func (d *jsonReader) space() {
	for d.pos < len(d.s) {
		switch d.s[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *jsonReader) value() (any, error) {
	if d.pos >= len(d.s) {
		return nil, d.fail("Expecting value", d.pos)
	}
	switch d.s[d.pos] {
	case '"':
		d.pos++
		return d.str()
	case '{':
		return d.object()
	case '[':
		return d.array()
	}
	for _, c := range jsonConstants {
		if strings.HasPrefix(d.s[d.pos:], c.text) {
			d.pos += len(c.text)
			return c.v, nil
		}
	}
	return d.number()
}

var jsonConstants = []struct {
	text string
	v    any
}{
	{"null", nil}, {"true", true}, {"false", false},
	{"NaN", math.NaN()}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)},
}

func (d *jsonReader) enter(kind string) error {
	if d.depth++; d.depth > maxDepth-10 {
		return RecursionErrorf("maximum recursion depth exceeded while decoding a JSON %s from a unicode string", kind)
	}
	return d.b.Step(1)
}

func (d *jsonReader) object() (any, error) {
	if err := d.enter("object"); err != nil {
		return nil, err
	}
	defer func() { d.depth-- }()
	out := NewDict(0)
	d.pos++
	d.space()
	if d.pos < len(d.s) && d.s[d.pos] == '}' {
		d.pos++
		return out, nil
	}
	for {
		if d.pos >= len(d.s) || d.s[d.pos] != '"' {
			return nil, d.fail("Expecting property name enclosed in double quotes", d.pos)
		}
		d.pos++
		key, err := d.str()
		if err != nil {
			return nil, err
		}
		d.space()
		if d.pos >= len(d.s) || d.s[d.pos] != ':' {
			return nil, d.fail("Expecting ':' delimiter", d.pos)
		}
		d.pos++
		d.space()
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if err := d.b.Alloc(64); err != nil {
			return nil, err
		}
		out.SetStr(key, v)
		d.space()
		if d.pos < len(d.s) && d.s[d.pos] == '}' {
			d.pos++
			return out, nil
		}
		if d.pos >= len(d.s) || d.s[d.pos] != ',' {
			return nil, d.fail("Expecting ',' delimiter", d.pos)
		}
		d.pos++
		d.space()
	}
}

func (d *jsonReader) array() (any, error) {
	if err := d.enter("array"); err != nil {
		return nil, err
	}
	defer func() { d.depth-- }()
	out := &List{Items: []any{}}
	d.pos++
	d.space()
	if d.pos < len(d.s) && d.s[d.pos] == ']' {
		d.pos++
		return out, nil
	}
	for {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if err := d.b.Alloc(16); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
		d.space()
		if d.pos < len(d.s) && d.s[d.pos] == ']' {
			d.pos++
			return out, nil
		}
		if d.pos >= len(d.s) || d.s[d.pos] != ',' {
			return nil, d.fail("Expecting ',' delimiter", d.pos)
		}
		d.pos++
		d.space()
	}
}

// str reads a string after its opening quote.
func (d *jsonReader) str() (string, error) {
	start := d.pos
	for i := start; i < len(d.s); i++ {
		switch c := d.s[i]; {
		case c == '"':
			d.pos = i + 1
			return d.s[start:i], nil
		case c == '\\':
			return d.escaped(start, i)
		case c < 0x20:
			return "", d.fail("Invalid control character at", i)
		}
	}
	return "", d.fail("Unterminated string starting at", start-1)
}

// escaped continues str at the first backslash.
func (d *jsonReader) escaped(start, i int) (string, error) {
	out := append(make([]byte, 0, i-start+32), d.s[start:i]...)
	for i < len(d.s) {
		c := d.s[i]
		switch {
		case c == '"':
			d.pos = i + 1
			return string(out), nil
		case c < 0x20:
			return "", d.fail("Invalid control character at", i)
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 >= len(d.s) {
			return "", d.fail("Unterminated string starting at", start-1)
		}
		if d.s[i+1] != 'u' {
			k := strings.IndexByte(`"\/bfnrt`, d.s[i+1])
			if k < 0 {
				return "", d.fail("Invalid \\escape", i)
			}
			out = append(out, "\"\\/\b\f\n\r\t"[k])
			i += 2
			continue
		}
		r, ok := hex4(d.s, i+2)
		if !ok {
			return "", d.fail("Invalid \\uXXXX escape", i+1)
		}
		i += 6
		if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(d.s[i:], `\u`) {
			if low, ok := hex4(d.s, i+2); ok && low >= 0xdc00 && low < 0xe000 {
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				i += 6
			}
		}
		out = appendRune(out, r)
	}
	return "", d.fail("Unterminated string starting at", start-1)
}

func hex4(s string, at int) (rune, bool) {
	if at+4 > len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[at:at+4], 16, 32)
	return rune(n), err == nil
}

func (d *jsonReader) number() (any, error) {
	i := d.pos
	digits := func() int {
		from := i
		for i < len(d.s) && d.s[i] >= '0' && d.s[i] <= '9' {
			i++
		}
		return i - from
	}
	if i < len(d.s) && d.s[i] == '-' {
		i++
	}
	if i < len(d.s) && d.s[i] == '0' {
		i++
	} else if digits() == 0 {
		return nil, d.fail("Expecting value", d.pos)
	}
	isFloat := false
	if i+1 < len(d.s) && d.s[i] == '.' && d.s[i+1] >= '0' && d.s[i+1] <= '9' {
		i++
		digits()
		isFloat = true
	}
	if i < len(d.s) && (d.s[i] == 'e' || d.s[i] == 'E') {
		mark := i
		i++
		if i < len(d.s) && (d.s[i] == '+' || d.s[i] == '-') {
			i++
		}
		if digits() > 0 {
			isFloat = true
		} else {
			i = mark
		}
	}
	text := d.s[d.pos:i]
	if isFloat {
		f, _ := strconv.ParseFloat(text, 64) // out of range gives inf, as in Python
		d.pos = i
		return f, nil
	}
	if len(text) > maxIntDigits+1 {
		return nil, parseDigitLimit(len(strings.TrimPrefix(text, "-")))
	}
	d.pos = i
	return numberOf(text), nil
}

// numberOf converts the text of a JSON number.
func numberOf(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if z, ok := new(big.Int).SetString(text, 10); ok {
		return NormInt(z)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return f
}

func parseDigitLimit(n int) error {
	return ValueErrorf("Exceeds the limit (%d digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxIntDigits, n)
}

// validUTF8 replaces invalid bytes, which input from outside may hold.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
