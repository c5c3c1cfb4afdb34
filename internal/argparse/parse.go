package argparse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// Result is a command line that was understood.
type Result struct {
	Path   []*Command // from the root to the command
	Prog   string     // "st2 action list"
	Values Values     // of all commands on the path
	Ended  string     // the switch that ended the reading, such as "help" on the last command; "" for none
}

// Command is the command to run.
func (r *Result) Command() *Command { return r.Path[len(r.Path)-1] }

// Parse reads the words behind the program's name. Help lines of errors are
// width columns wide. The error is an *Error.
func (c *Command) Parse(words []string, width int) (*Result, error) {
	r := &Result{Values: Values{}, Prog: c.Name}
	var extras []string
	if err := c.parse(r, c.Name, words, width, &extras); err != nil || r.Ended != "" {
		return r, err
	}
	if len(extras) > 0 {
		return r, c.errorf(c.Name, width, "unrecognized arguments: %s", strings.Join(extras, " "))
	}
	return r, nil
}

// errorf is an error of c, which is called prog.
func (c *Command) errorf(prog string, width int, format string, args ...any) error {
	return &Error{Prog: prog, Usage: c.Usage(prog, width), Msg: fmt.Sprintf(format, args...)}
}

// reading is the state of one command being read.
type reading struct {
	c     *Command
	args  []Arg
	r     *Result
	prog  string
	width int
	given map[string]*Arg // by exclusion and name
}

// parse reads the words of c and hands those behind a subcommand's name on.
func (c *Command) parse(r *Result, prog string, words []string, width int, extras *[]string) error {
	r.Path, r.Prog = append(r.Path, c), prog
	d := &reading{c: c, args: c.all(), r: r, prog: prog, width: width, given: map[string]*Arg{}}
	for i := range d.args {
		d.r.Values[d.args[i].Name] = d.args[i].initial()
	}
	positional, sub, rest, err := d.options(words, extras)
	if err != nil || r.Ended != "" {
		return err
	}
	if len(c.Sub) > 0 {
		if err := d.required(); err != nil {
			return err
		}
		return d.descend(sub, rest, extras)
	}
	if err := d.positionals(positional, extras); err != nil {
		return err
	}
	return d.required()
}

func (a *Arg) initial() any {
	if a.Nargs == Switch && a.Default == nil {
		return false
	}
	return a.Default
}

func (d *reading) errorf(format string, args ...any) error {
	return d.c.errorf(d.prog, d.width, format, args...)
}

// descend goes on with a subcommand.
func (d *reading) descend(name *string, rest []string, extras *[]string) error {
	c := d.c
	if name == nil {
		if len(d.r.Path) > 1 {
			return nil // st2: a branch alone prints the program's help
		}
		return d.errorf("the following arguments are required: parser")
	}
	sub := c.Find(*name)
	if sub != nil {
		return sub.parse(d.r, d.prog+" "+sub.Name, rest, d.width, extras)
	}
	names := make([]string, len(c.Sub))
	for i, s := range c.Sub {
		names[i] = value.StrRepr(s.Name)
	}
	label := "parser"
	if len(d.r.Path) > 1 {
		label = c.choices()
	}
	return d.errorf("argument %s: invalid choice: %s (choose from %s)", label, value.StrRepr(*name), strings.Join(names, ", "))
}

// negative is a word that is a number rather than an option.
var negative = regexp.MustCompile(`^-\d+$|^-\d*\.\d+$`)

// option finds what option a word is: arg is nil for one that does not exist, ok
// is false for a word that is none. attached is what stands in the same word.
func (d *reading) option(word string) (arg *Arg, flag string, attached *string, ok bool, err error) {
	if len(word) < 2 || word[0] != '-' {
		return nil, "", nil, false, nil
	}
	if a := d.find(word); a != nil {
		return a, word, nil, true, nil
	}
	name, value, hasValue := strings.Cut(word, "=")
	if hasValue {
		if a := d.find(name); a != nil {
			return a, name, &value, true, nil
		}
	}
	type hit struct {
		arg      *Arg
		flag     string
		attached *string
	}
	var hits []hit
	for i := range d.args {
		a := &d.args[i]
		for _, f := range a.Flags {
			switch {
			case strings.HasPrefix(word, "--"):
				if strings.HasPrefix(f, name) {
					h := hit{a, f, nil}
					if hasValue {
						h.attached = &value
					}
					hits = append(hits, h)
				}
			case f == word[:2]:
				rest := word[2:]
				hits = append(hits, hit{a, f, &rest})
			case strings.HasPrefix(f, word):
				hits = append(hits, hit{a, f, nil})
			}
		}
	}
	switch {
	case len(hits) == 1:
		return hits[0].arg, hits[0].flag, hits[0].attached, true, nil
	case len(hits) > 1:
		names := make([]string, len(hits))
		for i, h := range hits {
			names[i] = h.flag
		}
		return nil, "", nil, true, d.errorf("ambiguous option: %s could match %s", word, strings.Join(names, ", "))
	case negative.MatchString(word) || strings.Contains(word, " "):
		return nil, "", nil, false, nil
	}
	return nil, word, nil, true, nil
}

func (d *reading) find(flag string) *Arg {
	for i := range d.args {
		if slices.Contains(d.args[i].Flags, flag) {
			return &d.args[i]
		}
	}
	return nil
}

