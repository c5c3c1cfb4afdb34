package main

import (
	"strings"
	"testing"
)

func TestParsePage(t *testing.T) {
	page := strings.ReplaceAll(`# Title
<!-- server: --set a.b=c -->
<!-- hosts: web1 web2 -->

<!-- file: a.yaml -->
'''yaml
a: 1
'''

'''console
$ squall one
out ... put
...
$ squall two \
> three
'''

<!-- skip: needs a cluster -->
<!-- status: 1 -->
'''console
$ squall four
'''
`, "'''", "```")
	tour, err := parsePage(page)
	if err != nil {
		t.Fatal(err)
	}
	steps := tour.steps
	if tour.server != "--set a.b=c" || len(tour.hosts) != 2 || len(steps) != 4 {
		t.Fatalf("server %q, hosts %q, %d steps", tour.server, tour.hosts, len(steps))
	}
	if s := steps[0]; s.file != "a.yaml" || s.content != "a: 1\n" {
		t.Errorf("the file is %+v", s)
	}
	if s := steps[1]; s.command != "squall one" || len(s.output) != 2 || s.line != 11 {
		t.Errorf("the first command is %+v", s)
	}
	if s := steps[2]; s.command != "squall two \\\nthree" || s.output != nil {
		t.Errorf("the second command is %+v", s)
	}
	if s := steps[3]; s.skip != "needs a cluster" || s.status != 1 {
		t.Errorf("the third command is %+v", s)
	}
}

// What would not be run, or not be compared, is refused.
func TestParsePageRefuses(t *testing.T) {
	for name, page := range map[string]string{
		"a command in another block": "```sh\nsquall run\n```\n",
		"an indented command":        "Do this:\n\n    squall run\n",
		"output before a command":    "```console\nout\n$ squall run\n```\n",
		"no command":                 "```console\n```\n",
		"a comment that hangs":       "<!-- skip: why not -->\nText.\n",
	} {
		if _, err := parsePage(page); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A command that fails, or prints something else, is told of.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		step   step
		output string
		status int
		ok     bool
	}{
		{step{}, "anything", 0, true},
		{step{}, "", 1, false},
		{step{status: 2}, "", 2, true},
		{step{status: 2}, "", 0, false},
		{step{output: []string{"a"}}, "a", 0, true},
		{step{output: []string{"a"}}, "b", 0, false},
		{step{output: []string{"a"}}, "a", 1, false},
	} {
		if err := c.step.check(c.output, c.status); (err == nil) != c.ok {
			t.Errorf("%+v, %q, status %d: %v", c.step, c.output, c.status, err)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a", "a", true},
		{"a", "a\nb", false},
		{"a\n...", "a\nb\nc", true},
		{"...\nc", "a\nb\nc", true},
		{"a ... c", "a b c", true},
		{"a ... c", "a b d", false},
		{"a.c", "abc", false},
		{"...", "", true},
	} {
		if got := matches(strings.Split(c.want, "\n"), c.got); got != c.ok {
			t.Errorf("%q for %q = %v", c.want, c.got, got)
		}
	}
}
