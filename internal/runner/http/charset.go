package http

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"squall/internal/runner"
)

// isJSON reports whether a body of this content type is parsed: exactly
// application/json, whatever parameters follow (st2; case matters).
func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return kind == "application/json"
}

// decodeText turns a body into UTF-8 by the rules of requests: the charset, if
// the header names one; Latin-1 for text without; UTF-8 for JSON. For
// everything else requests guesses; we take UTF-8 if it is that, Latin-1 if not.
// A body that is right as it is is returned itself: it may be large.
func decodeText(body []byte, contentType string) []byte {
	name := strings.ToLower(charsetOf(contentType))
	if name == "" {
		switch {
		case strings.Contains(contentType, "text"):
			name = "latin-1"
		case strings.Contains(contentType, "application/json"), utf8.Valid(body):
			name = "utf-8"
		default:
			name = "latin-1"
		}
	}
	switch name = strings.ReplaceAll(name, "_", "-"); name {
	case "iso-8859-1", "latin-1", "latin1", "iso8859-1", "l1":
		if isASCII(body) {
			return body
		}
		return []byte(latin1(string(body)))
	}
	if enc, ok := charsets[name]; ok {
		if text, err := enc.NewDecoder().Bytes(body); err == nil {
			return text
		}
	}
	if utf8.Valid(body) {
		return body
	}
	return []byte(runner.Text(body)) // UTF-8, and charsets nobody knows (requests)
}

// isASCII looks at eight bytes at a time.
func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// charsets are those beside UTF-8 and Latin-1 that servers still send.
var charsets = map[string]encoding.Encoding{
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-5": charmap.ISO8859_5, "iso-8859-7": charmap.ISO8859_7,
	"iso-8859-9": charmap.ISO8859_9, "iso-8859-15": charmap.ISO8859_15, "latin-9": charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252,
	"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1252": charmap.Windows1252,
	"koi8-r": charmap.KOI8R, "cp437": charmap.CodePage437, "cp850": charmap.CodePage850,
	"utf-16":   unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	"utf-16le": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-16be": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
}

// charsetOf returns the charset parameter of a content type, "" without one.
func charsetOf(contentType string) string {
	_, rest, _ := strings.Cut(contentType, ";")
	for param := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "charset") {
			return strings.Trim(strings.TrimSpace(value), `'"`)
		}
	}
	return ""
}

// latin1 decodes bytes that each are a character.
func latin1(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			runes := make([]rune, len(s))
			for i := range len(s) {
				runes[i] = rune(s[i])
			}
			return string(runes)
		}
	}
	return s
}

// toLatin1 encodes text for a header.
func toLatin1(s string) (string, error) {
	out := make([]byte, 0, len(s))
	position := 0
	for _, r := range s {
		if r > 0xFF {
			return "", runner.Complain("'latin-1' codec can't encode character '%s' in position %d: ordinal not in range(256)", escaped(r), position)
		}
		out = append(out, byte(r))
		position++
	}
	return string(out), nil
}

func escaped(r rune) string {
	if r > 0xFFFF {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
