package st2cli

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"squall/internal/client"
	"squall/internal/expr/jsonpath"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// document is an object of the API as it came, with its order of members.
type document = *value.Dict

// decode reads an answer.
func decode(a *client.Answer) (any, error) {
	if len(a.Body) == 0 {
		return nil, nil
	}
	v, err := value.FromJSON(a.Body)
	if err != nil {
		return nil, invalid("the server's answer is not JSON: %w", err)
	}
	return v, nil
}

// list is v as documents.
func list(v any) []document {
	l, ok := v.(*value.List)
	if !ok {
		return nil
	}
	docs := make([]document, 0, len(l.Items))
	for _, item := range l.Items {
		if d, ok := item.(document); ok {
			docs = append(docs, d)
		}
	}
	return docs
}

// member is the value at a dotted path, nil for none.
func member(d document, path string) any {
	var v any = d
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(document)
		if !ok || m == nil {
			return nil
		}
		v, _ = m.GetStr(name)
	}
	return v
}

// text is a member that is a text, "" for others.
func text(d document, path string) string {
	s, _ := member(d, path).(string)
	return s
}

var simplePath = regexp.MustCompile(`^([a-zA-Z0-9\-_]+\.)*([a-zA-Z0-9\-_]+)$`)

// find is member, for paths that may be expressions (st2: JSONPath, the first match).
func find(d document, path string) (any, error) {
	if simplePath.MatchString(path) {
		return member(d, path), nil
	}
	p, err := jsonpath.Parse(path)
	if err != nil {
		return nil, invalid("%s: %w", path, err)
	}
	found, err := p.Find(nil, d)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// pick is the part of a document with the given members, all of it for none.
// Members that are null are left out.
func pick(d document, paths []string) document {
	if len(paths) == 0 || slices.Contains(paths, "all") {
		paths = names(d)
	}
	out := value.NewDict(len(paths))
	for _, path := range paths {
		v, err := find(d, path)
		if err != nil || v == nil {
			continue
		}
		at := out
		steps := strings.Split(path, ".")
		for _, s := range steps[:len(steps)-1] {
			next, ok := member(at, s).(document)
			if !ok {
				next = value.NewDict(1)
				at.SetStr(s, next)
			}
			at = next
		}
		at.SetStr(steps[len(steps)-1], v)
	}
	return out
}

// names are the members of a document, sorted.
func names(d document) []string {
	var list []string
	for _, k := range d.Keys() {
		if s, ok := k.(string); ok && !strings.HasPrefix(s, "_") {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// asJSON is a value as st2 -j prints it.
func asJSON(v any) (string, error) {
	return value.DumpJSON(nil, v, value.JSONOptions{Pretty: true, Indent: "    ", SortKeys: true})
}

// asYAML is a value as st2 -y prints it.
func asYAML(v any) (string, error) {
	return pyyaml.SafeDump(nil, v, pyyaml.DumpOptions{Indent: 4, AllowUnicode: true})
}

// str is Python's str().
func str(v any) string {
	s, err := value.Str(nil, v)
	if err != nil {
		return value.TypeName(v)
	}
	return s
}

// unescape undoes what st2 takes for escapes.
func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`).Replace(s)
}

// clean is unescape without carriage returns.
func clean(s string) string { return strings.ReplaceAll(unescape(s), "\r", "") }

// parseTime reads a time of the API.
func parseTime(v any) (time.Time, bool) {
	s, _ := v.(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.RFC1123} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// showTime is a time as st2 shows it, in the time zone of the configuration.
func (c *call) showTime(v any) any {
	t, ok := parseTime(v)
	if !ok {
		if v == nil {
			return ""
		}
		return v
	}
	zone := time.UTC
	if c.cfg != nil {
		if z, err := time.LoadLocation(first(c.cfg.get("cli.timezone"), "UTC")); err == nil {
			zone = z
		}
	}
	if c.style == Plain {
		return t.Local().Format(time.DateTime)
	}
	return t.In(zone).Format("Mon, 02 Jan 2006 15:04:05 MST")
}
