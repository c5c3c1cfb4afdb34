package st2cli

import (
	"fmt"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

// print writes a line.
func (c *call) print(s string) { fmt.Fprintln(c.Stdout, s) }

// machine reports whether a program reads the output.
func (c *call) machine() bool { return c.v.Bool("json") || c.v.Bool("yaml") }

// numbers are the values of an argument that takes several numbers.
func (c *call) numbers(name string) []int64 {
	items, _ := c.v[name].([]any)
	var out []int64
	for _, i := range items {
		if n, ok := i.(int64); ok {
			out = append(out, n)
		}
	}
	return out
}

// attributes are what -a asks for, or the given ones.
func (c *call) attributes(normal []string) []string {
	if _, ok := c.v["attr"].([]any); ok {
		return c.v.Strings("attr")
	}
	return normal
}

// emit writes a value for programs.
func (c *call) emit(v any) error {
	write := asJSON
	if !c.v.Bool("json") {
		write = asYAML
	}
	t, err := write(v)
	if err != nil {
		return err
	}
	c.print(t)
	return nil
}

// table shows documents in columns, or what -j and -y ask for.
func (c *call) table(docs []document, columns []string, show map[string]func(any) any) error {
	if !c.machine() {
		c.rows(docs, columns, show)
		return nil
	}
	out := value.NewList()
	for _, d := range docs {
		out.Items = append(out.Items, pick(d, columns))
	}
	return c.emit(out)
}

// one shows a document, or what -j and -y ask for.
func (c *call) one(d document, attributes, order []string, show map[string]func(any) any) error {
	if d == nil || d.Len() == 0 {
		c.print("No matching items found")
		return nil
	}
	if c.machine() {
		return c.emit(pick(d, attributes))
	}
	return c.properties(d, attributes, order, show)
}

// The arguments that nearly every command has.
var (
	tokenArgs = []argparse.Arg{
		{Flags: []string{"-t", "--token"}, Name: "token", Help: "token to authenticate with (ST2_AUTH_TOKEN)"},
		{Flags: []string{"--api-key"}, Name: "api_key", Help: "API key to authenticate with (ST2_API_KEY)"},
	}
	formatArgs = []argparse.Arg{
		{Flags: []string{"-j", "--json"}, Name: "json", Nargs: argparse.Switch, Help: "print JSON"},
		{Flags: []string{"-y", "--yaml"}, Name: "yaml", Nargs: argparse.Switch, Help: "print YAML"},
	}
	attrArg  = argparse.Arg{Flags: []string{"-a", "--attr"}, Name: "attr", Nargs: argparse.Some, Help: "which attributes to show; \"all\" shows every one"}
	widthArg = argparse.Arg{Flags: []string{"-w", "--width"}, Name: "width", Nargs: argparse.Some, Type: argparse.Int, Help: "widths of the columns"}
)

// args joins the common arguments with a command's own.
func args(own ...argparse.Arg) []argparse.Arg {
	list := append([]argparse.Arg{}, tokenArgs...)
	return append(append(list, formatArgs...), own...)
}
