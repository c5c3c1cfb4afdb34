package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// Truthy is Python's bool(v).
func Truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case Object:
		return len(v) > 0
	}
	return true
}

// PythonText is Python's str(v). A number is written as a float when it is
// declared as one or written as one.
func PythonText(v any, float bool) string {
	if s, ok := v.(string); ok {
		return s
	}
	if n, ok := v.(json.Number); ok && float {
		if f, err := n.Float64(); err == nil {
			return value.FloatRepr(f)
		}
	}
	return PythonRepr(v)
}

// PythonRepr is Python's repr(v).
func PythonRepr(v any) string {
	var b strings.Builder
	writeRepr(&b, v)
	return b.String()
}

// PythonType names the type a JSON value has in Python.
func PythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case float64:
		return "float"
	case []any:
		return "list"
	case map[string]any, Object:
		return "dict"
	default:
		return fmt.Sprintf("%T", v)
	}
}

func writeRepr(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case string:
		b.WriteString(value.StrRepr(v))
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			b.WriteString(value.FloatRepr(f))
		} else {
			b.WriteString(v.String())
		}
	case float64:
		b.WriteString(value.FloatRepr(v))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, item)
		}
		b.WriteByte(']')
	case map[string]any:
		writeRepr(b, sorted(v))
	case Object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(value.StrRepr(m.Name))
			b.WriteString(": ")
			writeRepr(b, m.Value)
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v)
	}
}

// sorted is a map as an object with its keys in order.
func sorted(m map[string]any) Object {
	o := make(Object, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		o = append(o, Member{name, m[name]})
	}
	return o
}

// CompactJSON writes v as JSON without blanks and with characters as they are.
func CompactJSON(v any) string {
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.String()
}

func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case map[string]any:
		writeJSON(b, sorted(v))
	case Object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			AppendText(b, m.Name)
			b.WriteByte(':')
			writeJSON(b, m.Value)
		}
		b.WriteByte('}')
	case string:
		AppendText(b, v)
	default:
		scalar, err := json.Marshal(v)
		if err != nil {
			scalar = []byte("null")
		}
		b.Write(scalar)
	}
}

// AppendText writes s, which must be valid UTF-8, as a JSON string. Unlike
// json.Marshal it leaves <, > and & as they are: results are read by people,
// and no browser runs them. It makes no copy on the way: s may be large.
func AppendText[T string | []byte](b *bytes.Buffer, s T) {
	const hex = "0123456789abcdef"
	b.Grow(len(s) + len(s)/32 + 2) // a line of text has an escape at its end
	b.WriteByte('"')
	for {
		n := plain(s)
		write(b, s[:n])
		if n == len(s) {
			break
		}
		switch c := s[n]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteString(`\u00`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
		s = s[n+1:]
	}
	b.WriteByte('"')
}

// plain returns how many bytes at the start of s stand for themselves in a JSON
// string. It looks at eight at a time: a result may have megabytes.
func plain[T string | []byte](s T) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// The top bit of a byte is set when it was below the space, or a zero after
		// the quote or the backslash was taken off. A borrow only ever marks a byte
		// above one that is truly marked.
		quote, slash := w^(low*'"'), w^(low*'\\')
		if marked := ((w-low*' ')&^w | (quote-low)&^quote | (slash-low)&^slash) & high; marked != 0 {
			return i + bits.TrailingZeros64(marked)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

func write[T string | []byte](b *bytes.Buffer, s T) {
	switch s := any(s).(type) {
	case string:
		b.WriteString(s)
	case []byte:
		b.Write(s)
	}
}
