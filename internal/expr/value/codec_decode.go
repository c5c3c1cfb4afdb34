package value

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func mDecode(c *call) (any, error) {
	enc, err := codecArg(c, 0, "encoding", "utf-8")
	if err != nil {
		return nil, err
	}
	handler, err := codecArg(c, 1, "errors", "strict")
	if err != nil {
		return nil, err
	}
	return Decode(c.b, c.self.(Bytes), enc, handler)
}

// Decode is b.decode(encoding, errors); see Encode for the encodings.
func Decode(b *Budget, data Bytes, encoding, handler string) (string, error) {
	if data == "" {
		return "", nil // CPython does not even look at the encoding
	}
	name := codecName(encoding)
	if name == "" {
		return "", unknownEncoding(encoding)
	}
	if err := b.Alloc(int64(len(data)) * 3); err != nil {
		return "", err
	}
	s := string(data)
	switch name {
	case "utf-8-sig":
		s, name = strings.TrimPrefix(s, "\xef\xbb\xbf"), "utf-8"
	case "utf-16", "utf-32":
		size := 2
		if name == "utf-32" {
			size = 4
		}
		order := "-le"
		switch bom := s[:min(size, len(s))]; bom {
		case "\xff\xfe", "\xff\xfe\x00\x00":
			s = s[size:]
		case "\xfe\xff", "\x00\x00\xfe\xff":
			s, order = s[size:], "-be"
		}
		name += order
	}
	if name == "utf-8" && utf8.ValidString(s) || name == "ascii" && isASCII(s) {
		return s, nil
	}
	return decodeBytes(s, name, handler)
}

func decodeBytes(s, name, handler string) (string, error) {
	var out []byte
	for i := 0; i < len(s); {
		r, n, why := decodeUnit(s[i:], name)
		if why == "" {
			out = appendRune(out, r)
			i += n
			continue
		}
		switch handler {
		case "strict":
			if n == 1 {
				return "", Errorf("UnicodeDecodeError", "'%s' codec can't decode byte 0x%02x in position %d: %s", codecShown(name), s[i], i, why)
			}
			return "", Errorf("UnicodeDecodeError", "'%s' codec can't decode bytes in position %d-%d: %s", codecShown(name), i, i+n-1, why)
		case "ignore":
		case "replace":
			out = append(out, "\ufffd"...)
		case "backslashreplace":
			for _, c := range []byte(s[i : i+n]) {
				out = appendHex(out, 'x', uint32(c), 2)
			}
		default:
			return "", Errorf("LookupError", "unknown error handler name '%s'", handler)
		}
		i += n
	}
	return string(out), nil
}

func codecShown(name string) string {
	if name == "cp1252" {
		return "charmap"
	}
	return name
}

// decodeUnit decodes one character, or says why it cannot and how many bytes
// are at fault.
func decodeUnit(s, name string) (r rune, n int, why string) {
	switch name {
	case "latin-1":
		return rune(s[0]), 1, ""
	case "ascii":
		if s[0] >= 0x80 {
			return 0, 1, "ordinal not in range(128)"
		}
		return rune(s[0]), 1, ""
	case "cp1252":
		if s[0] < 0x80 || s[0] >= 0xa0 {
			return rune(s[0]), 1, ""
		}
		r := []rune(cp1252High)[s[0]-0x80]
		if r == '\ufffd' {
			return 0, 1, "character maps to <undefined>"
		}
		return r, 1, ""
	case "utf-8":
		return decodeUTF8(s)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if strings.HasSuffix(name, "be") {
		order = binary.BigEndian
	}
	if strings.HasPrefix(name, "utf-32") {
		if len(s) < 4 {
			return 0, len(s), "truncated data"
		}
		u := order.Uint32([]byte(s[:4]))
		if u > 0x10ffff {
			return 0, 4, "code point not in range(0x110000)"
		}
		if u >= 0xd800 && u < 0xe000 {
			return 0, 4, "code point in surrogate code point range(0xd800, 0xe000)"
		}
		return rune(u), 4, ""
	}
	if len(s) < 2 {
		return 0, len(s), "truncated data"
	}
	u := order.Uint16([]byte(s[:2]))
	if u < 0xd800 || u >= 0xe000 {
		return rune(u), 2, ""
	}
	if u >= 0xdc00 {
		return 0, 2, "illegal encoding"
	}
	if len(s) < 4 {
		return 0, len(s), "unexpected end of data"
	}
	low := order.Uint16([]byte(s[2:4]))
	if low < 0xdc00 || low >= 0xe000 {
		return 0, 2, "illegal UTF-16 surrogate"
	}
	return utf16.DecodeRune(rune(u), rune(low)), 4, ""
}

func decodeUTF8(s string) (r rune, n int, why string) {
	r, n = utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || n > 1 {
		return r, n, ""
	}
	c := s[0]
	need := 0
	lo, hi := byte(0x80), byte(0xbf)
	switch {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
		if c == 0xe0 {
			lo = 0xa0
		}
		if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			lo = 0x90
		}
		if c == 0xf4 {
			hi = 0x8f
		}
	default:
		return 0, 1, "invalid start byte"
	}
	for k := 1; k <= need; k++ {
		if k >= len(s) {
			return 0, k, "unexpected end of data"
		}
		if s[k] < lo || s[k] > hi {
			return 0, k, "invalid continuation byte"
		}
		lo, hi = 0x80, 0xbf
	}
	return 0, 1, "invalid start byte"
}
