package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// object is a JSON object from a request. Its getters check the type of a
// member; the first that is wrong is kept in err, in the words of StackStorm's
// JSON-schema check. Names are compared exactly.
type object struct {
	members map[string]json.RawMessage
	err     error
}

// readObject reads the body of r, which must be a JSON object, or a form, which is
// an object of lists (st2). An empty body is an empty object when optional says so.
func (s *Server) readObject(r *request, optional bool) (*object, error) {
	media := mediaOf(r.Header.Get("Content-Type"))
	known := media == jsonMedia || media == formMedia || media == "text/plain" || strings.HasSuffix(media, "+json")
	switch {
	case r.ContentLength == 0 && optional && media != "text/plain":
		return &object{members: map[string]json.RawMessage{}}, nil
	case !known:
		return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: Unsupported Content-Type: %q", media)
	}
	body, err := s.readAll(r)
	if err != nil {
		return nil, err
	}
	switch media {
	case "text/plain":
		return nil, notAnObject(string(body))
	case formMedia:
		members, err := formMembers(body)
		return &object{members: members}, err
	}
	return parseObject(body, optional)
}

const (
	jsonMedia = "application/json"
	formMedia = "application/x-www-form-urlencoded"
)

// mediaOf is the media type of a Content-Type; without one a body is JSON (st2).
func mediaOf(contentType string) string {
	if contentType == "" {
		return jsonMedia
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media = strings.TrimSpace(media)
	}
	return media
}

// notAnObject refuses a body of another kind.
func notAnObject(v any) error {
	text, err := marshal(v)
	if err != nil {
		return err
	}
	return squall.Errorf(squall.Invalid, "%s is not of type 'object'", pyValue(text))
}

// formMembers reads a form. Fields without a value are left out (st2).
func formMembers(body []byte) (map[string]json.RawMessage, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: %v", err)
	}
	members := map[string]json.RawMessage{}
	for name, values := range form {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			if members[name], err = marshal(values); err != nil {
				return nil, err
			}
		}
	}
	return members, nil
}

// parseObject is readObject without the transport.
func parseObject(body []byte, optional bool) (*object, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		if optional {
			return &object{members: map[string]json.RawMessage{}}, nil
		}
		return nil, squall.Errorf(squall.Invalid, "The request body is empty; a JSON object is expected.")
	}
	o := &object{}
	err := json.Unmarshal(body, &o.members)
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: %s: %s", syntaxText(bad), position(body, bad.Offset))
	}
	if err != nil || text[0] != '{' {
		return nil, notAnObject(json.RawMessage(text))
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

// notNull refuses null for members of a type.
func (o *object) notNull(typ string, names ...string) {
	for _, name := range names {
		if v, given := o.members[name]; given && isNull(v) {
			o.fail("None is not of type %s", pyString(typ))
		}
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

// pyValue shows a JSON value in a message as Python does, cut when it is long.
func pyValue(v json.RawMessage) string {
	shown := string(v)
	if decoded, err := value.FromJSON(v); err == nil {
		if text, err := value.Repr(nil, decoded); err == nil {
			shown = text
		}
	}
	if text := []rune(shown); len(text) > 200 {
		return string(text[:200]) + "..."
	}
	return shown
}
