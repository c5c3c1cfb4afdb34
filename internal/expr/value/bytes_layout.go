package value

import "strings"

// Methods of bytes that lay out or change the case of ASCII text.

func mBytesJustify(c *call) (any, error) {
	s := string(c.self.(Bytes))
	width, err := c.size(0, 0)
	if err != nil {
		return nil, err
	}
	fill := " "
	if v, ok := c.given(1); ok {
		x, isBytes := v.(Bytes)
		if !isBytes || len(x) != 1 {
			return nil, TypeErrorf("%s() argument 2 must be a byte string of length 1, not %s", c.name, argType(v))
		}
		fill = string(x)
	}
	room := max(width-int64(len(s)), 0)
	var left int64
	switch c.name {
	case "rjust":
		left = room
	case "center":
		left = room/2 + room&width&1
	}
	if err := c.b.Alloc(room); err != nil {
		return nil, err
	}
	return Bytes(strings.Repeat(fill, int(left)) + s + strings.Repeat(fill, int(room-left))), nil
}

func mBytesZfill(c *call) (any, error) {
	s := string(c.self.(Bytes))
	width, err := c.size(0, 0)
	if err != nil {
		return nil, err
	}
	room := max(width-int64(len(s)), 0)
	zeros, err := repeatText(c.b, "0", room)
	if err != nil {
		return nil, err
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return Bytes(s[:1] + zeros + s[1:]), nil
	}
	return Bytes(zeros + s), nil
}

func bytesSwapcase(s string) string {
	out := []byte(s)
	for i, c := range out {
		if asciiLetter(c) {
			out[i] = c ^ 0x20
		}
	}
	return string(out)
}

func bytesTitle(s string) string {
	out := []byte(s)
	inWord := false
	for i, c := range out {
		if !asciiLetter(c) {
			inWord = false
			continue
		}
		out[i] = c &^ 0x20
		if inWord {
			out[i] = c | 0x20
		}
		inWord = true
	}
	return string(out)
}

func mBytesIsTitle(c *call) (any, error) {
	s := string(c.self.(Bytes))
	return bytesTitle(s) == s && strings.ContainsFunc(s, func(r rune) bool { return r < 0x80 && asciiLetter(byte(r)) }), nil
}

func mBytesSplitlines(c *call) (any, error) {
	s := string(c.self.(Bytes))
	keep, err := c.cInt(0, 0)
	if err != nil {
		return nil, err
	}
	if err := c.b.Alloc(int64(strings.Count(s, "\n")+strings.Count(s, "\r")) * 32); err != nil {
		return nil, err
	}
	out := &List{Items: []any{}}
	for s != "" {
		end := strings.IndexAny(s, "\r\n")
		next := len(s)
		if end < 0 {
			end = len(s)
		} else if next = end + 1; s[end] == '\r' && next < len(s) && s[next] == '\n' {
			next++
		}
		line := s[:end]
		if keep != 0 {
			line = s[:next]
		}
		out.Items = append(out.Items, Bytes(line))
		s = s[next:]
	}
	return out, nil
}
