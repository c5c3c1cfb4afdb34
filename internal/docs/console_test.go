package main

import (
	"fmt"
	"regexp"
	"strings"
)

// How a page is marked up. Blocks of the language console are what a person would
// see at a terminal: lines that begin with "$ " are commands (lines that begin
// with "> " go on with the command before), the others are what they print. All
// commands of a page run in one shell, from top to bottom.
//
// Where nothing stands behind a command, its output does not matter. Otherwise it
// must be the output; "..." stands for any text in a line, and in a line of its
// own for any number of lines.
//
// Comments, which nobody sees when the page is rendered, say the rest about the
// block below them:
//
//	<!-- skip: REASON -->     its commands are not run, because
//	<!-- status: 1 -->        its last command ends so (0 otherwise)
//	<!-- file: rules/a.yaml --> the block (of any language) is this file
//	<!-- server: FLAGS -->    anywhere: the page's server is started with these flags
//	<!-- server: none -->     anywhere: the page starts its server itself
//	<!-- hosts: web1 web2 --> anywhere: SSH reaches machines of these names
type tour struct {
	steps  []step
	server string
	hosts  []string
}

// step is what is done next.
type step struct {
	line    int // where it stands
	command string
	output  []string // what it must print; nil: anything
	status  int
	skip    string // the reason why it is not run

	file, content string // a file to be written instead
}

var (
	openFence = regexp.MustCompile("^(\\s*)```(\\w*)\\s*$")
	directive = regexp.MustCompile(`^\s*<!-- (skip|status|file|server|hosts): (.+?) -->$`)
	// command is the beginning of a line that is a command to be typed in.
	commandLine = regexp.MustCompile(`^(\$ |squall |bin/squall |st2 |curl |make |sudo |systemctl |apt |apt-get |install |psql |pg_dump |git )`)
)

// parsePage reads the tour through a page. Commands that stand anywhere else than
// in console blocks are an error: they would not be run.
func parsePage(text string) (t tour, err error) {
	var (
		comments map[string]string
		in       *block
		blank    = true // the line before was blank
		wrong    []string
	)
	note := func(n int, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("line %d: ", n)+fmt.Sprintf(format, args...))
	}
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		if in != nil {
			if strings.TrimSpace(line) == "```" {
				more, problem := in.steps()
				if problem != "" {
					note(in.line, "%s", problem)
				}
				t.steps = append(t.steps, more...)
				in, comments = nil, nil
				continue
			}
			in.lines = append(in.lines, strings.TrimPrefix(line, in.indent))
			continue
		}
		if m := openFence.FindStringSubmatch(line); m != nil {
			in = &block{line: n, indent: m[1], language: m[2], comments: comments}
			continue
		}
		m := directive.FindStringSubmatch(line)
		switch {
		case m != nil && m[1] == "server":
			t.server = m[2]
		case m != nil && m[1] == "hosts":
			t.hosts = strings.Fields(m[2])
		case m != nil:
			if comments == nil {
				comments = map[string]string{}
			}
			comments[m[1]] = m[2]
		case strings.TrimSpace(line) != "":
			if comments != nil {
				note(n, "a comment for the block below, and no block below")
			}
			comments = nil
			if blank && strings.HasPrefix(line, "    ") && commandLine.MatchString(strings.TrimSpace(line)) {
				note(n, "commands stand in ```console blocks, so that they are run")
			}
		}
		blank = strings.TrimSpace(line) == ""
	}
	if wrong != nil {
		err = fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return t, err
}

// block is a fenced block of a page.
type block struct {
	line     int
	indent   string
	language string
	comments map[string]string
	lines    []string
}

// steps are what the test does for the block.
func (b *block) steps() (steps []step, problem string) {
	if file := b.comments["file"]; file != "" {
		return []step{{line: b.line, file: file, content: strings.Join(b.lines, "\n") + "\n"}}, ""
	}
	if b.language != "console" {
		if b.language == "text" {
			return nil, "" // a summary of what can be typed, or what is printed
		}
		for _, l := range b.lines {
			if commandLine.MatchString(l) {
				return nil, "commands stand in ```console blocks, so that they are run"
			}
		}
		return nil, ""
	}
	for i, l := range b.lines {
		switch {
		case strings.HasPrefix(l, "$ "):
			steps = append(steps, step{line: b.line + 1 + i, command: l[2:], skip: b.comments["skip"]})
		case len(steps) == 0:
			return nil, "a console block begins with a command"
		case strings.HasPrefix(l, "> ") && steps[len(steps)-1].output == nil:
			steps[len(steps)-1].command += "\n" + l[2:]
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, l)
		}
	}
	if len(steps) == 0 {
		return nil, "a console block without a command"
	}
	if status := b.comments["status"]; status != "" {
		if _, err := fmt.Sscan(status, &steps[len(steps)-1].status); err != nil {
			return nil, "status: " + err.Error()
		}
	}
	return steps, ""
}

// check says how a command that was run differs from what the page promises.
func (s step) check(output string, status int) error {
	if status != s.status {
		return fmt.Errorf("ended with status %d, not %d:\n%s", status, s.status, output)
	}
	if s.output != nil && !matches(s.output, output) {
		return fmt.Errorf("printed:\n%s\nThe page says:\n%s", output, strings.Join(s.output, "\n"))
	}
	return nil
}

// matches compares what a command printed with what the page says.
func matches(want []string, got string) bool {
	var p strings.Builder
	p.WriteString(`\A`)
	for _, l := range want {
		if strings.TrimSpace(l) == "..." {
			p.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		p.WriteString(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(l, " ")), `\.\.\.`, `[^\n]*`) + ` *\n`)
	}
	p.WriteString(`\z`)
	return regexp.MustCompile(p.String()).MatchString(strings.TrimRight(got, "\n") + "\n")
}
