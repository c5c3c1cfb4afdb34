package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// compareOutput compares what a command printed with what was recorded, by the
// form of the recording: of tables the columns, of property tables the properties,
// of blocks the attributes with their colours, of JSON and YAML the members, of
// help the commands and options, of everything else the words. Order counts;
// identifiers, times, numbers of seconds and addresses are of the installation.
func compareOutput(words []string, want, got string) string {
	flag := func(names ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(names, w) })
	}
	var read func(string) (any, error)
	switch {
	case strings.HasPrefix(strings.TrimSpace(want), "usage: "):
		return compareHelp(want, got)
	case flag("-j", "--json"):
		read = func(s string) (any, error) { return value.FromJSON([]byte(s)) }
	case flag("-y", "--yaml"):
		read = func(s string) (any, error) { return pyyaml.SafeLoad(nil, s) }
	}
	if read != nil {
		if w, err := read(want); err == nil && value.TypeName(w) != "str" {
			g, err := read(got)
			if err != nil {
				return fmt.Sprintf("it cannot be read: %v", err)
			}
			return compareMembers(w, g, "")
		}
	}
	w, g := outline(want), outline(got)
	if strings.Contains(want, "\nOptional Parameters:\n") || strings.Contains(want, "\nRequired Parameters:\n") {
		w, g = withoutProse(w), withoutProse(g)
	}
	if !slices.Equal(w, g) {
		return fmt.Sprintf("want\n    %s\ngot\n    %s", strings.Join(w, "\n    "), strings.Join(g, "\n    "))
	}
	return ""
}

// compareMembers compares names and types of members, of lists the first item.
func compareMembers(want, got any, path string) string {
	if value.TypeName(want) != value.TypeName(got) {
		return fmt.Sprintf("%s: a %s, recorded was a %s", path, value.TypeName(got), value.TypeName(want))
	}
	switch w := want.(type) {
	case *value.List:
		g := got.(*value.List)
		if len(w.Items) > 0 && len(g.Items) > 0 {
			return compareMembers(w.Items[0], g.Items[0], path+"[0]")
		}
		if len(w.Items) > 0 {
			return path + ": an empty list"
		}
	case *value.Dict:
		g := got.(*value.Dict)
		wk, gk := memberNames(w), memberNames(g)
		if !slices.Equal(wk, gk) {
			return fmt.Sprintf("%s: members %v, recorded were %v", path, gk, wk)
		}
		for k, v := range w.All() {
			x, _ := g.Get(k)
			if why := compareMembers(v, x, path+"."+fmt.Sprint(k)); why != "" {
				return why
			}
		}
	}
	return ""
}

// memberNames are the names in their order: -j and -y sort them.
func memberNames(d *value.Dict) []string {
	var out []string
	for _, k := range d.Keys() {
		out = append(out, fmt.Sprint(k))
	}
	return out
}

var colorCode = regexp.MustCompile("\x1b\\[[0-9;]*m")

func stripColors(s string) string { return colorCode.ReplaceAllString(s, "") }

// What differs from one installation or run to the next.
var variable = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`\b[0-9a-f]{24}\b`), "ID"},
	{regexp.MustCompile(`https?://[^\s"]+`), "URL"},
	{regexp.MustCompile(`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \w+`), "TIME"},
	{regexp.MustCompile(`'?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?'?`), "TIME"},
	{regexp.MustCompile(`\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \w+ \d{4}`), "DATE"},
	{regexp.MustCompile(`\(\d+s elapsed\)`), "(Ns elapsed)"},
	{regexp.MustCompile(`^[A-Za-z0-9+/=_-]{60,}$`), "KEY"},
	{regexp.MustCompile(`^\.+$`), "."},
	{regexp.MustCompile(`^st2 (\d\S* on Python|0 \(Squall\)).*`), "st2 VERSION"},
}

