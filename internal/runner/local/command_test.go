package local

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/runner"
	"squall/internal/squall"
)

func TestPlainTakesOnlyWhatBashWouldMerelyExec(t *testing.T) {
	for cmd, want := range map[string][]string{
		"true":                   {"true"},
		"  /bin/ls -l  /tmp ":    {"/bin/ls", "-l", "/tmp"},
		"date +%s":               {"date", "+%s"},
		"a.b_c-d --x=y,z:1@h %1": {"a.b_c-d", "--x=y,z:1@h", "%1"},
	} {
		got, ok := plain(cmd)
		if !ok {
			t.Errorf("%q is not plain", cmd)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", cmd, diff)
		}
	}
	for _, cmd := range []string{
		"", "  ", "echo a", "A=1 env", "A=1", "ls *", "ls ~", "ls ?", "a|b", "a;b", "a&", "a>b", "a<b", "$A", "`a`", "a\nb",
		"'a'", `"a"`, `a\b`, "a #b", "!a", "{a,b}", "(a)", "[ a", "if", "time ls", ". x", "cd /", "%1", "+x", "@x", "ls é", "\x00",
	} {
		if got, ok := plain(cmd); ok {
			t.Errorf("%q was taken for plain: %q", cmd, got)
		}
	}
}

// What runs without bash must find the world as bash would have left it.
func TestWithoutBashNothingIsDifferent(t *testing.T) {
	t.Setenv("SHLVL", "3")
	t.Setenv("OLDPWD", "/tmp")
	r := cmdRunner(t, Config{})
	for _, cmd := range []string{"env", "/usr/bin/env", "id -u", "pwd -P", "ls /nonexistent", "sh --nonsense", "nice"} {
		t.Run(cmd, func(t *testing.T) {
			words, ok := plain(cmd)
			if !ok && cmd != "pwd -P" {
				t.Fatalf("%q is not plain: %q", cmd, words)
			}
			_, direct := run(t, t.Context(), r, job(map[string]any{"cmd": cmd}))
			_, shell := run(t, t.Context(), r, job(map[string]any{"cmd": cmd, "env": map[string]any{"BASH_ENV": ""}}))
			if diff := cmp.Diff(lines(shell.Stdout), lines(direct.Stdout)); diff != "" {
				t.Errorf("stdout (-bash +direct):\n%s", diff)
			}
			shell.Stdout, direct.Stdout = nil, nil
			if diff := cmp.Diff(shell, direct); diff != "" {
				t.Errorf("result (-bash +direct):\n%s", diff)
			}
		})
	}
}

// lines returns the lines of a text but for the variable that chose bash.
func lines(text any) map[string]bool {
	set := map[string]bool{}
	s, _ := text.(string)
	for line := range strings.SplitSeq(s, "\n") {
		if line != "BASH_ENV=" {
			set[line] = true
		}
	}
	return set
}

func TestQuoteIsOneWordForTheShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~\n\té]{0,12}`).Draw(t, "word")
		out, err := exec.Command("bash", "-c", "printf %s "+runner.Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Fatalf("%q, quoted %s, came out as %q (%v)", word, runner.Quote(word), out, err)
		}
	})
}

func scriptJob(t *testing.T, name, text string, mode os.FileMode) *runner.Job {
	t.Helper()
	pack := t.TempDir()
	if err := os.MkdirAll(filepath.Join(pack, "actions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pack, "actions", name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	j := job(map[string]any{})
	j.PackDir = pack
	j.Action.EntryPoint = name
	return j
}

func TestScripts(t *testing.T) {
	r, err := NewScript(Config{Keep: testKeep(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.null.Close()
	at := 0
	for name, c := range map[string]struct {
		file, text string
		mode       os.FileMode
		want       result
	}{
		"executable":         {"a.sh", "#!/bin/sh\necho \"[$1]\"\n", 0o755, result{Succeeded: true, Stdout: "[a  'b' \"c\" $HOME]", Stderr: ""}},
		"not executable yet": {"b.sh", "#!/bin/sh\necho \"[$1]\"\n", 0o644, result{Succeeded: true, Stdout: "[a  'b' \"c\" $HOME]", Stderr: ""}},
		"without #!":         {"c", "echo \"[$1]\" ${BASH_VERSION:+bash}\n", 0o644, result{Succeeded: true, Stdout: "[a  'b' \"c\" $HOME] bash", Stderr: ""}},
		"blanks in its path": {"d e.sh", "#!/bin/sh\necho ok\n", 0o644, result{Succeeded: true, Stdout: "ok", Stderr: ""}},
		"killed":             {"f.sh", "#!/bin/sh\nkill -KILL $$\n", 0o644, result{Failed: true, ReturnCode: 137, Stdout: "", Stderr: "Killed"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := scriptJob(t, c.file, c.text, c.mode)
			j.Action.Parameters = squall.Schema{{Name: "a", Type: json.RawMessage(`"string"`), Position: &at}}
			j.ActionParams = map[string]any{"a": `a  'b' "c" $HOME`}
			status, got := run(t, t.Context(), r, j)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, result (-want +got):\n%s", status, diff)
			}
		})
	}
	t.Run("unknown interpreter", func(t *testing.T) {
		_, got := run(t, t.Context(), r, scriptJob(t, "x.sh", "#!/no/such/interpreter\n", 0o755))
		if got.ReturnCode != 127 || !strings.HasPrefix(got.Stderr.(string), "bash: line 1: /") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("missing", func(t *testing.T) {
		j := scriptJob(t, "x.sh", "", 0o755)
		j.Action.EntryPoint = "y.sh"
		status, got := run(t, t.Context(), r, j)
		if want := "[Errno 2] No such file or directory: '" + j.PackDir + "/actions/y.sh'"; got.Error != want || status != squall.Failed {
			t.Errorf("%s %q, want %q", status, got.Error, want)
		}
	})
	t.Run("none named", func(t *testing.T) {
		j := scriptJob(t, "x.sh", "", 0o755)
		j.Action.EntryPoint = ""
		if _, got := run(t, t.Context(), r, j); got.Error != "Missing entry_point action metadata attribute" {
			t.Errorf("%q", got.Error)
		}
	})
	t.Run("in a directory of its own choice", func(t *testing.T) {
		j := scriptJob(t, "x.sh", "#!/bin/bash\necho $PWD\n", 0o755)
		j.RunnerParams["cwd"] = "/usr/../tmp"
		if _, got := run(t, t.Context(), r, j); got.Stdout != "/tmp" {
			t.Errorf("%q", got.Stdout)
		}
	})
}

// fakeSudo puts a sudo in front of PATH that writes its arguments and its
// standard input to a file, then runs what it was asked to.
func fakeSudo(t *testing.T, body string) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	script := "#!/bin/bash\nprintf '%s\\n' \"$@\" >" + log + "\n" + body + "\n"
	if err := os.WriteFile(filepath.Join(dir, "sudo"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return log
}

const runRest = `while [ "$1" != -- ]; do shift; done; shift; exec "$@"`

func TestSudoCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		user   string
		params map[string]any
		want   string
	}{
		"root":                   {"", map[string]any{"sudo": true}, "-E -- bash -c cat; echo 'it''s'"},
		"root with a password":   {"", map[string]any{"sudo": true, "sudo_password": "pw"}, "-S -E -- bash -c cat; echo 'it''s'"},
		"system user":            {"stanley", map[string]any{"sudo": false}, "-E -H -u stanley -- bash -c cat; echo 'it''s'"},
		"root before the system": {"stanley", map[string]any{"sudo": true}, "-E -- bash -c cat; echo 'it''s'"},
	} {
		t.Run(name, func(t *testing.T) {
			log := fakeSudo(t, runRest)
			r := cmdRunner(t, Config{SystemUser: c.user})
			c.params["cmd"] = "cat; echo 'it''s'"
			_, got := run(t, t.Context(), r, job(c.params))
			if args := strings.ReplaceAll(strings.TrimSpace(read(t, log)), "\n", " "); args != c.want {
				t.Errorf("sudo %s\nwant %s", args, c.want)
			}
			want := "its"
			if c.params["sudo_password"] != nil {
				want = "pw\nits" // this sudo asks nothing, so the command reads the line
			}
			if got.Stdout != want {
				t.Errorf("stdout %q, want %q", got.Stdout, want)
			}
		})
	}
}

func TestSudoRefusesThePassword(t *testing.T) {
	fakeSudo(t, `echo "[sudo] password for stanley: Sorry, try again." >&2; echo "sudo: 3 incorrect password attempts" >&2; exit 1`)
	r := cmdRunner(t, Config{})
	status, got := run(t, t.Context(), r, job(map[string]any{"cmd": "id", "sudo": true, "sudo_password": "wrong"}))
	want := "Invalid sudo password provided or sudo is not configured for this user (stanley)"
	if status != squall.Failed || got.ReturnCode != -1 || got.Error != want {
		t.Errorf("%s, %+v", status, got)
	}
}

func TestSudoIsMissing(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(bash, filepath.Join(dir, "bash")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	r := cmdRunner(t, Config{})
	r.root = false
	status, got := run(t, t.Context(), r, job(map[string]any{"cmd": "id", "sudo": true}))
	if status != squall.Failed || got.ReturnCode != 127 || got.Stderr != "sudo: not found" {
		t.Errorf("%s, %+v", status, got)
	}
	// Root needs none: it has the rights already.
	r.root = true
	if _, got := run(t, t.Context(), r, job(map[string]any{"cmd": "echo ok", "sudo": true})); got.Stdout != "ok" {
		t.Errorf("%+v", got)
	}
}
