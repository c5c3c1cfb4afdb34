package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"squall/internal/squall"
)

// FromDocument reads machines from a decoded JSON or YAML document: a list of our
// own ({name, address, port, tags, attributes}), or an inventory of Ansible as its
// YAML files and `ansible-inventory --list` have it. Groups become tags, plain
// variables attributes, ansible_host and ansible_port the address.
func FromDocument(doc any) ([]*squall.FleetNode, error) {
	switch doc := doc.(type) {
	case []any:
		return ownList(doc)
	case map[string]any:
		inv := inventory{hosts: map[string]map[string]string{}, groups: map[string]*group{}}
		if err := inv.read(doc); err != nil {
			return nil, err
		}
		return inv.nodes()
	}
	return nil, fmt.Errorf("the inventory is neither a list of machines nor a mapping of groups")
}

func ownList(list []any) (nodes []*squall.FleetNode, err error) {
	for i, item := range list {
		m, ok := item.(map[string]any)
		if name, plain := item.(string); plain {
			m, ok = map[string]any{"name": name}, true
		}
		if !ok {
			return nil, fmt.Errorf("machine %d is neither a name nor a mapping", i+1)
		}
		n := &squall.FleetNode{Attrs: map[string]string{}}
		for key, value := range m {
			switch key {
			case "name":
				n.Name = text(value)
			case "address":
				n.Address = text(value)
			case "port":
				if n.Port, err = strconv.Atoi(text(value)); err != nil {
					return nil, fmt.Errorf("machine %d: %q is not a port", i+1, text(value))
				}
			case "tags":
				tags, _ := value.([]any)
				for _, tag := range tags {
					n.Tags = append(n.Tags, text(tag))
				}
			case "attributes":
				attrs, _ := value.(map[string]any)
				for k, v := range attrs {
					n.Attrs[k] = text(v)
				}
			case "source", "updated_at":
			default:
				return nil, fmt.Errorf("machine %d: %q is none of name, address, port, tags, attributes", i+1, key)
			}
		}
		if n.Name == "" {
			return nil, fmt.Errorf("machine %d has no name", i+1)
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// text writes a scalar; anything else is none of our business.
func text(v any) string {
	switch v := v.(type) {
	case nil, []any, map[string]any:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// inventory is one of Ansible's.
type inventory struct {
	hosts  map[string]map[string]string // variables by host
	groups map[string]*group
}

type group struct {
	hosts    []string
	children []string
	vars     map[string]string
}

func (inv *inventory) group(name string) *group {
	g := inv.groups[name]
	if g == nil {
		g = &group{vars: map[string]string{}}
		inv.groups[name] = g
	}
	return g
}

func (inv *inventory) host(name string, vars map[string]any) {
	if inv.hosts[name] == nil {
		inv.hosts[name] = map[string]string{}
	}
	for k, v := range vars {
		if s := text(v); s != "" {
			inv.hosts[name][k] = s
		}
	}
}

func (inv *inventory) read(doc map[string]any) error {
	for name, value := range doc {
		if name == "_meta" {
			meta, _ := value.(map[string]any)
			vars, _ := meta["hostvars"].(map[string]any)
			for host, v := range vars {
				m, _ := v.(map[string]any)
				inv.host(host, m)
			}
			continue
		}
		if err := inv.readGroup(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (inv *inventory) readGroup(name string, value any) error {
	g := inv.group(name)
	if list, ok := value.([]any); ok { // the short form: only hosts
		value = map[string]any{"hosts": list}
	}
	m, ok := value.(map[string]any)
	if !ok {
		if value == nil {
			return nil
		}
		return fmt.Errorf("group %s is not a mapping", name)
	}
	switch hosts := m["hosts"].(type) {
	case []any:
		for _, h := range hosts {
			inv.addHosts(g, text(h), nil)
		}
	case map[string]any:
		for h, vars := range hosts {
			v, _ := vars.(map[string]any)
			inv.addHosts(g, h, v)
		}
	}
	switch children := m["children"].(type) {
	case []any:
		for _, c := range children {
			g.children = append(g.children, text(c))
		}
	case map[string]any:
		for c, sub := range children {
			g.children = append(g.children, c)
			if err := inv.readGroup(c, sub); err != nil {
				return err
			}
		}
	}
	vars, _ := m["vars"].(map[string]any)
	for k, v := range vars {
		g.vars[k] = text(v)
	}
	return nil
}

func (inv *inventory) addHosts(g *group, pattern string, vars map[string]any) {
	for _, name := range expand(pattern) {
		g.hosts = append(g.hosts, name)
		inv.host(name, vars)
	}
}

// expand writes Ansible's ranges out: web[01:03] is web01, web02, web03.
func expand(pattern string) []string {
	before, rest, open := strings.Cut(pattern, "[")
	inside, after, closed := strings.Cut(rest, "]")
	lo, hi, ranged := strings.Cut(inside, ":")
	from, err1 := strconv.Atoi(lo)
	to, err2 := strconv.Atoi(hi)
	if !open || !closed || !ranged || err1 != nil || err2 != nil || to-from > 100_000 {
		return []string{pattern}
	}
	var names []string
	for i := from; i <= to; i++ {
		for _, tail := range expand(after) {
			names = append(names, fmt.Sprintf("%s%0*d%s", before, len(lo), i, tail))
		}
	}
	return names
}

// nodes puts hosts and groups together.
func (inv *inventory) nodes() ([]*squall.FleetNode, error) {
	tags := map[string][]string{}
	vars := map[string]map[string]string{}
	var walk func(name string, above []string, inherited map[string]string) error
	walk = func(name string, above []string, inherited map[string]string) error {
		if slices.Contains(above, name) {
			return fmt.Errorf("group %s is a part of itself", name)
		}
		g := inv.group(name)
		own := maps.Clone(inherited)
		maps.Copy(own, g.vars)
		chain := append(slices.Clone(above), name)
		for _, h := range g.hosts {
			for _, tag := range chain {
				if tag != "all" && tag != "ungrouped" && !slices.Contains(tags[h], tag) {
					tags[h] = append(tags[h], tag)
				}
			}
			if vars[h] == nil {
				vars[h] = map[string]string{}
			}
			maps.Copy(vars[h], own)
		}
		for _, c := range g.children {
			if err := walk(c, chain, own); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(inv.groups)) {
		if err := walk(name, nil, map[string]string{}); err != nil {
			return nil, err
		}
	}
	var nodes []*squall.FleetNode
	for _, name := range slices.SortedFunc(maps.Keys(inv.hosts), natural) {
		n := &squall.FleetNode{Name: name, Tags: tags[name], Attrs: map[string]string{}}
		slices.Sort(n.Tags)
		all := map[string]string{}
		maps.Copy(all, vars[name])
		maps.Copy(all, inv.hosts[name])
		for k, v := range all {
			switch {
			case k == "ansible_host":
				n.Address = v
			case k == "ansible_port":
				port, err := strconv.Atoi(v)
				if err != nil {
					return nil, fmt.Errorf("%s: ansible_port %q is not a number", name, v)
				}
				n.Port = port
			case strings.HasPrefix(k, "ansible_"): // how Ansible works, and its passwords
			default:
				n.Attrs[k] = v
			}
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// FromINI reads an inventory of Ansible in its INI form.
func FromINI(source string) ([]*squall.FleetNode, error) {
	inv := inventory{hosts: map[string]map[string]string{}, groups: map[string]*group{}}
	section, kind := "ungrouped", ""
	for i, line := range strings.Split(source, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section, kind, _ = strings.Cut(line[1:len(line)-1], ":")
			if kind != "" && kind != "children" && kind != "vars" {
				return nil, fmt.Errorf("line %d: %q is neither children nor vars", i+1, kind)
			}
			continue
		}
		g := inv.group(section)
		words := fields(line)
		switch kind {
		case "children":
			g.children = append(g.children, words[0])
		case "vars":
			k, v, ok := strings.Cut(line, "=")
			if !ok {
				return nil, fmt.Errorf("line %d: a variable is written name=value", i+1)
			}
			g.vars[strings.TrimSpace(k)] = unquote(strings.TrimSpace(v))
		default:
			vars := map[string]any{}
			for _, w := range words[1:] {
				if w[0] == '#' {
					break
				}
				k, v, ok := strings.Cut(w, "=")
				if !ok {
					return nil, fmt.Errorf("line %d: a variable is written name=value, not %q", i+1, w)
				}
				vars[k] = unquote(v)
			}
			inv.addHosts(g, words[0], vars)
		}
	}
	return inv.nodes()
}

// fields splits at blanks outside of quotes.
func fields(line string) (words []string) {
	var word strings.Builder
	quote := rune(0)
	for _, c := range line {
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			continue
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
		word.WriteRune(c)
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
