package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSONOptions are the keyword arguments of Python's json.dumps.
type JSONOptions struct {
	// ItemSep and KeySep default to ", " and ": "; with an indent ItemSep
	// defaults to ",".
	ItemSep, KeySep string
	Indent          string // one level, empty together with Pretty false for none
	Pretty          bool   // newlines even when Indent is empty (indent=0)
	SortKeys        bool
	KeepUnicode     bool // ensure_ascii=False
	// Default, if not nil, replaces values JSON does not know (default=).
	Default func(v any) (any, error)
}

// IndentOf turns the indent argument of json.dumps (None, an int or a str)
// into options.
func (o *JSONOptions) IndentOf(v any) error {
	switch x := v.(type) {
	case nil:
		return nil
	case string:
		o.Indent, o.Pretty = x, true
		return nil
	}
	n, err := AsIndex(v)
	if err != nil {
		return TypeErrorf("can't multiply sequence by non-int of type '%s'", TypeName(v))
	}
	if n > 1<<16 {
		return memoryError()
	}
	o.Indent, o.Pretty = strings.Repeat(" ", int(max(n, 0))), true
	return nil
}

// DumpJSON is json.dumps(v, **options).
func DumpJSON(b *Budget, v any, o JSONOptions) (string, error) {
	if o.ItemSep == "" {
		o.ItemSep = ", "
		if o.Pretty {
			o.ItemSep = ","
		}
	}
	if o.KeySep == "" {
		o.KeySep = ": "
	}
	w := jsonWriter{printer: printer{b: b}, o: o}
	if err := w.value(v); err != nil {
		return "", err
	}
	return string(w.out), nil
}

// ToJSON writes v compactly with its non-ASCII text kept, the form documents
// are stored and sent in.
func ToJSON(v any) ([]byte, error) {
	s, err := DumpJSON(nil, v, JSONOptions{ItemSep: ",", KeySep: ":", KeepUnicode: true})
	return []byte(s), err
}

type jsonWriter struct {
	printer
	o JSONOptions
}

func (w *jsonWriter) value(v any) error {
	switch x := v.(type) {
	case nil:
		w.text("null")
	case bool:
		w.out = strconv.AppendBool(w.out, x)
	case string:
		w.out = appendJSONString(w.out, x, !w.o.KeepUnicode)
	case int64:
		w.out = strconv.AppendInt(w.out, x, 10)
	case float64:
		w.text(jsonFloat(x))
	case Markup:
		w.out = appendJSONString(w.out, string(x), !w.o.KeepUnicode)
	case *big.Int:
		s, err := bigText(w.b, x)
		if err != nil {
			return err
		}
		w.text(s)
	case *List:
		return w.array(v, x.Items)
	case Tuple:
		return w.array(new(int), x)
	case *Dict:
		return w.object(x)
	default:
		if w.o.Default == nil {
			return TypeErrorf("Object of type %s is not JSON serializable", jsonTypeName(v))
		}
		r, err := w.o.Default(v)
		if err != nil {
			return err
		}
		if err := w.begin(new(int)); err != nil { // Default may go on forever
			return err
		}
		defer w.leave()
		return w.value(r)
	}
	return w.charge()
}

func jsonTypeName(v any) string {
	switch v.(type) {
	case DateTime, Date, TimeSpan:
		return shortType(v)
	}
	return TypeName(v)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	return FloatRepr(f)
}

func (w *jsonWriter) begin(v any) error {
	again, err := w.enter(v)
	if err != nil {
		return RecursionErrorf("maximum recursion depth exceeded while encoding a JSON object")
	}
	if again {
		return ValueErrorf("Circular reference detected")
	}
	return nil
}

// newline starts a line at the current depth when indenting.
func (w *jsonWriter) newline() error {
	if !w.o.Pretty {
		return nil
	}
	w.out = append(w.out, '\n')
	for range w.printer.open {
		w.text(w.o.Indent)
	}
	return w.charge()
}

func (w *jsonWriter) array(id any, items []any) error {
	if len(items) == 0 {
		w.text("[]")
		return nil
	}
	if err := w.begin(id); err != nil {
		return err
	}
	w.text("[")
	for i, item := range items {
		if i > 0 {
			w.text(w.o.ItemSep)
		}
		if err := w.newline(); err != nil {
			return err
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	w.leave()
	if err := w.newline(); err != nil {
		return err
	}
	w.text("]")
	return w.b.Step(int64(len(items)))
}

func (w *jsonWriter) object(d *Dict) error {
	if d.Len() == 0 {
		w.text("{}")
		return nil
	}
	if err := w.begin(d); err != nil {
		return err
	}
	keys := d.Keys()
	if w.o.SortKeys {
		if err := SortItems(w.b, keys, nil, false); err != nil {
			return err
		}
	}
	w.text("{")
	for i, k := range keys {
		name, err := jsonKey(w.b, k)
		if err != nil {
			return err
		}
		if i > 0 {
			w.text(w.o.ItemSep)
		}
		if err := w.newline(); err != nil {
			return err
		}
		w.out = appendJSONString(w.out, name, !w.o.KeepUnicode)
		w.text(w.o.KeySep)
		v, _ := d.Get(k)
		if err := w.value(v); err != nil {
			return err
		}
	}
	w.leave()
	if err := w.newline(); err != nil {
		return err
	}
	w.text("}")
	return w.b.Step(int64(d.Len()))
}

// jsonKey is the text of a dict key; only scalars are allowed.
func jsonKey(b *Budget, k any) (string, error) {
	switch x := k.(type) {
	case string:
		return x, nil
	case Markup:
		return string(x), nil
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(x), nil
	case float64:
		return jsonFloat(x), nil
	case int64, *big.Int:
		return Str(b, x)
	}
	return "", TypeErrorf("keys must be str, int, float, bool or None, not %s", jsonTypeName(k))
}

// appendJSONString quotes s as Python's json does, which escapes neither "/"
// nor HTML characters.
func appendJSONString(dst []byte, s string, ascii bool) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\r':
				dst = append(dst, '\\', 'r')
			case c == '\t':
				dst = append(dst, '\\', 't')
			case c == '\f':
				dst = append(dst, '\\', 'f')
			case c == '\b':
				dst = append(dst, '\\', 'b')
			case c < 0x20 || c == 0x7f && ascii:
				dst = appendHex(dst, 'u', uint32(c), 4)
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, n := decodeRune(s[i:])
		switch {
		case !ascii:
			dst = append(dst, s[i:i+n]...)
		case r >= 0x10000:
			r -= 0x10000
			dst = appendHex(dst, 'u', uint32(0xd800+r>>10), 4)
			dst = appendHex(dst, 'u', uint32(0xdc00+r&0x3ff), 4)
		default:
			dst = appendHex(dst, 'u', uint32(r), 4)
		}
		i += n
	}
	return append(dst, '"')
}