// outline is what of an output is compared, line by line.
func outline(s string) []string {
	var out []string
	lines := strings.Split(s, "\n")
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "+--") {
			end := i
			for end+1 < len(lines) && strings.HasPrefix(lines[end+1], "|") || end+1 < len(lines) && strings.HasPrefix(lines[end+1], "+--") {
				end++
			}
			out = append(out, outlineTables(lines[i:end+1])...)
			i = end
			continue
		}
		line := strings.TrimRight(lines[i], " ")
		for _, v := range variable {
			line = v.of.ReplaceAllString(line, v.by)
		}
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && name == "stdout" && rest != "''" {
			line = "  stdout: TEXT" // the name of the machine, the time
		}
		out = append(out, line)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return logsAreThere(out)
}

// withoutProse leaves of the help on an action what is no description: sections,
// parameters, types, choices and defaults.
func withoutProse(lines []string) []string {
	var out []string
	for _, l := range lines {
		bare := strings.TrimSpace(l)
		fact := slices.ContainsFunc([]string{"Type: ", "Enum: ", "Default: "}, func(p string) bool { return strings.HasPrefix(bare, p) })
		if strings.HasSuffix(l, " Parameters:") || strings.HasPrefix(l, "    ") && !strings.HasPrefix(l, "     ") || fact {
			out = append(out, l)
		}
	}
	return out
}

// logsAreThere shortens logs: how many states there were is a matter of speed.
func logsAreThere(lines []string) []string {
	var out []string
	inLog := false
	for _, l := range lines {
		if stripColors(l) == "log:" {
			inLog = true
			out = append(out, l, "  - status: STATE", "    timestamp: TIME")
			continue
		}
		if inLog && (strings.HasPrefix(l, "  - status: ") || strings.HasPrefix(l, "    timestamp: ")) {
			continue
		}
		inLog = false
		out = append(out, l)
	}
	return out
}

// outlineTables is what tables that touch each other say: columns, and of property
// tables the properties. A note is a table too.
func outlineTables(lines []string) []string {
	var out []string
	rules := 0
	property := false
	for i, l := range lines {
		if strings.HasPrefix(l, "+") {
			rules++
			continue
		}
		cells := cellsOf(l)
		switch {
		case len(cells) == 1 && strings.HasPrefix(cells[0], "Note: "):
			out = append(out, regexp.MustCompile(`\d+`).ReplaceAllString(cells[0], "N"))
		case i == 1:
			property = len(cells) == 2 && cells[0] == "Property"
			out = append(out, "table "+strings.Join(cells, " | "))
		case property && cells[0] != "":
			out = append(out, "property "+cells[0])
		}
	}
	return out
}

func cellsOf(line string) []string {
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

// propertyRows are the first lines of the rows of a property table.
func propertyRows(s string) (rows [][2]string) {
	for _, l := range strings.Split(s, "\n") {
		if cells := cellsOf(l); strings.HasPrefix(l, "|") && len(cells) == 2 && cells[0] != "" {
			rows = append(rows, [2]string{cells[0], cells[1]})
		}
	}
	return rows
}

// compareHelp compares usage and the names that help lists. What it says about
// them is written in other words. The brackets of nested groups are not compared.
func compareHelp(want, got string) string {
	w, g := helpOutline(want), helpOutline(got)
	if slices.Equal(w, g) {
		return ""
	}
	return fmt.Sprintf("want\n    %s\ngot\n    %s", strings.Join(w, "\n    "), strings.Join(g, "\n    "))
}

var helpHead = regexp.MustCompile(`^ {2,4}(\S.*?)(  .*)?$`)

func helpOutline(s string) []string {
	usage, rest, _ := strings.Cut(s, "\n\n")
	usage, message, failed := strings.Cut(usage, ": error: ")
	usage = strings.NewReplacer("[", " ", "]", " ", "|", " ", "usage: ", "").Replace(usage)
	out := []string{"usage " + strings.Join(strings.Fields(usage), " ")}
	if failed {
		return append(out, strings.TrimSpace(message))
	}
	inList := false
	var names []string
	for _, l := range strings.Split(rest, "\n") {
		switch {
		case strings.HasSuffix(l, "arguments:") || l == "options:":
			inList = true
		case l != "" && !strings.HasPrefix(l, " "):
			inList = false
		case inList:
			if m := helpHead.FindStringSubmatch(l); m != nil {
				names = append(names, m[1])
			}
		}
	}
	return append(out, names...)
}
