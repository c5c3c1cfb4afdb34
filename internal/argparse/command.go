// Package argparse reads command lines and writes help in the grammar of Python's
// argparse (3.11), which st2 speaks: options that take several words, long names
// cut short, short names of two letters, groups that exclude each other, and its
// texts of usage and error.
//
// In flow a Command, which is data, and the words; out come Values or an *Error.
// One difference is meant: positional words may stand on both sides of options
// everywhere, where the original refuses some orders that it could understand.
// The package prints nothing and runs nothing.
package argparse

// Command is a command with arguments, or a branch with commands below it.
type Command struct {
	Name    string
	Help    string
	Args    []Arg
	Sub     []*Command
	SubHelp string // title of the list of commands below
	NoHelp  bool   // -h and --help are no options, or are defined as arguments
	Run     any    // what the command does; the caller's
	Example string // the caller's
}

// Nargs says how many words an argument takes.
type Nargs byte

// The numbers of words.
const (
	One      Nargs = iota
	Switch         // none: true when it is there
	Optional       // one or none
	Any            // as many as follow
	Some           // at least one
)

// Type says what a word is read as.
type Type byte

// The types of words.
const (
	String Type = iota // string
	Int                // int64
	JSON               // what it decodes to: a Reader must be given for it
)

// Arg is an argument: an option when it has Flags, else a positional one.
type Arg struct {
	Flags   []string // "-n", "--last"
	Name    string   // key among the values
	Metavar string   // what help calls the value; default: Name in capitals for options, Name itself else
	Shown   string   // how usage shows the values; default: by Metavar and Nargs
	Nargs   Nargs
	Type    Type
	// Read replaces the reading of a word. Its error makes the word invalid.
	Read     func(word string) (any, error)
	Default  any
	Required bool // of an option
	Help     string
	Exclude  string // arguments with the same name here exclude each other
	Hidden   bool   // not in the list of help, only in the usage
	Apart    bool   // listed by itself behind the others
	Ends     bool   // of a switch: nothing behind it is read, and nothing has to be there
}

// Values are what was given, or the default, by name. Arguments of nargs Any and
// Some are []any, switches are bool.
type Values map[string]any

// String returns a text, "" for none.
func (v Values) String(name string) string { s, _ := v[name].(string); return s }

// Bool returns a switch.
func (v Values) Bool(name string) bool { b, _ := v[name].(bool); return b }

// Int returns a number, 0 for none.
func (v Values) Int(name string) int64 { n, _ := v[name].(int64); return n }

// Strings returns the words of an argument that takes several.
func (v Values) Strings(name string) []string {
	list, _ := v[name].([]any)
	words := make([]string, len(list))
	for i, w := range list {
		words[i], _ = w.(string)
	}
	return words
}

// Error is a command line that cannot be.
type Error struct {
	Prog  string // the command that was being read, such as "st2 run"
	Usage string
	Msg   string
}

// Error returns the message without the usage.
func (e *Error) Error() string { return e.Msg }

// Find returns the command below c of this name, nil when there is none.
func (c *Command) Find(name string) *Command {
	for _, s := range c.Sub {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// helpArg is the option every command has unless NoHelp.
var helpArg = Arg{Flags: []string{"-h", "--help"}, Name: "help", Nargs: Switch, Ends: true, Help: "show this help message and exit"}

// all are the arguments with the help option.
func (c *Command) all() []Arg {
	if c.NoHelp {
		return c.Args
	}
	return append([]Arg{helpArg}, c.Args...)
}

// label is an argument's name in messages.
func (a *Arg) label() string {
	if len(a.Flags) == 0 {
		return a.metavar()
	}
	text := a.Flags[0]
	for _, f := range a.Flags[1:] {
		text += "/" + f
	}
	return text
}
