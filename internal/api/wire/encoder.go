package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// bypass is the size from which a stored document is handed to the writer as it
// is instead of being copied into the buffer: a result of megabytes is not
// copied on its way out.
const bypass = 16 << 10

// Encoder writes JSON documents to w through a bounded buffer. Errors of w
// stick and are returned by Close.
type Encoder struct {
	// OneLine leaves no line break in the output, as server-sent events need.
	OneLine bool

	w     io.Writer
	b     []byte
	comma bool // the next member or element needs a comma in front
	err   error
}

var encoders = sync.Pool{New: func() any { return &Encoder{b: make([]byte, 0, 2*bypass)} }}

// NewEncoder returns an encoder that writes to w. Close gives it back.
func NewEncoder(w io.Writer) *Encoder {
	e := encoders.Get().(*Encoder)
	e.w = w
	return e
}

// Close writes what is buffered, returns the first error and ends the use of e.
func (e *Encoder) Close() error {
	e.flush()
	err := e.err
	*e = Encoder{b: e.b[:0]}
	encoders.Put(e)
	return err
}

func (e *Encoder) flush() {
	if e.err == nil && len(e.b) > 0 {
		_, e.err = e.w.Write(e.b)
	}
	e.b = e.b[:0]
}

// Array writes a list; each is called once and writes the elements.
func (e *Encoder) Array(each func()) {
	e.open('[')
	each()
	e.close(']')
}

// Object writes an object; members is called once and writes the members.
func (e *Encoder) Object(members func()) {
	e.open('{')
	members()
	e.close('}')
}

func (e *Encoder) open(c byte) {
	e.sep()
	e.b = append(e.b, c)
	e.comma = false
}

func (e *Encoder) close(c byte) {
	e.b = append(e.b, c)
	e.comma = true
	if len(e.b) > bypass {
		e.flush()
	}
}

func (e *Encoder) sep() {
	if e.comma {
		e.b = append(e.b, ',')
	}
	e.comma = true
}

// key starts a member; the value must follow through one of the methods here.
func (e *Encoder) key(name string) {
	e.sep()
	e.b = AppendString(e.b, name)
	e.b = append(e.b, ':')
	e.comma = false
}

func (e *Encoder) str(key, v string) { e.key(key); e.b = AppendString(e.b, v); e.comma = true }
func (e *Encoder) bool(key string, v bool) {
	e.key(key)
	e.b = strconv.AppendBool(e.b, v)
	e.comma = true
}
func (e *Encoder) int(key string, v int64) {
	e.key(key)
	e.b = strconv.AppendInt(e.b, v, 10)
	e.comma = true
}
func (e *Encoder) time(key string, t time.Time) { e.key(key); e.b = appendTime(e.b, t); e.comma = true }

// string writes an element that is a string.
func (e *Encoder) string(v string) { e.sep(); e.b = AppendString(e.b, v) }

// seconds writes a duration as StackStorm does: seconds with up to six decimals.
func (e *Encoder) seconds(key string, d time.Duration) {
	e.key(key)
	e.b = strconv.AppendFloat(e.b, d.Round(time.Microsecond).Seconds(), 'f', -1, 64)
	e.comma = true
}

// raw writes a member whose value is a stored JSON document; an empty one is
// written as none says.
func (e *Encoder) raw(key string, doc []byte, none string) {
	e.key(key)
	if len(doc) == 0 {
		doc = []byte(none)
	}
	e.Raw(doc)
}

// Raw writes a JSON document that exists already.
func (e *Encoder) Raw(doc []byte) {
	e.sep()
	switch {
	case e.OneLine && bytes.ContainsAny(doc, "\r\n"):
		var c bytes.Buffer
		if err := json.Compact(&c, doc); err != nil && e.err == nil {
			e.err = err
		}
		e.b = append(e.b, c.Bytes()...)
	case len(doc) >= bypass:
		e.flush()
		if e.err == nil {
			_, e.err = e.w.Write(doc)
		}
	default:
		e.b = append(e.b, doc...)
	}
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
