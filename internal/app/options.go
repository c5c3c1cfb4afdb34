package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"squall/internal/squall"
)

// option is one configuration key and where its value goes.
type option struct {
	key    string
	value  optionValue
	help   string
	secret bool
	check  func() error // after all sources; nil: every value that parses is right
}

// env returns the option's environment variable.
func (o option) env() string {
	return "SQUALL_" + strings.ToUpper(strings.ReplaceAll(o.key, ".", "_"))
}

// optionValue parses and prints one kind of value. Set returns what is wrong in
// words that follow "key: ".
type optionValue interface {
	Set(text string) error
	String() string
}

type (
	textValue     string
	intValue      int
	boolValue     bool
	durationValue time.Duration
	sizeValue     int64
	ratioValue    float64
	listValue     []string
)

func (v *textValue) Set(s string) error { *v = textValue(s); return nil }
func (v *textValue) String() string     { return string(*v) }

func (v *intValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", s)
	}
	*v = intValue(n)
	return nil
}
func (v *intValue) String() string { return strconv.Itoa(int(*v)) }

func (v *boolValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		*v = true
	case "false", "no", "off":
		*v = false
	default:
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}
func (v *boolValue) String() string { return strconv.FormatBool(bool(*v)) }

// Set reads Go's durations and, beside them, whole days: "90d".
func (v *durationValue) Set(s string) error {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			*v = durationValue(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 500ms, 30s, 5m, 12h or 90d", s)
	}
	if d < 0 {
		return fmt.Errorf("%q is negative", s)
	}
	*v = durationValue(d)
	return nil
}

func (v *durationValue) String() string {
	d := time.Duration(*v)
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	s := d.String()
	s, _ = strings.CutSuffix(s, "m0s")
	if s != d.String() {
		s += "m"
	}
	if h, ok := strings.CutSuffix(s, "h0m"); ok {
		s = h + "h"
	}
	return s
}

var sizeUnits = []struct {
	suffix string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}, {"", 1}}

func (v *sizeValue) Set(s string) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.factor {
			break
		}
		*v = sizeValue(n * u.factor)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 4096, 512KiB or 10MiB", s)
}

func (v *sizeValue) String() string {
	n := int64(*v)
	for _, u := range slices.Backward(sizeUnits[:3]) {
		if n >= u.factor && n%u.factor == 0 {
			return strconv.FormatInt(n/u.factor, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

func (v *ratioValue) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return fmt.Errorf("%q is not a number from 0 to 1", s)
	}
	*v = ratioValue(f)
	return nil
}
func (v *ratioValue) String() string { return strconv.FormatFloat(float64(*v), 'g', -1, 64) }

func (v *listValue) Set(s string) error {
	*v = nil
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*v = append(*v, item)
		}
	}
	return nil
}
func (v *listValue) String() string { return strings.Join(*v, ",") }

// Setting is the effective value of a key and where it came from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // "********" for a secret that is set
	Origin string `json:"origin"`
	Help   string `json:"help"`
	Env    string `json:"env"`
}

// loader fills options from sources and collects what is wrong.
type loader struct {
	options  []option
	origins  map[string]string
	problems []error
}

func (l *loader) problem(source, key, msg string) {
	l.problems = append(l.problems, Problem{Source: source, Key: key, Msg: msg})
}

func (l *loader) set(key, text, source string) {
	for _, o := range l.options {
		if o.key != key {
			continue
		}
		if err := o.value.Set(text); err != nil {
			msg := err.Error()
			if o.secret {
				msg = strings.ReplaceAll(msg, text, masked)
			}
			l.problem(source, key, msg)
			return
		}
		l.origins[key] = source
		return
	}
	l.unknown(source, key)
}

func (l *loader) known(key string) bool {
	return slices.ContainsFunc(l.options, func(o option) bool { return o.key == key })
}

func (l *loader) unknown(source, key string) {
	l.problem(source, key, "there is no such setting"+l.suggest(key))
}

// suggest names the known key that is nearest to a mistyped one.
func (l *loader) suggest(key string) string {
	keys := make([]string, len(l.options))
	for i, o := range l.options {
		keys[i] = o.key
	}
	if near := squall.Nearest(key, keys, 3); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; `squall config show` lists them all"
}

// file reads sections of keys: {scheduler: {slots: 32}}.
func (l *loader) file(path string, text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		l.problem(path, "", "is not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if len(doc.Content) == 0 {
		return // an empty file
	}
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", path, n.Line, n.Column) }
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		l.problem(at(root), "", "must be a mapping of sections such as `server:`")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, section := root.Content[i], root.Content[i+1]
		if section.Tag == "!!null" {
			continue
		}
		if section.Kind != yaml.MappingNode {
			l.problem(at(section), name.Value, "must be a mapping of settings, as in\n    "+name.Value+":\n      key: value")
			continue
		}
		for j := 0; j+1 < len(section.Content); j += 2 {
			k, v := section.Content[j], section.Content[j+1]
			key := name.Value + "." + k.Value
			if line, twice := seen[key]; twice {
				l.problem(at(k), key, fmt.Sprintf("is set twice (first in line %d)", line))
				continue
			}
			seen[key] = k.Line
			if !l.known(key) {
				l.unknown(at(k), key)
				continue
			}
			text, err := nodeText(v)
			if err != nil {
				l.problem(at(v), key, err.Error())
				continue
			}
			l.set(key, text, at(v))
		}
	}
}

// nodeText returns a scalar's text, or the items of a list joined by commas.
func nodeText(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.SequenceNode:
		items := make([]string, 0, len(n.Content))
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return "", errors.New("must be a list of plain values")
			}
			items = append(items, c.Value)
		}
		return strings.Join(items, ","), nil
	default:
		return "", errors.New("must be a plain value or a list")
	}
}

func (l *loader) environment(lookup func(string) (string, bool)) {
	for _, o := range l.options {
		if text, ok := lookup(o.env()); ok {
			l.set(o.key, text, "environment "+o.env())
		}
	}
}

func (l *loader) flags(flags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		l.set(key, flags[key], "flag")
	}
}

// check applies the rules that need the whole configuration.
func (l *loader) check() {
	for _, o := range l.options {
		if o.check == nil {
			continue
		}
		if err := o.check(); err != nil {
			l.problem(l.origin(o.key), o.key, err.Error())
		}
	}
}

func (l *loader) origin(key string) string {
	if s, ok := l.origins[key]; ok {
		return s
	}
	return "default"
}

// masked stands for a secret wherever people or programs can look.
const masked = "********"

func (l *loader) settings() []Setting {
	list := make([]Setting, 0, len(l.options))
	for _, o := range l.options {
		s := Setting{Key: o.key, Value: o.value.String(), Origin: l.origin(o.key), Help: o.help, Env: o.env()}
		if o.secret && s.Value != "" {
			s.Value = masked
		}
		list = append(list, s)
	}
	return list
}
