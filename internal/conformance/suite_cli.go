package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"squall/internal/expr/value"
	"squall/internal/st2cli"
)

// cliSuite runs the folder "cli": commands of st2 with what they printed, against
// a whole server in this process. What is compared stands in cli_compare.go, how
// the things come into being that a command names in cli_needs.go.
func cliSuite() Suite {
	r := &cliWorld{}
	return Suite{
		Name: "cli", Load: r.load, Prepare: r.prepare, Limit: 30 * time.Second,
		Modes: map[string]Runner{"command": r.run},
	}
}

// noModels are recordings that the corpus says to be none: wrong arguments, no
// network.
var noModels = []string{"workflow_inspect", "config_list", "pack_show"}

func (r *cliWorld) load(root string) ([]*Case, error) {
	r.root, r.ran = root, map[string]string{}
	files, err := filepath.Glob(filepath.Join(root, "cli", "*.txt"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var out []*Case
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if slices.Contains(noModels, name) {
			continue
		}
		content, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		line, rest, _ := strings.Cut(string(content), "\n")
		command, ok := strings.CutPrefix(line, "$ st2 ")
		at := strings.LastIndex(rest, "[exit ")
		if !ok || at < 0 {
			return nil, fmt.Errorf("%s: no recorded command", f)
		}
		code, err := strconv.Atoi(strings.TrimRight(strings.TrimPrefix(rest[at:], "[exit "), "]\n"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for _, m := range executionOf.FindAllStringSubmatch(stripColors(rest), -1) {
			r.ran[m[1]] = m[2]
		}
		category, _, _ := strings.Cut(name, "_")
		out = append(out, &Case{
			Suite: "cli", Category: category, ID: "cli/" + name, Mode: "command", Input: command,
			Context: value.NewDict(0), Options: value.NewDict(0), Raw: value.DictOf("output", rest[:at], "exit", int64(code)),
		})
	}
	return out, nil
}

// cliWorld is the server and what the recorded identifiers stand for there.
type cliWorld struct {
	root string
	mu   sync.Mutex // the cases share what they create
	w    *world
	home string
	ran  map[string]string // recorded executions and their actions
}

// prepare starts a server with the packs of the recorded one.
func (r *cliWorld) prepare(ctx context.Context, _ []*Case) (stop func(), err error) {
	r.w = newWorld(&recordedServer{address: "127.0.0.1:9"})
	packs := filepath.Join(r.root, "..", "compat", "packs-metadata")
	for _, pack := range []string{"examples", "hello_st2"} {
		if err := r.w.needs.copy(pack, filepath.Join(packs, pack)); err != nil {
			return nil, fmt.Errorf("the packs of the recorded system: %w", err)
		}
	}
	if err := r.w.start(ctx); err != nil {
		return nil, err
	}
	if r.home, err = os.MkdirTemp("", "conformance-home-"); err != nil {
		r.w.stop()
		return nil, err
	}
	return func() {
		r.w.stop()
		os.RemoveAll(r.home) //nolint:errcheck // below the system's temporary directory
	}, nil
}

// asRecorded is the name under which the recorded pack examples is registered: the
// server brings a pack of that name along.
const asRecorded = "recorded"

// copy takes over the files of a pack.
func (n needs) copy(pack, dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "EXPECT.json" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rename := func(s string) string { return strings.ReplaceAll(s, "examples", asRecorded) }
		n.file(rename(pack), rename(rel), 0o755, rename(string(content)))
		return nil
	})
}

// run runs one recorded command and compares.
func (r *cliWorld) run(ctx context.Context, c *Case) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := str(c.Raw, "output")
	words, err := r.provide(ctx, splitCommand(c.Input.(string)), want)
	if err != nil {
		return nil, err
	}
	code, got := r.st2(ctx, words)
	if recorded, _ := get[int64](c.Raw, "exit"); int64(code) != recorded {
		return nil, disagreement(fmt.Sprintf("exit code %d, recorded %d; it printed\n%s", code, recorded, got))
	}
	if why := compareOutput(words, want, got); why != "" {
		return nil, disagreement(why + "\nit printed\n" + got)
	}
	return nil, nil
}

// st2 runs a command line as it was recorded: a terminal of 120 columns, what goes
// to standard error behind what goes to standard output.
func (r *cliWorld) st2(ctx context.Context, words []string) (code int, output string) {
	env := map[string]string{
		"TERM": "xterm", "COLUMNS": "120", "ST2_API_URL": r.w.url + "/api/v1", "ST2_AUTH_URL": r.w.url + "/auth/v1",
		"ST2_STREAM_URL": r.w.url + "/stream/v1", "ST2_AUTH_TOKEN": r.w.token,
	}
	var stdout, stderr bytes.Buffer
	p := &st2cli.Program{
		IO:      st2cli.IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: func(k string) string { return env[k] }, Home: r.home, Columns: 120},
		Version: "0",
	}
	code = p.Main(ctx, words)
	return code, strings.ReplaceAll(stdout.String()+stderr.String(), asRecorded, "examples")
}

// splitCommand splits a recorded line, in which the quotes are lost: what follows
// a parameter and is neither one nor an option belongs to its value.
func splitCommand(line string) []string {
	var words []string
	for word := range strings.FieldsSeq(line) {
		n := len(words)
		if n > 2 && words[0] == "run" && parameterWord.MatchString(words[n-1]) && !parameterWord.MatchString(word) && !strings.HasPrefix(word, "-") {
			words[n-1] += " " + word
			continue
		}
		words = append(words, word)
	}
	return words
}

var parameterWord = regexp.MustCompile(`^\w+=`)
