package value

import (
	"encoding/hex"
	"strings"
)

// bytesMethods work like those of str on ASCII: the methods of str run on the
// bytes as Latin-1 would, which for these is the same.
var bytesMethods = map[string]*method{
	"capitalize":   noArgs(bytesMap(func(s string) string { return asciiUpper(s[:min(1, len(s))]) + asciiLower(s[min(1, len(s)):]) })),
	"center":       unpack(1, 2, mBytesJustify),
	"count":        parsed(1, 3, mBytesFind),
	"decode":       keywords(0, mDecode, "encoding", "errors"),
	"endswith":     parsed(1, 3, mBytesStarts),
	"find":         parsed(1, 3, mBytesFind),
	"fromhex":      oneArg(mBytesFromHex),
	"hex":          keywords(0, mBytesHex, "sep", "bytes_per_sep"),
	"index":        parsed(1, 3, mBytesFind),
	"isalnum":      noArgs(bytesTest(func(c byte) bool { return asciiDigit(c) || asciiLetter(c) })),
	"isalpha":      noArgs(bytesTest(asciiLetter)),
	"isascii":      noArgs(func(c *call) (any, error) { return isASCII(string(c.self.(Bytes))), nil }),
	"isdigit":      noArgs(bytesTest(asciiDigit)),
	"islower":      noArgs(bytesCase('a')),
	"isspace":      noArgs(bytesTest(func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' })),
	"istitle":      noArgs(mBytesIsTitle),
	"isupper":      noArgs(bytesCase('A')),
	"join":         oneArg(mBytesJoin),
	"ljust":        unpack(1, 2, mBytesJustify),
	"lower":        noArgs(bytesMap(asciiLower)),
	"lstrip":       unpack(0, 1, mBytesStrip),
	"partition":    oneArg(mBytesPartition),
	"removeprefix": oneArg(mBytesAffix),
	"removesuffix": oneArg(mBytesAffix),
	"replace":      unpack(2, 3, mBytesReplace),
	"rfind":        parsed(1, 3, mBytesFind),
	"rindex":       parsed(1, 3, mBytesFind),
	"rjust":        unpack(1, 2, mBytesJustify),
	"rpartition":   oneArg(mBytesPartition),
	"rsplit":       keywords(0, mBytesSplit, "sep", "maxsplit"),
	"rstrip":       unpack(0, 1, mBytesStrip),
	"split":        keywords(0, mBytesSplit, "sep", "maxsplit"),
	"splitlines":   keywords(0, mBytesSplitlines, "keepends"),
	"startswith":   parsed(1, 3, mBytesStarts),
	"strip":        unpack(0, 1, mBytesStrip),
	"swapcase":     noArgs(bytesMap(bytesSwapcase)),
	"title":        noArgs(bytesMap(bytesTitle)),
	"upper":        noArgs(bytesMap(asciiUpper)),
	"zfill":        oneArg(mBytesZfill),
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func asciiUpper(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'a' && c <= 'z' {
			out[i] = c - 0x20
		}
	}
	return string(out)
}

func asciiLower(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 0x20
		}
	}
	return string(out)
}

func bytesMap(f func(string) string) methodFunc {
	return func(c *call) (any, error) { return Bytes(f(string(c.self.(Bytes)))), nil }
}

func bytesTest(f func(byte) bool) methodFunc {
	return func(c *call) (any, error) {
		s := c.self.(Bytes)
		for i := range len(s) {
			if !f(s[i]) {
				return false, nil
			}
		}
		return s != "", nil
	}
}

func bytesCase(first byte) methodFunc {
	return func(c *call) (any, error) {
		found := false
		for _, x := range []byte(c.self.(Bytes)) {
			if !asciiLetter(x) {
				continue
			}
			if x < first || x > first+25 {
				return false, nil
			}
			found = true
		}
		return found, nil
	}
}

func wantBytes(v any) (string, error) {
	x, ok := v.(Bytes)
	if !ok {
		return "", TypeErrorf("a bytes-like object is required, not '%s'", TypeName(v))
	}
	return string(x), nil
}

