package value

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// codecName normalises the name of an encoding; "" when it is unknown.
func codecName(name string) string {
	n := strings.ToLower(strings.NewReplacer("_", "-", " ", "-").Replace(name))
	switch n {
	case "utf-8", "utf8", "u8", "utf", "cp65001":
		return "utf-8"
	case "utf-8-sig":
		return "utf-8-sig"
	case "ascii", "us-ascii", "646", "ansi-x3.4-1968", "iso646-us":
		return "ascii"
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "8859", "cp819", "l1", "latin":
		return "latin-1"
	case "cp1252", "windows-1252", "1252":
		return "cp1252"
	case "utf-16", "utf16", "u16":
		return "utf-16"
	case "utf-16-le", "utf-16le":
		return "utf-16-le"
	case "utf-16-be", "utf-16be":
		return "utf-16-be"
	case "utf-32", "utf32", "u32":
		return "utf-32"
	case "utf-32-le", "utf-32le":
		return "utf-32-le"
	case "utf-32-be", "utf-32be":
		return "utf-32-be"
	}
	return ""
}

func codecArg(c *call, i int, what, def string) (string, error) {
	v := c.or(i, def)
	s, ok := AsString(v)
	if !ok {
		return "", TypeErrorf("%s() argument '%s' must be str, not %s", c.name, what, argType(v))
	}
	return s, nil
}

func unknownEncoding(name string) error {
	switch strings.ToLower(name) {
	case "base64", "hex", "rot13", "zlib", "bz2", "uu", "quopri":
		return Errorf("LookupError", "'%s' is not a text encoding; use codecs.encode() to handle arbitrary codecs", name)
	}
	return Errorf("LookupError", "unknown encoding: %s", name)
}

func mEncode(c *call) (any, error) {
	s, _ := AsString(c.self)
	enc, err := codecArg(c, 0, "encoding", "utf-8")
	if err != nil {
		return nil, err
	}
	handler, err := codecArg(c, 1, "errors", "strict")
	if err != nil {
		return nil, err
	}
	return Encode(c.b, s, enc, handler)
}

// Encode is s.encode(encoding, errors) for the Unicode encodings, ASCII,
// Latin-1 and Windows-1252.
func Encode(b *Budget, s, encoding, handler string) (Bytes, error) {
	name := codecName(encoding)
	if name == "" {
		return "", unknownEncoding(encoding)
	}
	if err := b.Alloc(int64(len(s)) * 4); err != nil {
		return "", err
	}
	if name == "utf-8" && utf8.ValidString(s) || isASCII(s) && (name == "ascii" || name == "latin-1") {
		return Bytes(s), nil
	}
	var out []byte
	switch name {
	case "utf-8-sig":
		out = append(out, "\xef\xbb\xbf"...)
	case "utf-16":
		out = append(out, 0xff, 0xfe)
	case "utf-32":
		out = append(out, 0xff, 0xfe, 0, 0)
	}
	rs := runes(s)
	for i := 0; i < len(rs); {
		if enc, ok := encodeRune(out, name, rs[i]); ok {
			out = enc
			i++
			continue
		}
		end := i + 1
		for end < len(rs) {
			if _, ok := encodeRune(nil, name, rs[end]); ok {
				break
			}
			end++
		}
		repl, err := encodeFallback(name, handler, rs, i, end)
		if err != nil {
			return "", err
		}
		for _, r := range repl {
			out, _ = encodeRune(out, name, r)
		}
		i = end
	}
	return Bytes(out), nil
}

func encodeRune(dst []byte, name string, r rune) ([]byte, bool) {
	surrogate := r >= 0xd800 && r < 0xe000
	switch name {
	case "ascii":
		return append(dst, byte(r)), r < 0x80
	case "latin-1":
		return append(dst, byte(r)), r < 0x100
	case "cp1252":
		if r < 0x80 || r >= 0xa0 && r < 0x100 {
			return append(dst, byte(r)), true
		}
		if i := strings.IndexRune(cp1252High, r); i >= 0 && r != '\ufffd' {
			return append(dst, byte(0x80+utf8.RuneCountInString(cp1252High[:i]))), true
		}
		return dst, false
	}
	if surrogate {
		return dst, false
	}
	switch name {
	case "utf-8", "utf-8-sig":
		return utf8.AppendRune(dst, r), true
	case "utf-32", "utf-32-le":
		return binary.LittleEndian.AppendUint32(dst, uint32(r)), true
	case "utf-32-be":
		return binary.BigEndian.AppendUint32(dst, uint32(r)), true
	}
	for _, u := range utf16.AppendRune(nil, r) {
		if name == "utf-16-be" {
			dst = binary.BigEndian.AppendUint16(dst, u)
		} else {
			dst = binary.LittleEndian.AppendUint16(dst, u)
		}
	}
	return dst, true
}

// cp1252High are the characters of the bytes 0x80 to 0x9f, U+FFFD for none.
const cp1252High = "\u20ac\ufffd\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\ufffd\u017d\ufffd" +
	"\ufffd\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\ufffd\u017e\u0178"

// encodeFallback answers for characters start..end that cannot be encoded.
func encodeFallback(name, handler string, rs []rune, start, end int) (string, error) {
	switch handler {
	case "strict":
	case "ignore":
		return "", nil
	case "replace":
		return strings.Repeat("?", end-start), nil
	case "xmlcharrefreplace":
		var out strings.Builder
		for _, r := range rs[start:end] {
			fmt.Fprintf(&out, "&#%d;", r)
		}
		return out.String(), nil
	case "backslashreplace":
		var out []byte
		for _, r := range rs[start:end] {
			out = appendUnicodeEscape(out, r)
		}
		return string(out), nil
	default:
		return "", Errorf("LookupError", "unknown error handler name '%s'", handler)
	}
	why := "surrogates not allowed"
	codec := name
	switch name {
	case "ascii":
		why = "ordinal not in range(128)"
	case "latin-1":
		why = "ordinal not in range(256)"
	case "cp1252":
		codec, why = "charmap", "character maps to <undefined>"
	case "utf-8-sig":
		codec = "utf-8"
	}
	if end-start == 1 {
		return "", Errorf("UnicodeEncodeError", "'%s' codec can't encode character '%s' in position %d: %s",
			codec, appendUnicodeEscape(nil, rs[start]), start, why)
	}
	return "", Errorf("UnicodeEncodeError", "'%s' codec can't encode characters in position %d-%d: %s", codec, start, end-1, why)
}
