package argparse

import (
	"regexp"
	"slices"
	"strings"

	"squall/internal/expr/textwrap"
)

// choices are the names of the commands below, as usage shows them.
func (c *Command) choices() string {
	names := make([]string, len(c.Sub))
	for i, s := range c.Sub {
		names[i] = s.Name
	}
	return "{" + strings.Join(names, ",") + "}"
}

func (a *Arg) metavar() string {
	switch {
	case a.Metavar != "":
		return a.Metavar
	case len(a.Flags) > 0:
		return strings.ToUpper(a.Name)
	default:
		return a.Name
	}
}

// values is how usage shows the words an argument takes.
func (a *Arg) values() string {
	m := a.metavar()
	if a.Shown != "" {
		return a.Shown
	}
	switch a.Nargs {
	case Switch:
		return ""
	case Optional:
		return "[" + m + "]"
	case Any:
		return "[" + m + " ...]"
	case Some:
		return m + " [" + m + " ...]"
	default:
		return m
	}
}

// with is a flag and its values.
func (a *Arg) with(flag string) string {
	if v := a.values(); v != "" {
		return flag + " " + v
	}
	return flag
}

// Usage returns the text "usage: ..." with a newline at its end; prog is how the
// command was called.
func (c *Command) Usage(prog string, width int) string {
	var options, positionals []Arg
	for _, a := range c.all() {
		if len(a.Flags) > 0 {
			options = append(options, a)
		} else {
			positionals = append(positionals, a)
		}
	}
	opt, pos := usageOf(options), usageOf(positionals)
	if len(c.Sub) > 0 {
		pos = strings.TrimSpace(pos + " " + c.choices() + " ...")
	}
	const prefix = "usage: "
	width -= 2 // as argparse does
	line := prefix + strings.Join(slices.DeleteFunc([]string{prog, opt, pos}, func(s string) bool { return s == "" }), " ")
	if len(line) <= width {
		return line + "\n"
	}
	optParts, posParts := usagePart.FindAllString(opt, -1), usagePart.FindAllString(pos, -1)
	var lines []string
	if float64(len(prefix)+len(prog)) <= 0.75*float64(width) {
		indent := strings.Repeat(" ", len(prefix)+len(prog)+1)
		if len(optParts) > 0 {
			lines = fill(append([]string{prog}, optParts...), indent, prefix, width)
			lines = append(lines, fill(posParts, indent, "", width)...)
		} else {
			lines = fill(append([]string{prog}, posParts...), indent, prefix, width)
		}
	} else {
		indent := strings.Repeat(" ", len(prefix))
		if lines = fill(append(optParts, posParts...), indent, "", width); len(lines) > 1 {
			lines = append(fill(optParts, indent, "", width), fill(posParts, indent, "", width)...)
		}
		lines = append([]string{prefix + prog}, lines...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// usagePart is what stays together in a usage: a bracket with what hangs on it,
// or a word.
var usagePart = regexp.MustCompile(`\[.*?\]+(?:\s|$)|\S+`)

// fill puts parts into lines; the first one has prefix in place of the indent.
func fill(parts []string, indent, prefix string, width int) (lines []string) {
	line := indent
	if prefix != "" {
		line = prefix
	}
	empty := true
	used := len(line) - 1
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if used+1+len(p) > width && !empty {
			lines = append(lines, line)
			line, empty, used = indent, true, len(indent)-1
		}
		if !empty {
			line += " "
		}
		line += p
		used += len(p) + 1
		empty = false
	}
	if !empty {
		lines = append(lines, line)
	}
	return lines
}

// usageOf joins arguments; neighbours that exclude each other share brackets.
func usageOf(args []Arg) string {
	var parts []string
	for i := 0; i < len(args); i++ {
		a := &args[i]
		if len(a.Flags) == 0 {
			parts = append(parts, a.values())
			continue
		}
		if a.Exclude == "" {
			text := a.with(a.Flags[0])
			if !a.Required {
				text = "[" + text + "]"
			}
			parts = append(parts, text)
			continue
		}
		var choices []string
		j := i
		for ; j < len(args) && args[j].Exclude == a.Exclude; j++ {
			choices = append(choices, args[j].with(args[j].Flags[0]))
		}
		parts = append(parts, "["+strings.Join(choices, " | ")+"]")
		i = j - 1
	}
	return strings.Join(parts, " ")
}

// HelpText is what -h prints; prog is how the command was called.
func (c *Command) HelpText(prog string, width int) string {
	var b strings.Builder
	b.WriteString(c.Usage(prog, width))
	if c.Help != "" {
		b.WriteString("\n" + strings.Join(textwrap.Wrap(oneSpace(c.Help), textwrap.Options{Width: width - 2}), "\n") + "\n")
	}
	type entry struct{ head, text string }
	var positional, options, apart []entry
	longest := 0
	add := func(list *[]entry, indent int, head, text string) {
		longest = max(longest, len(head)+indent)
		*list = append(*list, entry{head, text})
	}
	for _, a := range c.all() {
		switch {
		case a.Hidden:
		case len(a.Flags) == 0:
			add(&positional, 2, a.metavar(), a.Help)
		default:
			heads := make([]string, len(a.Flags))
			for i, f := range a.Flags {
				heads[i] = a.with(f)
			}
			list := &options
			if a.Apart {
				list = &apart
			}
			add(list, 2, strings.Join(heads, ", "), a.Help)
		}
	}
	var subs []entry
	if len(c.Sub) > 0 {
		add(&positional, 2, c.choices(), c.SubHelp)
		for _, s := range c.Sub {
			add(&subs, 4, s.Name, s.Help)
		}
	}
	column := min(longest+2, 24)
	section := func(title string, indent int, list []entry) {
		if len(list) == 0 {
			return
		}
		b.WriteString(title)
		for _, e := range list {
			pad := strings.Repeat(" ", indent)
			lines := textwrap.Wrap(oneSpace(e.text), textwrap.Options{Width: max(width-2-column, 11)})
			if len(lines) == 0 {
				b.WriteString(pad + e.head + "\n")
				continue
			}
			b.WriteString(pad + e.head)
			if room := column - indent - 2; len(e.head) <= room {
				b.WriteString(strings.Repeat(" ", room-len(e.head)+2) + lines[0] + "\n")
				lines = lines[1:]
			} else {
				b.WriteString("\n")
			}
			for _, l := range lines {
				b.WriteString(strings.Repeat(" ", column) + l + "\n")
			}
		}
	}
	section("\npositional arguments:\n", 2, positional)
	section("", 4, subs)
	section("\noptions:\n", 2, options)
	section("\n", 2, apart)
	return b.String()
}

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }
