package st2cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/textwrap"
	"squall/internal/expr/value"
)

// actionHelp is what `run ACTION -h` says.
func actionHelp(c *call, action document, s schemas) {
	merged := value.NewDict(16)
	for _, from := range []document{s.runner, s.action} {
		if from != nil {
			merged.Update(from)
		}
	}
	schemaOf := func(from document, name string) document {
		if from == nil {
			return nil
		}
		v, _ := from.GetStr(name)
		d, _ := v.(document)
		return d
	}
	var required, optional []string
	for _, name := range names(merged) {
		schema := schemaOf(merged, name)
		if schema == nil || isSet(schemaOf(s.runner, name), "immutable") || isSet(schemaOf(s.action, name), "immutable") {
			continue
		}
		if isSet(schema, "required") {
			required = append(required, name)
		} else {
			optional = append(optional, name)
		}
	}
	c.print("")
	c.print(strings.Join(paragraph(text(action, "description"), 70), "\n"))
	c.print("")
	for _, part := range []struct {
		title string
		names []string
	}{{"Required Parameters:", required}, {"Optional Parameters:", optional}} {
		if len(part.names) == 0 {
			continue
		}
		position := func(name string) int64 {
			if n, ok := member(schemaOf(merged, name), "position").(int64); ok {
				return n
			}
			return 1 << 40
		}
		slices.SortStableFunc(part.names, func(a, b string) int { return cmp.Compare(position(a), position(b)) })
		c.print(part.title)
		for _, name := range part.names {
			c.parameterHelp(name, schemaOf(merged, name))
		}
	}
}

// paragraph breaks a text into lines; its own ends of lines do not count.
func paragraph(s string, width int) []string {
	space := func(r rune) rune {
		if r >= '\t' && r <= '\r' {
			return ' '
		}
		return r
	}
	return textwrap.Wrap(strings.Map(space, s), textwrap.Options{Width: width})
}

// isSet reports whether a member is true.
func isSet(d document, name string) bool {
	if d == nil {
		return false
	}
	b, _ := member(d, name).(bool)
	return b
}

// parameterHelp describes one parameter.
func (c *call) parameterHelp(name string, schema document) {
	indented := func(n int, s string) {
		for _, l := range paragraph(s, 78-n) {
			c.print(strings.Repeat(" ", n) + l)
		}
	}
	indented(4, name)
	if d := text(schema, "description"); d != "" {
		indented(8, d)
	}
	if t := member(schema, "type"); t != nil {
		indented(8, "Type: "+str(t))
	}
	if l, ok := member(schema, "enum").(*value.List); ok && len(l.Items) > 0 {
		words := make([]string, len(l.Items))
		for i, item := range l.Items {
			words[i] = str(item)
		}
		indented(8, "Enum: "+strings.Join(words, ", "))
	}
	if d := member(schema, "default"); d != nil {
		shown := str(d)
		if isSet(schema, "secret") {
			shown = "********"
		}
		indented(8, fmt.Sprintf("Default: %s", shown))
	}
	c.print("")
}
