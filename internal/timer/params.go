package timer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check reports what StackStorm's API refuses when a trigger with these
// parameters, a JSON object, is created. Some of what passes still fails in
// Parse: an unknown zone of an interval or a date, and the text of a date.
func Check(kind Kind, parameters []byte) error {
	p, err := readParameters(kind, parameters)
	if err != nil {
		return err
	}
	if kind != Cron {
		return nil
	}
	loc := time.UTC
	if name := p.text("timezone"); name != nil && *name != "" {
		if loc, err = loadZone(*name); err != nil {
			return err
		}
	}
	_, err = newCron(p.cronFields(), loc, time.Time{})
	return err
}

// Parse returns the schedule of a StackStorm timer. The parameters are a JSON
// object, as rules give them. The error is an *Error.
func Parse(kind Kind, parameters []byte, at At) (Spec, error) {
	p, err := readParameters(kind, parameters)
	if err != nil {
		return Spec{}, err
	}
	loc := at.zone()
	if name := p.text("timezone"); name != nil {
		if loc, err = loadZone(*name); err != nil {
			return Spec{}, err
		}
	}
	s := Spec{zone: loc}
	switch kind {
	case Interval:
		delta, err := p["delta"].(json.Number).Int64()
		if err != nil { // an integer, but too large
			return Spec{}, &Error{Class: "OverflowError", Message: "Python int too large to convert to C int"}
		}
		s.plan, err = newInterval(delta, *p.text("unit"), at.Now, loc)
		if err != nil {
			return Spec{}, err
		}
	case Date:
		t, err := ParseDate(*p.text("date"), at.Now.In(at.zone()), loc)
		if err != nil {
			return Spec{}, err
		}
		s.plan = date(t)
	case Cron:
		if s.plan, err = newCron(p.cronFields(), loc, at.Now); err != nil {
			return Spec{}, err
		}
	default:
		return Spec{}, valueError("timer kind %d does not exist", kind)
	}
	return s, nil
}

// parameters are the members of a JSON object, numbers as json.Number.
type parameters map[string]any

// text returns a parameter as the text that StackStorm makes of it; nil when
// it is missing or null.
func (p parameters) text(name string) *string {
	switch v := p[name].(type) {
	case string:
		return &v
	case json.Number:
		text := v.String()
		return &text
	}
	return nil
}

func (p parameters) cronFields() (out [fieldCount]*string) {
	for id, f := range fields {
		out[id] = p.text(f.name)
	}
	return out
}

// readParameters decodes the parameters and checks them against the schema of
// StackStorm's trigger types. Of several mistakes those of the whole object are
// reported first, then that of the last name in the alphabet: this is what the
// original's validator takes for the best match.
func readParameters(kind Kind, data []byte) (parameters, error) {
	p, err := decodeObject(data)
	if err != nil {
		return p, err
	}
	var known, required []string
	switch kind {
	case Interval:
		known, required = []string{"timezone", "unit", "delta"}, []string{"unit", "delta"}
	case Date:
		known, required = []string{"timezone", "date"}, []string{"date"}
	case Cron:
		known = []string{"timezone"}
		for _, f := range fields {
			known = append(known, f.name)
		}
	}
	var unknown []string
	for name := range p {
		if !slices.Contains(known, name) {
			unknown = append(unknown, pyString(name))
		}
	}
	slices.Sort(unknown)
	switch len(unknown) {
	case 0:
	case 1:
		return p, invalid("Additional properties are not allowed (%s was unexpected)", unknown[0])
	default:
		return p, invalid("Additional properties are not allowed (%s were unexpected)", strings.Join(unknown, ", "))
	}
	for _, name := range required {
		if _, ok := p[name]; !ok {
			return p, invalid("%s is a required property", pyString(name))
		}
	}
	slices.Sort(known)
	for _, name := range slices.Backward(known) {
		if v, ok := p[name]; ok {
			if err := checkMember(name, v); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// checkMember checks one parameter; the names of the kinds do not collide.
func checkMember(name string, v any) error {
	text, isText := v.(string)
	switch name {
	case "timezone":
		if !isText && v != nil {
			return invalid("%s is not of type 'string', 'null'", pyRepr(v))
		}
	case "unit":
		if _, ok := unitSeconds[text]; !ok {
			return invalid("%s is not one of ['weeks', 'days', 'hours', 'minutes', 'seconds']", pyRepr(v))
		}
	case "delta":
		if !isInteger(v) {
			return invalid("%s is not of type 'integer'", pyRepr(v))
		}
		// st2 takes a negative delta and then counts backwards; refused here.
		if n, ok := v.(json.Number); ok && n != "-0" && strings.HasPrefix(n.String(), "-") {
			return invalid("%s is less than the minimum of 0", n)
		}
	case "date":
		if !isText {
			return invalid("%s is not of type 'string'", pyRepr(v))
		}
	default:
		id := slices.IndexFunc(fields[:], func(f fieldRange) bool { return f.name == name })
		return checkCronField(fieldID(id), v)
	}
	return nil
}

// checkCronField accepts null, any text, and integers in the field's range;
// the schema sets none for the year.
func checkCronField(id fieldID, v any) error {
	if v == nil {
		return nil
	}
	if _, ok := v.(string); ok {
		return nil
	}
	if !isInteger(v) {
		return invalid("%s is not valid under any of the given schemas", pyRepr(v))
	}
	if id == fieldYear {
		return nil
	}
	f, text := fields[id], v.(json.Number).String()
	n, err := strconv.ParseInt(text, 10, 64)
	switch negative := strings.HasPrefix(text, "-"); {
	case n < f.min || err != nil && negative:
		return invalid("%s is less than the minimum of %d", text, f.min)
	case n > f.max || err != nil:
		return invalid("%s is greater than the maximum of %d", text, f.max)
	}
	return nil
}

func isInteger(v any) bool {
	n, ok := v.(json.Number)
	return ok && !strings.ContainsAny(n.String(), ".eE")
}

// decodeObject reads a JSON object; no text at all is an empty one.
func decodeObject(data []byte) (parameters, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var p parameters
	if err := dec.Decode(&p); err != nil || p == nil || dec.More() {
		return nil, invalid("timer parameters are not a JSON object")
	}
	return p, nil
}

// pyRepr writes a decoded value as Python's repr, which StackStorm's messages
// quote. The keys of objects are sorted.
func pyRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return pyString(v)
	case json.Number:
		return pyNumber(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = pyRepr(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for key, item := range v {
			parts = append(parts, pyString(key)+": "+pyRepr(item))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// pyNumber writes integers as they stand and floats the shortest way.
func pyNumber(n json.Number) string {
	if isInteger(n) {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	_, exp, _ := strings.Cut(text, "e")
	if x, err := strconv.Atoi(exp); err == nil && x >= -4 && x < 16 {
		if text = strconv.FormatFloat(f, 'f', -1, 64); !strings.Contains(text, ".") {
			text += ".0"
		}
	}
	return text
}

// pyString quotes a text as Python does: single quotes unless only those are
// inside.
func pyString(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	out := []byte{quote}
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case strconv.IsPrint(r):
			out = append(out, string(r)...)
		case r < 0x100:
			out = fmt.Appendf(out, `\x%02x`, r)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = fmt.Appendf(out, `\U%08x`, r)
		}
	}
	return string(append(out, quote))
}
