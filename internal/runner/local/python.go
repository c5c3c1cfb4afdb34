package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Values in the notation of Python, which is what scripts written for the
// original parse. A value is nil, bool, string, json.Number, float64, []any,
// map[string]any or object.

// object is a JSON object whose keys kept their order.
type object []member

type member struct {
	name  string
	value any
}

// decodeOrdered decodes a JSON document, its objects as object. Of equal keys
// the last value counts, at the first one's place, as in a Python dict.
func decodeOrdered(doc json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := orderedValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

func orderedValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			o = o.with(key.(string), v)
		}
		_, err := d.Token()
		return o, err
	}
	return token, nil
}

func (o object) with(name string, value any) object {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, member{name, value})
}

// members returns the values of a JSON object by name, and the names in order.
// Anything else has none.
func members(doc json.RawMessage) (map[string]json.RawMessage, []string) {
	var values map[string]json.RawMessage
	if len(doc) == 0 || json.Unmarshal(doc, &values) != nil {
		return nil, nil
	}
	v, err := decodeOrdered(doc)
	o, ok := v.(object)
	if err != nil || !ok {
		return values, slices.Sorted(maps.Keys(values))
	}
	names := make([]string, len(o))
	for i, m := range o {
		names[i] = m.name
	}
	return values, names
}

// truthy is Python's bool(v).
func truthy(v any) bool {
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
	case object:
		return len(v) > 0
	}
	return true
}

// pythonText is Python's str(v). A number is written as a float when it is
// declared as one or written as one.
func pythonText(v any, float bool) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	if n, ok := v.(json.Number); ok && float {
		if f, err := n.Float64(); err == nil {
			return pythonFloat(f)
		}
	}
	writeRepr(&b, v)
	return b.String()
}

// writeRepr writes Python's repr(v).
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
		writeQuoted(b, v)
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			b.WriteString(pythonFloat(f))
		} else {
			b.WriteString(v.String())
		}
	case float64:
		b.WriteString(pythonFloat(v))
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
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeQuoted(b, m.name)
			b.WriteString(": ")
			writeRepr(b, m.value)
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v)
	}
}

// sorted is a map as an object with its keys in order.
func sorted(m map[string]any) object {
	o := make(object, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		o = append(o, member{name, m[name]})
	}
	return o
}

// writeQuoted writes a string literal: in single quotes, unless it holds some
// and no double ones.
func writeQuoted(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
}

// pythonFloat is repr of a float: the shortest digits that read back the same,
// with ".0" where they look like an integer, an exponent from 1e16 and below 1e-4.
func pythonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// compactJSON writes v as JSON without blanks and with characters as they are.
func compactJSON(v any) string {
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
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			appendText(b, m.name)
			b.WriteByte(':')
			writeJSON(b, m.value)
		}
		b.WriteByte('}')
	case string:
		appendText(b, v)
	default:
		scalar, err := json.Marshal(v)
		if err != nil {
			scalar = []byte("null")
		}
		b.Write(scalar)
	}
}