func mBytesFind(c *call) (any, error) {
	var sub string
	switch x := c.args[0].(type) {
	case Bytes:
		sub = string(x)
	case int64:
		if x < 0 || x > 255 {
			return nil, ValueErrorf("byte must be in range(0, 256)")
		}
		sub = string([]byte{byte(x)})
	default:
		return nil, TypeErrorf("argument should be integer or bytes-like object, not '%s'", TypeName(x))
	}
	s := string(c.self.(Bytes))
	first, last, err := c.byteWindow(len(s))
	if err != nil {
		return nil, err
	}
	if first > last {
		if c.name == "count" {
			return int64(0), nil
		}
	} else {
		part := s[first:last]
		var at int
		switch {
		case c.name == "count" && sub == "":
			return int64(len(part)) + 1, nil
		case c.name == "count":
			return int64(strings.Count(part, sub)), nil
		case c.name[0] == 'r':
			at = strings.LastIndex(part, sub)
		default:
			at = strings.Index(part, sub)
		}
		if at >= 0 {
			return int64(first + at), nil
		}
	}
	if strings.HasSuffix(c.name, "index") {
		return nil, ValueErrorf("subsection not found")
	}
	return int64(-1), nil
}

// byteWindow reads the optional start and end arguments.
func (c *call) byteWindow(n int) (first, last int, err error) {
	bounds := [2]int64{0, int64(n)}
	for i := range bounds {
		v := c.or(i+1, nil)
		if v == nil {
			continue
		}
		k, err := slicePart(v)
		if err != nil {
			return 0, 0, err
		}
		if k < 0 {
			k = max(k+int64(n), 0)
		}
		bounds[i] = k
	}
	return int(min(bounds[0], int64(n)+1)), int(min(bounds[1], int64(n))), nil
}

func mBytesStarts(c *call) (any, error) {
	s := string(c.self.(Bytes))
	first, last, err := c.byteWindow(len(s))
	if err != nil {
		return nil, err
	}
	options, isTuple := c.args[0].(Tuple)
	if !isTuple {
		options = Tuple{c.args[0]}
	}
	for _, o := range options {
		x, ok := o.(Bytes)
		if !ok && isTuple {
			return nil, TypeErrorf("a bytes-like object is required, not '%s'", TypeName(o))
		}
		if !ok {
			return nil, TypeErrorf("%s first arg must be bytes or a tuple of bytes, not %s", c.name, TypeName(o))
		}
		if first > last {
			continue
		}
		if c.name == "startswith" && strings.HasPrefix(s[first:last], string(x)) ||
			c.name == "endswith" && strings.HasSuffix(s[first:last], string(x)) {
			return true, nil
		}
	}
	return false, nil
}

func mBytesFromHex(c *call) (any, error) {
	text, ok := AsString(c.args[0])
	if !ok {
		return nil, TypeErrorf("fromhex() argument must be str, not %s", TypeName(c.args[0]))
	}
	var out []byte
	for i := 0; i < len(text); {
		if text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r' {
			i++
			continue
		}
		for k := i; k < i+2; k++ {
			if k >= len(text) || strings.IndexByte("0123456789abcdefABCDEF", text[k]) < 0 {
				return nil, ValueErrorf("non-hexadecimal number found in fromhex() arg at position %d", k)
			}
		}
		b, _ := hex.DecodeString(text[i : i+2])
		out = append(out, b...)
		i += 2
	}
	return Bytes(out), nil
}

func mBytesHex(c *call) (any, error) {
	s := hex.EncodeToString([]byte(c.self.(Bytes)))
	v, ok := c.given(0)
	if !ok {
		return s, nil
	}
	sep, isText := AsString(v)
	if x, isBytes := v.(Bytes); isBytes {
		sep, isText = string(x), true
	}
	if !isText {
		return nil, TypeErrorf("sep must be str or bytes.")
	}
	if len(sep) != 1 {
		return nil, ValueErrorf("sep must be length 1.")
	}
	group, err := c.size(1, 1)
	if err != nil || group == 0 {
		return s, err
	}
	// Positive groups count from the right, negative ones from the left.
	size := int(min(max(group, -group), int64(len(s)+1))) * 2
	var parts []string
	if head := len(s) % size; group > 0 && head > 0 {
		parts, s = append(parts, s[:head]), s[head:]
	}
	for ; len(s) > size; s = s[size:] {
		parts = append(parts, s[:size])
	}
	if s != "" {
		parts = append(parts, s)
	}
	return strings.Join(parts, sep), nil
}

func mBytesJoin(c *call) (any, error) {
	if !IsIterable(c.args[0]) {
		return nil, TypeErrorf("can only join an iterable")
	}
	items, err := Elements(c.b, c.args[0])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	total := 0
	for i, item := range items {
		x, ok := item.(Bytes)
		if !ok {
			return nil, TypeErrorf("sequence item %d: expected a bytes-like object, %s found", i, TypeName(item))
		}
		parts[i] = string(x)
		total += len(x) + len(c.self.(Bytes))
	}
	if err := c.b.Alloc(int64(total)); err != nil {
		return nil, err
	}
	return Bytes(strings.Join(parts, string(c.self.(Bytes)))), nil
}

