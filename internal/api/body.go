package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"

	"squall/internal/squall"
)

// object is a JSON object from a request. Its getters check the type of a
// member; the first that is wrong is kept in err, in the words of StackStorm's
// JSON-schema check. Names are compared exactly.
type object struct {
	members map[string]json.RawMessage
	err     error
}

// readObject reads the body of r, which must be a JSON object. An empty body is
// an empty object when optional says so.
func (s *Server) readObject(r *request, optional bool) (*object, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		media, _, err := mime.ParseMediaType(ct)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			if optional && r.ContentLength == 0 {
				return &object{}, nil
			}
			return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: Unsupported Content-Type: %q", ct)
		}
	}
	_ = r.rc.SetReadDeadline(time.Now().Add(s.BodyTimeout)) // a body that trickles in must not hold us forever
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(n) + bytes.MinRead) // no larger than the limit: checked before
	}
	_, err := buf.ReadFrom(r.Body)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, squall.Errorf(squall.Invalid, "The request body ended early.")
	case err != nil:
		return nil, err // the deadline stays: what else is read of the body must not wait either
	}
	_ = r.rc.SetReadDeadline(time.Time{}) // the connection may live long after this
	return parseObject(buf.Bytes(), optional)
}

// parseObject is readObject without the transport.
func parseObject(body []byte, optional bool) (*object, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		if optional {
			return &object{}, nil
		}
		return nil, squall.Errorf(squall.Invalid, "The request body is empty; a JSON object is expected.")
	}
	o := &object{}
	err := json.Unmarshal(body, &o.members)
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: %s: %s", syntaxText(bad), position(body, bad.Offset))
	}
	if err != nil || text[0] != '{' {
		return nil, squall.Errorf(squall.Invalid, "The request body must be a JSON object, not %s.", article[typeName(text)])
	}
	return o, nil
}

// syntaxTexts are the words of Python's json module for what Go's says; clients
// show them.
var syntaxTexts = []struct{ ours, theirs string }{
	{"looking for beginning of object key string", "Expecting property name enclosed in double quotes"},
	{"looking for beginning of value", "Expecting value"},
	{"after object key:value pair", "Expecting ',' delimiter"},
	{"after array element", "Expecting ',' delimiter"},
	{"after object key", "Expecting ':' delimiter"},
	{"after top-level value", "Extra data"},
	{"in string escape code", "Invalid \\escape"},
	{"in string literal", "Invalid control character at"},
}

// syntaxText says what is wrong with a document that is no JSON.
func syntaxText(err *json.SyntaxError) string {
	text := err.Error()
	for _, t := range syntaxTexts {
		if strings.HasSuffix(text, t.ours) {
			return t.theirs
		}
	}
	return text
}

// position says where an error lies, as Python's json module does. offset is
// the number of bytes read when it was seen.
func position(body []byte, offset int64) string {
	at := min(max(int(offset)-1, 0), len(body))
	if int(offset) >= len(body) && !json.Valid(body) && endsEarly(body) {
		at = len(body)
	}
	line := 1 + bytes.Count(body[:at], []byte{'\n'})
	column := at - bytes.LastIndexByte(body[:at], '\n')
	return fmt.Sprintf("line %d column %d (char %d)", line, column, at)
}

// endsEarly reports whether body could be continued to a document.
func endsEarly(body []byte) bool {
	var v any
	return errors.Is(json.NewDecoder(bytes.NewReader(body)).Decode(&v), io.ErrUnexpectedEOF)
}

// only refuses members that are not named.
func (o *object) only(names ...string) {
	var extra []string
	for name := range o.members {
		if !slices.Contains(names, name) {
			extra = append(extra, pyString(name))
		}
	}
	slices.Sort(extra)
	verb := "was"
	if len(extra) > 1 {
		verb = "were"
	}
	if len(extra) > 0 {
		o.fail("Additional properties are not allowed (%s %s unexpected)", strings.Join(extra, ", "), verb)
	}
}

// required refuses an object without the member.
func (o *object) required(name string) {
	if _, ok := o.members[name]; !ok {
		o.fail("%s is a required property", pyString(name))
	}
}

// raw returns a member as it stands, nil when it is not there or null; its JSON
// type must be one of types ("object", "array", "string" ...); the last one is
// named when it is not.
func (o *object) raw(name string, types ...string) json.RawMessage {
	v := bytes.TrimSpace(o.members[name])
	if len(v) == 0 || string(v) == "null" {
		return nil
	}
	if !slices.Contains(types, typeName(v)) {
		o.fail("%s is not of type %s", pyValue(v), pyString(types[len(types)-1]))
		return nil
	}
	return v
}

// article puts the types of JSON values into a sentence.
var article = map[string]string{
	"array": "an array", "string": "a string", "boolean": "a boolean", "null": "null", "number": "a number", "object": "an object",
}

// typeName is the JSON-schema name of v's type.
func typeName(v []byte) string {
	switch v[0] {
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '{':
		return "object"
	default:
		return "number"
	}
}

// str returns a member that is a string.
func (o *object) str(name string) string {
	var s string
	if v := o.raw(name, "string"); v != nil {
		o.decode(v, &s)
	}
	return s
}

// int returns a member that is a whole number, nil when it is not there.
func (o *object) int(name string) *int64 {
	v := o.raw(name, "number", "integer")
	if v == nil {
		return nil
	}
	var n int64
	if json.Unmarshal(v, &n) != nil {
		o.fail("%s is not of type 'integer'", pyValue(v))
		return nil
	}
	return &n
}

// bool returns a member that is true or false.
func (o *object) bool(name string) bool {
	var b bool
	if v := o.raw(name, "boolean"); v != nil {
		o.decode(v, &b)
	}
	return b
}

// strs returns a member that is a list of strings.
func (o *object) strs(name string) []string {
	var items []json.RawMessage
	if v := o.raw(name, "array"); v != nil {
		o.decode(v, &items)
	}
	list := make([]string, len(items))
	for i, v := range items {
		if typeName(v) != "string" {
			o.fail("%s is not of type 'string'", pyValue(v))
			return nil
		}
		o.decode(v, &list[i])
	}
	return list
}

func (o *object) decode(v json.RawMessage, into any) {
	if err := json.Unmarshal(v, into); err != nil {
		o.fail("%s cannot be read: %v", pyValue(v), err)
	}
}

func (o *object) fail(format string, args ...any) {
	if o.err == nil {
		o.err = squall.Errorf(squall.Invalid, format, args...)
	}
}

// pyString quotes s as Python shows strings, which is what StackStorm's
// messages hold.
func pyString(s string) string {
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + "'"
}

// pyValue shows a JSON value in a message, cut when it is long.
func pyValue(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		v = json.RawMessage(pyString(s))
	}
	switch string(v) {
	case "true":
		return "True"
	case "false":
		return "False"
	case "null":
		return "None"
	}
	if text := []rune(string(v)); len(text) > 200 {
		return string(text[:200]) + "..."
	}
	return string(v)
}
