package workflow

import (
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// schema is as much of JSON schema (draft 4) as the definition of workflows
// needs. The messages are those of Python's jsonschema.
type schema struct {
	kinds      string // type
	props      map[string]*schema
	required   []string
	closed     bool    // no additional properties
	words      *schema // patternProperties ^\w+$
	minProps   int
	maxProps   int
	items      *schema
	unique     bool
	minItems   int
	minLength  int
	pattern    *pyre.Regex
	patternSrc string
	minimum    *int64
	enum       []any
	anyOf      []*schema
	oneOf      []*schema
}

// fault is a violation and where it is.
type fault struct {
	message          string
	specPath, schema []string
}

const wordPattern = `^\w+$`

var zero int64

var (
	nonEmptyString = &schema{kinds: "string", minLength: 1}
	naturalNumber  = &schema{kinds: "integer", minimum: &zero}
	anyValue       = &schema{anyOf: []*schema{{kinds: "null"}, {kinds: "array"}, {kinds: "boolean"}, {kinds: "integer"},
		{kinds: "number"}, {kinds: "object"}, {kinds: "string"}}}
	nonEmptyDict    = &schema{kinds: "object", minProps: 1, words: anyValue}
	oneKeyDict      = &schema{kinds: "object", minProps: 1, maxProps: 1, words: anyValue}
	oneKeyDicts     = &schema{kinds: "array", items: oneKeyDict, unique: true, minItems: 1}
	stringOrNatural = &schema{oneOf: []*schema{nonEmptyString, naturalNumber}}
	uniqueStrings   = &schema{kinds: "array", items: nonEmptyString, unique: true, minItems: 1}

	// itemsPattern is an expression alone, or names in an expression.
	itemsPattern = `^(\s+)?({{.*?}}|<%.*?%>)(\s+)?$|^(\s+)?((\w+,\s?|\s+)+)?(\w+)\s+in\s+({{.*?}}|<%.*?%>)(\s+)?$`

	transitionSchema = &schema{kinds: "object", closed: true, props: map[string]*schema{
		"when":    nonEmptyString,
		"publish": {oneOf: []*schema{nonEmptyString, oneKeyDicts}},
		"do":      {oneOf: []*schema{nonEmptyString, uniqueStrings}},
	}}
	taskSchema = &schema{kinds: "object", closed: true, props: map[string]*schema{
		"delay": stringOrNatural,
		"join":  {oneOf: []*schema{{enum: []any{"all"}}, naturalNumber}},
		"with": {kinds: "object", closed: true, props: map[string]*schema{
			"items":       {kinds: "string", minLength: 1, pattern: mustCompile(itemsPattern), patternSrc: itemsPattern},
			"concurrency": stringOrNatural,
		}},
		"action": nonEmptyString,
		"input":  {oneOf: []*schema{nonEmptyString, nonEmptyDict}},
		"retry": {kinds: "object", closed: true, required: []string{"count"}, props: map[string]*schema{
			"when": nonEmptyString, "count": stringOrNatural, "delay": stringOrNatural,
		}},
		"next": {kinds: "array", items: transitionSchema},
	}}
	workflowSchema = &schema{kinds: "object", closed: true, required: []string{"tasks"}, props: map[string]*schema{
		"version": {enum: []any{"1.0", 1.0}, anyOf: []*schema{nonEmptyString, naturalNumber,
			{kinds: "number", minimum: &zero}}},
		"name":        nonEmptyString,
		"description": nonEmptyString,
		"tags":        uniqueStrings,
		"vars":        oneKeyDicts,
		"input":       {kinds: "array", items: &schema{oneOf: []*schema{nonEmptyString, oneKeyDict}}, unique: true, minItems: 1},
		"output":      oneKeyDicts,
		"tasks":       {kinds: "object", minProps: 1, words: taskSchema},
	}}
)

// checker collects the faults of one document.
type checker struct{ faults []fault }

func (s *schema) valid(v any) bool {
	var c checker
	c.check(s, v, nil, nil)
	return len(c.faults) == 0
}

func (c *checker) fail(spec, at []string, keyword, format string, args ...any) {
	c.faults = append(c.faults, fault{fmt.Sprintf(format, args...), slices.Clone(spec), append(slices.Clone(at), keyword)})
}

func down(path []string, steps ...string) []string {
	return append(path[:len(path):len(path)], steps...)
}

func repr(v any) string {
	text, err := value.Repr(nil, v)
	if err != nil {
		return value.TypeName(v)
	}
	return text
}

func (c *checker) check(s *schema, v any, spec, at []string) {
	if s.kinds != "" && !isKind(v, s.kinds) {
		c.fail(spec, at, "type", "%s is not of type '%s'", repr(v), s.kinds)
	}
	if s.enum != nil && !slices.ContainsFunc(s.enum, func(e any) bool { return jsonEqual(e, v) }) {
		c.fail(spec, at, "enum", "%s is not one of %s", repr(v), repr(value.NewList(s.enum...)))
	}
	one := func(list []*schema) bool {
		return slices.ContainsFunc(list, func(o *schema) bool { return o.valid(v) })
	}
	if s.anyOf != nil && !one(s.anyOf) {
		c.fail(spec, at, "anyOf", "%s is not valid under any of the given schemas", repr(v))
	}
	if s.oneOf != nil && !one(s.oneOf) {
		c.fail(spec, at, "oneOf", "%s is not valid under any of the given schemas", repr(v))
	}
	switch x := v.(type) {
	case string:
		c.checkText(s, x, spec, at)
	case *value.List:
		c.checkList(s, x, spec, at)
	case *value.Dict:
		c.checkDict(s, x, spec, at)
	}
	if n, ok := number(v); ok && s.minimum != nil && n < float64(*s.minimum) {
		c.fail(spec, at, "minimum", "%s is less than the minimum of %d", repr(v), *s.minimum)
	}
}

func (c *checker) checkText(s *schema, v string, spec, at []string) {
	if value.StrLen(v) < s.minLength {
		c.fail(spec, at, "minLength", "%s should be non-empty", repr(v))
	}
	if s.pattern != nil {
		if m, err := s.pattern.Search(matchBudget(), v); err != nil || m == nil {
			c.fail(spec, at, "pattern", "%s does not match %s", repr(v), repr(s.patternSrc))
		}
	}
}

func (c *checker) checkList(s *schema, v *value.List, spec, at []string) {
	if len(v.Items) < s.minItems {
		c.fail(spec, at, "minItems", "%s should be non-empty", repr(v))
	}
	if s.unique && hasTwins(v.Items) {
		c.fail(spec, at, "uniqueItems", "%s has non-unique elements", repr(v))
	}
	if s.items == nil {
		return
	}
	for i, item := range v.Items {
		c.check(s.items, item, down(spec, fmt.Sprintf("[%d]", i)), down(at, "items"))
	}
}

func (c *checker) checkDict(s *schema, v *value.Dict, spec, at []string) {
	if v.Len() < s.minProps {
		c.fail(spec, at, "minProperties", "%s should be non-empty", repr(v))
	}
	if s.maxProps > 0 && v.Len() > s.maxProps {
		c.fail(spec, at, "maxProperties", "%s has too many properties", repr(v))
	}
	for _, name := range s.required {
		if !v.Has(name) {
			c.fail(spec, at, "required", "%s is a required property", value.StrRepr(name))
		}
	}
	var extra []string
	for k, item := range v.All() {
		name, ok := k.(string)
		if !ok {
			continue // refused when it was loaded
		}
		p, known := s.props[name]
		switch {
		case known:
			c.check(p, item, down(spec, name), down(at, "properties", name))
		case s.closed:
			extra = append(extra, name)
		case s.words != nil && isWord(name):
			c.check(s.words, item, down(spec, name), down(at, "patternProperties", wordPattern))
		}
	}
	if len(extra) == 0 {
		return
	}
	slices.Sort(extra)
	for i, name := range extra {
		extra[i] = value.StrRepr(name)
	}
	verb := "was"
	if len(extra) > 1 {
		verb = "were"
	}
	c.fail(spec, at, "additionalProperties", "Additional properties are not allowed (%s %s unexpected)", strings.Join(extra, ", "), verb)
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	if value.IsInt(v) { // larger than 64 bits
		if text := repr(v); strings.HasPrefix(text, "-") {
			return -1, true
		}
		return 1, true
	}
	return 0, false
}

func isKind(v any, kind string) bool {
	switch kind {
	case "null":
		return v == nil
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "integer":
		return value.IsInt(v)
	case "number":
		return value.IsNumber(v)
	case "string":
		_, ok := v.(string)
		return ok
	case "array":
		_, ok := v.(*value.List)
		return ok
	case "object":
		_, ok := v.(*value.Dict)
		return ok
	}
	return false
}

// jsonEqual is Python's equality, but true and 1 differ.
func jsonEqual(a, b any) bool {
	switch x := a.(type) {
	case *value.List:
		y, ok := b.(*value.List)
		return ok && slices.EqualFunc(x.Items, y.Items, jsonEqual)
	case *value.Dict:
		y, ok := b.(*value.Dict)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for k, v := range x.All() {
			other, ok := y.Get(k)
			if !ok || !jsonEqual(v, other) {
				return false
			}
		}
		return true
	}
	_, aBool := a.(bool)
	_, bBool := b.(bool)
	return aBool == bBool && value.Equal(a, b)
}

func hasTwins(items []any) bool {
	for i, a := range items {
		for _, b := range items[:i] {
			if jsonEqual(a, b) {
				return true
			}
		}
	}
	return false
}