func mBytesStrip(c *call) (any, error) {
	s := string(c.self.(Bytes))
	chars := " \t\n\r\v\f"
	if v := c.or(0, nil); v != nil {
		var err error
		if chars, err = wantBytes(v); err != nil {
			return nil, err
		}
	}
	first, last := 0, len(s)
	for c.name != "rstrip" && first < last && strings.IndexByte(chars, s[first]) >= 0 {
		first++
	}
	for c.name != "lstrip" && first < last && strings.IndexByte(chars, s[last-1]) >= 0 {
		last--
	}
	return Bytes(s[first:last]), nil
}

func mBytesPartition(c *call) (any, error) {
	s := c.self.(Bytes)
	sep, err := wantBytes(c.args[0])
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, ValueErrorf("empty separator")
	}
	find, missing := strings.Index, Tuple{s, Bytes(""), Bytes("")}
	if c.name == "rpartition" {
		find, missing = strings.LastIndex, Tuple{Bytes(""), Bytes(""), s}
	}
	i := find(string(s), sep)
	if i < 0 {
		return missing, nil
	}
	return Tuple{s[:i], Bytes(sep), s[i+len(sep):]}, nil
}

func mBytesAffix(c *call) (any, error) {
	s := string(c.self.(Bytes))
	affix, err := wantBytes(c.args[0])
	if err != nil {
		return nil, err
	}
	if c.name == "removeprefix" {
		return Bytes(strings.TrimPrefix(s, affix)), nil
	}
	return Bytes(strings.TrimSuffix(s, affix)), nil
}

func mBytesReplace(c *call) (any, error) {
	from, err := wantBytes(c.args[0])
	if err != nil {
		return nil, err
	}
	to, err := wantBytes(c.args[1])
	if err != nil {
		return nil, err
	}
	limit, err := c.size(2, -1)
	if err != nil {
		return nil, err
	}
	s := string(c.self.(Bytes))
	if from != "" {
		s, err = Replace(c.b, s, from, to, limit)
		return Bytes(s), err
	}
	// Between all bytes, not characters.
	if err := c.b.Alloc(int64(len(s)+1) * int64(len(to)+1)); err != nil {
		return nil, err
	}
	var out []byte
	for i := 0; i <= len(s); i++ {
		if limit != 0 {
			out = append(out, to...)
			limit--
		}
		if i < len(s) {
			out = append(out, s[i])
		}
	}
	return Bytes(out), nil
}

func mBytesSplit(c *call) (any, error) {
	s := string(c.self.(Bytes))
	limit, err := c.size(1, -1)
	if err != nil {
		return nil, err
	}
	var parts []string
	if v := c.or(0, nil); v == nil {
		// White space is ASCII here; Latin-1 text keeps bytes and characters apart.
		parts = splitByteSpace(s, limit, c.name == "rsplit")
	} else {
		sep, err := wantBytes(v)
		if err != nil {
			return nil, err
		}
		if sep == "" {
			return nil, ValueErrorf("empty separator")
		}
		on := splitOn
		if c.name == "rsplit" {
			on = rsplitOn
		}
		parts = on(s, sep, limit)
	}
	if err := c.b.Alloc(int64(len(parts)) * 32); err != nil {
		return nil, err
	}
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = Bytes(p)
	}
	return &List{Items: items}, nil
}

func splitByteSpace(s string, limit int64, right bool) []string {
	const space = " \t\n\r\v\f"
	fields := strings.FieldsFunc(s, func(r rune) bool { return r < 0x80 && strings.IndexByte(space, byte(r)) >= 0 })
	if limit < 0 || int64(len(fields)) <= limit {
		return fields
	}
	if right {
		s = strings.TrimRight(s, space)
		tail := fields[len(fields)-int(limit):]
		for range limit {
			s = strings.TrimRight(s, space)
			s = s[:strings.LastIndexAny(s, space)+1]
		}
		return append([]string{strings.TrimRight(s, space)}, tail...)
	}
	for range limit {
		s = strings.TrimLeft(s, space)
		s = s[strings.IndexAny(s, space):]
	}
	return append(fields[:limit:limit], strings.TrimLeft(s, space))
}
