package st2cli

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/argparse"
)

// original is StackStorm's own client, which is asked the same as ours where it is
// at hand (it is not part of this repository):
//
//	SQUALL_ST2CLIENT_DIR     the directory st2client of StackStorm's repository
//	SQUALL_ST2CLIENT_PYTHON  a Python that has what st2client needs; default: python3
//
// One Python loads it, and has a child for each command line, or is asked for the
// "helps" of all commands.
type original struct {
	in   io.WriteCloser
	out  *bufio.Reader
	home string
}

// commandLine is a command line with what is around it.
type commandLine struct {
	Words []string          `json:"words"`
	Env   map[string]string `json:"env"`
	Stdin string            `json:"stdin"`
	Dir   string            `json:"dir"`
}

// outcome is what a command line came to.
type outcome struct {
	Stdout, Stderr string
	Code           int
}

func newOriginal(t *testing.T) *original {
	t.Helper()
	dir := os.Getenv("SQUALL_ST2CLIENT_DIR")
	if dir == "" {
		t.Skip("SKIPPED: SQUALL_ST2CLIENT_DIR does not name the directory st2client of StackStorm's repository")
	}
	o := &original{home: t.TempDir()}
	cmd := exec.Command(first(os.Getenv("SQUALL_ST2CLIENT_PYTHON"), "python3"), "-c", originalDriver)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.home, "LANG=C.UTF-8", "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONPATH=" + dir + string(os.PathListSeparator) + os.Getenv("PYTHONPATH"),
	}
	cmd.Stderr = os.Stderr
	var err error
	if o.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	o.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil { //nolint:noctx // it ends with its standard input
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = o.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the original: %v", err)
		}
	})
	return o
}

// ask sends a line to Python and reads its answer.
func (o *original) ask(t *testing.T, question, answer any) {
	t.Helper()
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if line, err = o.out.ReadBytes('\n'); err != nil {
		t.Fatalf("the original is gone: %v", err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
}

// originalDriver reads command lines, or "helps", and answers each with a line.
const originalDriver = `
import argparse, json, os, sys, tempfile
sys.argv = ["st2"]
from st2client import shell
from st2client.utils import color

def helps(parser, into):
    into[parser.prog] = parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                helps(below, into)
    return into

def child(line, files):
    for fd, f in enumerate(files):
        os.dup2(f.fileno(), fd)
    home = os.environ["HOME"]
    os.environ.clear()
    os.environ.update(line["env"], HOME=home)
    os.chdir(line["dir"] or home)
    color.DISABLED = os.environ.get("ST2_COLORIZE", "")
    sys.argv = ["st2"] + line["words"]
    code = 1
    try:
        code = shell.main(line["words"])
    except SystemExit as e:
        code = e.code or 0
    except BaseException as e:
        print(repr(e), file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

def run(line):
    files = [tempfile.TemporaryFile() for _ in range(3)]
    files[0].write(line["stdin"].encode())
    files[0].seek(0)
    pid = os.fork()
    if pid == 0:
        child(line, files)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    texts = []
    for f in files[1:]:
        f.seek(0)
        texts.append(f.read().decode("utf-8", "replace"))
    return {"Stdout": texts[0], "Stderr": texts[1], "Code": code}

for line in sys.stdin:
    line = json.loads(line)
    if line == "helps":
        os.environ["COLUMNS"] = "120"
        answer = helps(shell.Shell().parser, {})
    else:
        answer = run(line)
    print(json.dumps(answer), flush=True)
`

var (
	brackets = regexp.MustCompile(`[\[\]|\s]+`)
	listed   = regexp.MustCompile(`(?m)^ {2,4}(\S.*?)(?:  .*)?$`)
)

// grammar is what a help says of the command line: the usage and the names it
// lists. What it says about them is in other words, and the brackets of groups
// within groups are others.
func grammar(help string) []string {
	usage, rest, _ := strings.Cut(help, "\n\n")
	out := []string{strings.TrimSpace(brackets.ReplaceAllString(usage, " "))}
	for _, m := range listed.FindAllStringSubmatch(rest, -1) {
		out = append(out, m[1])
	}
	return out
}

// Every command of the original is there with its options in their order, and no
// other one.
func TestGrammarIsTheOriginals(t *testing.T) {
	var helps map[string]string
	newOriginal(t).ask(t, "helps", &helps)
	theirs := map[string][]string{}
	for prog, help := range helps {
		theirs[prog] = grammar(help)
	}
	ours := map[string][]string{}
	var walk func(prog string, c *argparse.Command)
	walk = func(prog string, c *argparse.Command) {
		ours[prog] = grammar(c.HelpText(prog, 120))
		for _, s := range c.Sub {
			walk(prog+" "+s.Name, s)
		}
	}
	walk("st2", commands())
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Error(diff)
	}
}

// homeOf makes a home directory with st2's configuration.
func homeOf(t *testing.T, home, config string) {
	t.Helper()
	dir := filepath.Join(home, ".st2")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}
