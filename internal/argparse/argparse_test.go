package argparse

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// demo is a command line with everything the package knows.
func demo() *Command {
	list := &Command{Name: "list", Help: "List them.", Args: []Arg{
		{Flags: []string{"-a", "--attr"}, Name: "attr", Nargs: Some, Help: "attributes"},
		{Flags: []string{"-n", "--last"}, Name: "last", Type: Int, Default: int64(50), Help: "how many"},
		{Flags: []string{"-t", "--token"}, Name: "token"},
		{Flags: []string{"-tg", "--timestamp-gt"}, Name: "timestamp_gt", Help: "after"},
		{Flags: []string{"-j", "--json"}, Name: "json", Nargs: Switch},
		{Flags: []string{"-y", "--yaml"}, Name: "yaml", Nargs: Switch},
		{Flags: []string{"--on"}, Name: "on", Nargs: Switch, Exclude: "state"},
		{Flags: []string{"--off"}, Name: "off", Nargs: Switch, Exclude: "state"},
		{Flags: []string{"--user"}, Name: "user", Apart: true},
	}}
	run := &Command{Name: "run", Help: "Run it.", Args: []Arg{
		{Name: "ref", Nargs: Optional},
		{Name: "parameters", Nargs: Any},
		{Flags: []string{"-a", "--async"}, Name: "async", Nargs: Switch},
		{Flags: []string{"--tasks"}, Name: "tasks", Nargs: Any},
	}}
	get := &Command{Name: "get", Args: []Arg{{Name: "id", Nargs: Some}, {Flags: []string{"-p", "--prefix"}, Name: "prefix", Required: true}}}
	set := &Command{Name: "set", Args: []Arg{{Name: "name"}, {Name: "value", Nargs: Optional}}}
	return &Command{Name: "st2", Help: "A program.", Args: []Arg{
		{Flags: []string{"--version"}, Name: "version", Nargs: Switch, Ends: true},
		{Flags: []string{"--debug"}, Name: "debug", Nargs: Switch},
	}, Sub: []*Command{{Name: "thing", Help: "Things.", SubHelp: "commands", Sub: []*Command{list, get, set}}, run}}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Values
	}{
		{"thing list -a id status -n 3", Values{"attr": []any{"id", "status"}, "last": int64(3)}},
		{"thing list -n -1", Values{"last": int64(-1)}},
		{"thing list -n=2 --last 4", Values{"last": int64(4)}},
		{"thing list -n2 -jy", Values{"last": int64(2), "json": true, "yaml": true}},
		{"thing list --attr id -j", Values{"attr": []any{"id"}, "json": true}},
		{"thing list --time 2000", Values{"timestamp_gt": "2000"}},
		{"thing list -tg 2000 -t x", Values{"timestamp_gt": "2000", "token": "x"}},
		{"--debug thing list", Values{"debug": true}},
		{"run core.local cmd=date -a", Values{"ref": "core.local", "parameters": []any{"cmd=date"}, "async": true}},
		{"run -a core.local cmd=date", Values{"ref": "core.local", "parameters": []any{"cmd=date"}, "async": true}},
		{"run core.local -a cmd=date", Values{"ref": "core.local", "parameters": []any{"cmd=date"}, "async": true}},
		{"run core.local -- -x -y", Values{"ref": "core.local", "parameters": []any{"-x", "-y"}}},
		{"run", Values{}},
		{"run x --tasks", Values{"ref": "x", "tasks": []any{}}},
		{"thing get a b --pre c", Values{"id": []any{"a", "b"}, "prefix": "c"}},
		{"thing set name", Values{"name": "name"}},
		{"thing set name value", Values{"name": "name", "value": "value"}},
	} {
		r, err := demo().Parse(strings.Fields(tt.line), 80)
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		got := Values{}
		for name, v := range r.Values {
			if _, wanted := tt.want[name]; wanted || v != nil && v != false && name != "last" {
				got[name] = v
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.line, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for line, want := range map[string]string{
		"":                          "st2: the following arguments are required: parser",
		"bogus":                     "st2: argument parser: invalid choice: 'bogus' (choose from 'thing', 'run')",
		"thing bogus":               "st2 thing: argument {list,get,set}: invalid choice: 'bogus' (choose from 'list', 'get', 'set')",
		"thing list -n":             "st2 thing list: argument -n/--last: expected one argument",
		"thing list -n x":           "st2 thing list: argument -n/--last: invalid int value: 'x'",
		"thing list -a":             "st2 thing list: argument -a/--attr: expected at least one argument",
		"thing list --o":            "st2 thing list: ambiguous option: --o could match --on, --off",
		"thing list --on --off":     "st2 thing list: argument --off: not allowed with argument --on",
		"thing list --json=1":       "st2 thing list: argument -j/--json: ignored explicit argument '1'",
		"thing list -jx":            "st2 thing list: argument -j/--json: ignored explicit argument 'x'",
		"thing list what":           "st2: unrecognized arguments: what",
		"thing list --nope":         "st2: unrecognized arguments: --nope",
		"thing get -p x":            "st2 thing get: the following arguments are required: id",
		"thing get x":               "st2 thing get: the following arguments are required: -p/--prefix",
		"thing set":                 "st2 thing set: the following arguments are required: name",
		"thing set a b c":           "st2: unrecognized arguments: c",
		"thing list -t a -tg":       "st2 thing list: argument -tg/--timestamp-gt: expected one argument",
		"thing list --timestamp-gt": "st2 thing list: argument -tg/--timestamp-gt: expected one argument",
	} {
		_, err := demo().Parse(strings.Fields(line), 80)
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%q: no error, want %s", line, want)
			continue
		}
		if got := e.Prog + ": " + e.Msg; got != want {
			t.Errorf("%q: %s\nwant %s", line, got, want)
		}
		if !strings.HasPrefix(e.Usage, "usage: "+e.Prog+" ") {
			t.Errorf("%q: usage %q", line, e.Usage)
		}
	}
}

func TestABranchAloneIsNoError(t *testing.T) {
	r, err := demo().Parse([]string{"thing"}, 80)
	if err != nil || r.Command().Name != "thing" {
		t.Fatalf("%v %v", r.Path, err)
	}
}

func TestSwitchesThatEnd(t *testing.T) {
	for line, want := range map[string]string{"--version": "version", "-h bogus": "help", "thing list -n 3 -h --what": "help", "thing get --help": "help"} {
		r, err := demo().Parse(strings.Fields(line), 80)
		if err != nil || r.Ended != want {
			t.Errorf("%s: %q %v", line, r.Ended, err)
		}
	}
}

func TestHelp(t *testing.T) {
	c := demo().Find("thing").Find("list")
	want := `usage: st2 thing list [-h] [-a ATTR [ATTR ...]] [-n LAST] [-t TOKEN]
                      [-tg TIMESTAMP_GT] [-j] [-y] [--on | --off]
                      [--user USER]

List them.

options:
  -h, --help            show this help message and exit
  -a ATTR [ATTR ...], --attr ATTR [ATTR ...]
                        attributes
  -n LAST, --last LAST  how many
  -t TOKEN, --token TOKEN
  -tg TIMESTAMP_GT, --timestamp-gt TIMESTAMP_GT
                        after
  -j, --json
  -y, --yaml
  --on
  --off

  --user USER
`
	if diff := cmp.Diff(want, c.HelpText("st2 thing list", 80)); diff != "" {
		t.Error(diff)
	}
}

// TestLikeThePython compares usage and errors with Python's argparse.
func TestLikeThePython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: there is no python3 here to compare with")
	}
	if v, err := exec.Command(python, "-c", "import sys; print(sys.version_info[:2])").Output(); err != nil || strings.TrimSpace(string(v)) != "(3, 11)" {
		t.Skipf("SKIPPED: the texts are those of Python 3.11, this is %s", v)
	}
	const program = `
import argparse, sys
p = argparse.ArgumentParser(prog="st2")
p.add_argument("--debug", action="store_true")
s = p.add_subparsers(dest="parser"); s.required = True
l = s.add_parser("list")
l.add_argument("-a", "--attr", nargs="+")
l.add_argument("-n", "--last", type=int)
l.add_argument("-tg", "--timestamp-gt")
l.add_argument("-j", "--json", action="store_true")
g = l.add_mutually_exclusive_group()
g.add_argument("--on", action="store_true")
g.add_argument("--off", action="store_true")
l.add_argument("id", nargs="+")
l.add_argument("file")
p.parse_args(sys.argv[1:])
`
	c := &Command{Name: "st2", Args: []Arg{{Flags: []string{"--debug"}, Name: "debug", Nargs: Switch}}, Sub: []*Command{{Name: "list", Args: []Arg{
		{Flags: []string{"-a", "--attr"}, Name: "attr", Nargs: Some},
		{Flags: []string{"-n", "--last"}, Name: "last", Type: Int},
		{Flags: []string{"-tg", "--timestamp-gt"}, Name: "timestamp_gt"},
		{Flags: []string{"-j", "--json"}, Name: "json", Nargs: Switch},
		{Flags: []string{"--on"}, Name: "on", Nargs: Switch, Exclude: "g"},
		{Flags: []string{"--off"}, Name: "off", Nargs: Switch, Exclude: "g"},
		{Name: "id", Nargs: Some}, {Name: "file"},
	}}}}
	for _, line := range []string{
		"", "nope", "list", "list a", "list a b", "list a b c -n 3", "list a b -n x", "list a b -n", "list a b --on --off", "list a b --time 1", "list a b --nope",
		"list a b -a", "list a b -jn3", "list a b -tg", "list -n -5 a b", "list a b --o", "list a b --json=3",
	} {
		cmd := exec.Command(python, append([]string{"-c", program}, strings.Fields(line)...)...)
		cmd.Env = append(os.Environ(), "COLUMNS=70")
		out, err := cmd.CombinedOutput()
		_, ours := c.Parse(strings.Fields(line), 70)
		if err == nil {
			if ours != nil {
				t.Errorf("%q: %v, Python takes it", line, ours)
			}
			continue
		}
		e, ok := errors.AsType[*Error](ours)
		if !ok {
			t.Errorf("%q: no error, Python says\n%s", line, out)
			continue
		}
		if diff := cmp.Diff(string(out), e.Usage+e.Prog+": error: "+e.Msg+"\n"); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

// Whatever the words are, reading ends, and words of a command that takes all are kept.
func TestNoWordIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z=.0-9]{1,6}`), 1, 6).Draw(t, "words")
		r, err := demo().Parse(append([]string{"run"}, words...), 80)
		if err != nil {
			t.Fatal(err)
		}
		got := append([]string{r.Values.String("ref")}, r.Values.Strings("parameters")...)
		if !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("thing list -a id -n 3")
	f.Add("run -a x -- y --tasks z")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := demo().Parse(strings.Fields(line), 80)
		if err == nil && len(r.Path) == 0 {
			t.Fatal("no error and no command")
		}
	})
}