// options takes the options out of the words and leaves the positional ones. Of
// a branch it stops at the first positional word: the subcommand, and its words.
func (d *reading) options(words []string, extras *[]string) (positional []string, sub *string, rest []string, err error) {
	for i := 0; i < len(words); {
		word := words[i]
		if word == "--" {
			positional = append(positional, words[i+1:]...)
			break
		}
		arg, flag, attached, isOption, err := d.option(word)
		if err != nil {
			return nil, nil, nil, err
		}
		i++
		switch {
		case !isOption && len(d.c.Sub) > 0:
			return nil, &word, words[i:], nil
		case !isOption:
			positional = append(positional, word)
			continue
		case arg == nil:
			*extras = append(*extras, word)
			continue
		}
		used, err := d.take(arg, flag, attached, words[i:])
		if err != nil || d.r.Ended != "" {
			return nil, nil, nil, err
		}
		i += used
	}
	return positional, nil, nil, nil
}

// take reads one option with its values; short switches may stand in one word.
func (d *reading) take(arg *Arg, flag string, attached *string, behind []string) (used int, err error) {
	for attached != nil && arg.Nargs == Switch {
		if strings.HasPrefix(flag, "--") || *attached == "" {
			return 0, d.errorf("argument %s: ignored explicit argument %s", arg.label(), value.StrRepr(*attached))
		}
		if err := d.set(arg, nil); err != nil || d.r.Ended != "" {
			return 0, err
		}
		flag = "-" + (*attached)[:1]
		next := d.find(flag)
		if next == nil {
			return 0, d.errorf("argument %s: ignored explicit argument %s", arg.label(), value.StrRepr(*attached))
		}
		rest := (*attached)[1:]
		if arg, attached = next, &rest; rest == "" {
			attached = nil
		}
	}
	if attached != nil {
		return 0, d.set(arg, []string{*attached})
	}
	var values []string
	for _, w := range behind {
		if len(values) > 0 && arg.Nargs != Any && arg.Nargs != Some || arg.Nargs == Switch || w == "--" {
			break
		}
		_, _, _, isOption, err := d.option(w)
		if err != nil {
			return 0, err
		}
		if isOption {
			break
		}
		values = append(values, w)
	}
	switch {
	case arg.Nargs == One && len(values) == 0:
		return 0, d.errorf("argument %s: expected one argument", arg.label())
	case arg.Nargs == Some && len(values) == 0:
		return 0, d.errorf("argument %s: expected at least one argument", arg.label())
	}
	return len(values), d.set(arg, values)
}

// set stores what was given for an argument.
func (d *reading) set(arg *Arg, words []string) error {
	if arg.Exclude != "" {
		if other := d.given[arg.Exclude]; other != nil && other.Name != arg.Name {
			return d.errorf("argument %s: not allowed with argument %s", arg.label(), other.label())
		}
		d.given[arg.Exclude] = arg
	}
	d.given[" "+arg.Name] = arg
	if arg.Nargs == Switch {
		d.r.Values[arg.Name] = true
		if arg.Ends && d.r.Ended == "" {
			d.r.Ended = arg.Name
		}
		return nil
	}
	list := make([]any, len(words))
	for i, w := range words {
		v, err := arg.read(w)
		if err != nil {
			return d.errorf("argument %s: invalid %s value: %s", arg.label(), typeNames[arg.Type], value.StrRepr(w))
		}
		list[i] = v
	}
	switch {
	case arg.Nargs == Any || arg.Nargs == Some:
		d.r.Values[arg.Name] = list
	case len(list) > 0:
		d.r.Values[arg.Name] = list[0]
	}
	return nil
}

var typeNames = [...]string{"str", "int", "loads"}

func (a *Arg) read(word string) (any, error) {
	switch {
	case a.Read != nil:
		return a.Read(word)
	case a.Type == Int:
		return strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(word), "_", ""), 10, 64)
	default:
		return word, nil
	}
}

// Fill gives the words to the positional arguments of c, for callers that have
// read the options themselves. The error is an *Error.
func (c *Command) Fill(v Values, words []string) error {
	d := &reading{c: c, args: c.Args, r: &Result{Values: v}, prog: c.Name, width: 80, given: map[string]*Arg{}}
	var extras []string
	if err := d.positionals(words, &extras); err != nil {
		return err
	}
	if len(extras) > 0 {
		return d.errorf("unrecognized arguments: %s", strings.Join(extras, " "))
	}
	return nil
}

// positionals hands the words to the arguments: each takes what it needs, and the
// first that can takes what is left.
func (d *reading) positionals(words []string, extras *[]string) error {
	var args []*Arg
	need := 0
	for i := range d.args {
		if a := &d.args[i]; len(a.Flags) == 0 {
			args = append(args, a)
			if a.Nargs == One || a.Nargs == Some {
				need++
			}
		}
	}
	for i, a := range args {
		n := 0
		switch spare := len(words) - need; a.Nargs {
		case One:
			n, need = min(1, len(words)), need-1
		case Some:
			n, need = min(len(words), max(1, spare+1)), need-1
		case Optional:
			n = min(1, max(0, spare))
		case Any:
			n = max(0, spare)
		case Switch:
		}
		if n == 0 && (a.Nargs == One || a.Nargs == Some) {
			missing := []string{}
			for _, m := range args[i:] {
				if m.Nargs == One || m.Nargs == Some {
					missing = append(missing, m.metavar())
				}
			}
			return d.errorf("the following arguments are required: %s", strings.Join(missing, ", "))
		}
		if n > 0 {
			if err := d.set(a, words[:n]); err != nil {
				return err
			}
		}
		words = words[n:]
	}
	*extras = append(*extras, words...)
	return nil
}

// required refuses a command line without the options that must be there.
func (d *reading) required() error {
	var missing []string
	for i := range d.args {
		if a := &d.args[i]; a.Required && d.given[" "+a.Name] == nil {
			missing = append(missing, a.label())
		}
	}
	if len(missing) > 0 {
		return d.errorf("the following arguments are required: %s", strings.Join(missing, ", "))
	}
	return nil
}
