package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
	"squall/internal/squall"
	"squall/internal/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pool(t testing.TB, n *sshtest.Net, change ...func(*ssh.Config)) *ssh.Pool {
	t.Helper()
	cfg := ssh.Config{KeyFiles: []string{n.KeyFile}, AgentSocket: "none", ConfigFiles: []string{}, KnownHosts: []string{n.KnownHosts}}
	for _, f := range change {
		f(&cfg)
	}
	p, err := ssh.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// job is a command for hosts.
func job(hosts []string, params map[string]any) *runner.Job {
	const id = "68c0ffee0000000000000001"
	all := map[string]any{"hosts": strings.Join(hosts, ","), "cwd": "/tmp", "timeout": json.Number("60"), "kwarg_op": "--"}
	maps.Copy(all, params)
	return &runner.Job{
		Execution: &squall.Execution{ID: id}, Action: &squall.Action{Ref: squall.Ref{Pack: "core", Name: "remote"}},
		RunnerParams: all, Env: map[string]string{"SQUALL_EXECUTION_ID": id, "ST2_ACTION_AUTH_TOKEN": "hush"},
		Log: slog.New(slog.DiscardHandler),
	}
}

func addresses(n *sshtest.Net) (list []string) {
	for _, h := range n.Hosts {
		list = append(list, h.Address())
	}
	return list
}

type entry struct {
	Failed, Succeeded bool
	ReturnCode        int `json:"return_code"`
	Stdout, Stderr    any
	Timeout           bool
	Error, Notice     string
}

func run(t testing.TB, ctx context.Context, r *Runner, j *runner.Job, out runner.Output) (squall.Status, map[string]entry) {
	t.Helper()
	o, err := r.Run(ctx, j, out)
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]entry
	if err := json.Unmarshal(o.Result, &entries); err != nil {
		t.Fatalf("%v: %s", err, o.Result)
	}
	return o.Status, entries
}

// capture is an Output that keeps everything.
type capture struct {
	mu             sync.Mutex
	stdout, stderr bytes.Buffer
}

type locked struct {
	c *capture
	b *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.b.Write(p)
}

func (c *capture) Stdout() io.Writer { return locked{c, &c.stdout} }
func (c *capture) Stderr() io.Writer { return locked{c, &c.stderr} }

func TestFiftyHosts(t *testing.T) {
	n := sshtest.Start(t, 50)
	p := pool(t, n)
	r := NewCmd(p, Config{})
	out := &capture{}
	status, entries := run(t, t.Context(), r, job(addresses(n), map[string]any{
		"cmd": `echo '{"address": "'${SSH_CONNECTION% *}'"}'; echo to stderr >&2; pwd >&2`,
	}), out)
	if status != squall.Succeeded || len(entries) != 50 {
		t.Fatalf("%s, %d entries: %v", status, len(entries), entries)
	}
	for _, h := range n.Hosts {
		e := entries[h.Addr]
		object, ok := e.Stdout.(map[string]any)
		if !ok || !strings.HasSuffix(object["address"].(string), h.Addr) || e.Stderr != "to stderr\n/tmp" || !e.Succeeded || e.Failed || e.ReturnCode != 0 {
			t.Errorf("%s: %+v", h.Addr, e)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.stdout.String()), "\n")
	slices.Sort(lines)
	if len(lines) != 50 || !strings.HasPrefix(lines[0], "[127.0.10.1") || !strings.Contains(lines[0], "] {") {
		t.Errorf("live output: %d lines, %q", len(lines), lines[0])
	}
	if p.Connections() != 50 {
		t.Errorf("%d connections are kept, want 50", p.Connections())
	}
	began := time.Now()
	if status, _ := run(t, t.Context(), r, job(addresses(n), map[string]any{"cmd": "hostname"}), runner.Discard); status != squall.Succeeded {
		t.Errorf("again: %s", status)
	}
	t.Logf("50 hosts over kept connections: %s", time.Since(began))
}

func TestResults(t *testing.T) {
	n := sshtest.Start(t, 1)
	r := NewCmd(pool(t, n), Config{})
	host := addresses(n)
	for _, c := range []struct {
		name   string
		params map[string]any
		status squall.Status
		want   entry
	}{
		{"fails", map[string]any{"cmd": "echo x; exit 3"}, squall.Failed, entry{Failed: true, ReturnCode: 3, Stdout: "x", Stderr: ""}},
		{"number", map[string]any{"cmd": "echo 42"}, squall.Succeeded, entry{Succeeded: true, Stdout: 42.0, Stderr: ""}},
		{"newlines", map[string]any{"cmd": `printf 'a\n\n'`}, squall.Succeeded, entry{Succeeded: true, Stdout: "a\n", Stderr: ""}},
		{"empty", map[string]any{"cmd": " "}, squall.Succeeded, entry{Succeeded: true, Stdout: "", Stderr: ""}},
		{"directory", map[string]any{"cmd": "pwd", "cwd": "~"}, squall.Succeeded, entry{Succeeded: true, Stdout: n.Dir, Stderr: ""}},
		{"environment", map[string]any{"cmd": "echo $A $ST2_ACTION_AUTH_TOKEN", "env": map[string]any{"A": "1 2", "ST2_ACTION_AUTH_TOKEN": "mine"}}, squall.Succeeded, entry{Succeeded: true, Stdout: "1 2 hush", Stderr: ""}},
		{"sudo", map[string]any{"cmd": "id -u; cat", "sudo": true}, squall.Succeeded, entry{Succeeded: true, Stdout: 0.0, Stderr: ""}},
		{"sudo with a password that is not wanted", map[string]any{"cmd": "id -u; cat; echo $ST2_ACTION_AUTH_TOKEN >&2", "sudo": true, "sudo_password": "secret"}, squall.Succeeded, entry{Succeeded: true, Stdout: 0.0, Stderr: "hush"}},
		{"time over", map[string]any{"cmd": "echo begun; sleep 60", "timeout": json.Number("1")}, squall.Timeout, entry{Failed: true, ReturnCode: -9, Stdout: "begun", Stderr: "", Timeout: true, Error: `Failed executing command on host "127.0.10.1". Command didn't finish in 1 seconds`}},
		{"bad UTF-8", map[string]any{"cmd": `printf 'a\377b'`}, squall.Succeeded, entry{Succeeded: true, Stdout: "a\uFFFDb", Stderr: ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat("/usr/bin/sudo"); err != nil && strings.HasPrefix(c.name, "sudo") {
				t.Skip("SKIPPED: no sudo")
			}
			status, entries := run(t, t.Context(), r, job(host, c.params), runner.Discard)
			if status != c.status {
				t.Errorf("%s, want %s", status, c.status)
			}
			if diff := cmp.Diff(map[string]entry{"127.0.10.1": c.want}, entries); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, c := range map[string]struct {
		params map[string]any
		want   string
	}{
		"no hosts":    {map[string]any{"hosts": " ,"}, "No hosts specified"},
		"env":         {map[string]any{"env": map[string]any{"A": json.Number("1")}}, "must be a string"},
		"env name":    {map[string]any{"env": map[string]any{"A;reboot": "1"}}, "illegal environment variable name"},
		"no such key": {map[string]any{"private_key": "/nonexistent"}, "private key"},
		"port":        {map[string]any{"hosts": "a:b"}, "not a port"},
	} {
		o, err := r.Run(t.Context(), job(host, c.params), runner.Discard)
		if err != nil || o.Status != squall.Failed || !strings.Contains(string(o.Result), c.want) {
			t.Errorf("%s: %v %s %v", name, o.Status, o.Result, err)
		}
	}
}

// TestBadHostsDelayNobody: those that answer are done at once, whatever others do.
func TestBadHostsDelayNobody(t *testing.T) {
	n := sshtest.Start(t, 10)
	n.Hosts[3].Restart(t, true) // another key than known_hosts has
	hosts := addresses(n)
	good := len(hosts) - 1
	for range 10 {
		hosts = append([]string{sshtest.Mute(t), sshtest.Blackhole(t)}, hosts...)
	}
	r := NewCmd(pool(t, n, func(c *ssh.Config) { c.ConnectTimeout, c.Handshakes = 3*time.Second, 4 }), Config{Parallel: 5})
	out := &capture{}
	var quick time.Duration
	began := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for time.Since(began) < 30*time.Second {
			out.mu.Lock()
			lines := bytes.Count(out.stdout.Bytes(), []byte("done"))
			out.mu.Unlock()
			if lines >= good {
				quick = time.Since(began)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	status, entries := run(t, t.Context(), r, job(hosts, map[string]any{"cmd": "echo done"}), out)
	took := time.Since(began)
	<-done
	t.Logf("the good ones took %s, all %s", quick, took)
	succeeded := 0
	for _, e := range entries {
		if e.Succeeded {
			succeeded++
		} else if e.ReturnCode != 255 || e.Error == "" || e.Timeout {
			t.Errorf("%+v", e)
		}
	}
	if status != squall.Failed || succeeded != good || len(entries) != len(hosts) {
		t.Errorf("%s, %d of %d succeeded", status, succeeded, len(entries))
	}
	if changed := entries[n.Hosts[3].Addr]; !strings.Contains(changed.Error, "HAS CHANGED") {
		t.Errorf("the changed key: %+v", changed)
	}
	// 20 hosts that say nothing, 5 lanes lent for a second each: 4 s, and not the
	// 20/5 * 3 s that waiting for them in turn would take.
	if quick == 0 || quick > 8*time.Second || took > 12*time.Second {
		t.Errorf("the good ones took %s, all %s", quick, took)
	}
}

func TestCancel(t *testing.T) {
	n := sshtest.Start(t, 5)
	r := NewCmd(pool(t, n), Config{Grace: 200 * time.Millisecond})
	out := &capture{}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			out.mu.Lock()
			begun := bytes.Count(out.stdout.Bytes(), []byte("begun"))
			out.mu.Unlock()
			if begun == 5 {
				cancel(runner.ErrCanceled)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	j := job(addresses(n), map[string]any{"cmd": "echo begun; trap '' TERM; sleep 300 & setsid sleep 300 & while :; do sleep 1; done"})
	j.Env["SQUALL_EXECUTION_ID"] = "68c0ffee00000000000" + strconv.Itoa(10000+os.Getpid()%80000)
	status, entries := run(t, ctx, r, j, out)
	if status != squall.Canceled {
		t.Errorf("%s: %v", status, entries)
	}
	for host, e := range entries {
		if e.ReturnCode != -9 || e.Notice != "" {
			t.Errorf("%s: %+v", host, e)
		}
	}
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(j.Env["SQUALL_EXECUTION_ID"])) {
			t.Errorf("%s still runs", file)
		}
	}
}

func TestScript(t *testing.T) {
	n := sshtest.Start(t, 3)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"actions/do it.sh":     "#!/bin/bash\n. $(dirname \"$0\")/lib/words.sh\nword; pwd; printf '%s|' \"$@\"; echo; dirname \"$0\"\n",
		"actions/lib/words.sh": "word() { echo from the lib; }\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := t.TempDir()
	at := 0
	j := job(addresses(n), map[string]any{"cwd": "/", "dir": base})
	j.PackDir = dir
	j.Action.EntryPoint = "do it.sh"
	j.Action.Parameters = squall.Schema{{Name: "first", Type: json.RawMessage(`"string"`), Position: &at}, {Name: "named", Type: json.RawMessage(`"string"`)}}
	j.ActionParams = map[string]any{"first": "a b", "named": "it's"}
	// All "hosts" share this machine's files: one at a time.
	for _, host := range addresses(n) {
		j.RunnerParams["hosts"] = host
		status, entries := run(t, t.Context(), NewScript(pool(t, n), Config{}), j, runner.Discard)
		want := "from the lib\n/\n--named=it's|a b|\n" + filepath.Join(base, string(j.Execution.ID))
		for name, e := range entries {
			if status != squall.Succeeded || e.Stdout != want {
				t.Errorf("%s: %s %+v", name, status, e)
			}
		}
	}
	if left, _ := os.ReadDir(base); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// An attempt before this one was cut off and has left its files.
	if err := os.Mkdir(filepath.Join(base, string(j.Execution.ID)), 0o700); err != nil {
		t.Fatal(err)
	}
	j.Execution.Attempt = 2
	if status, entries := run(t, t.Context(), NewScript(pool(t, n), Config{}), j, runner.Discard); status != squall.Succeeded {
		t.Errorf("the second attempt: %s %v", status, entries)
	}
	if left, _ := os.ReadDir(base); len(left) > 0 {
		t.Errorf("left behind by the attempts: %v", left)
	}
	j.Action.EntryPoint = "missing.sh"
	if o, err := NewScript(pool(t, n), Config{}).Run(t.Context(), j, runner.Discard); err != nil || o.Status != squall.Failed || !strings.Contains(string(o.Result), "no such file") {
		t.Errorf("%+v %v", o, err)
	}
}

func TestSlowShellIsNamed(t *testing.T) {
	n := sshtest.Start(t, 1, `ForceCommand sleep 0.3; exec bash -c "$SSH_ORIGINAL_COMMAND"`)
	r := NewCmd(pool(t, n), Config{SlowShell: 200 * time.Millisecond})
	_, entries := run(t, t.Context(), r, job(addresses(n), map[string]any{"cmd": "true"}), runner.Discard)
	if e := entries["127.0.10.1"]; !e.Succeeded || !strings.Contains(e.Notice, ".bashrc") {
		t.Errorf("%+v", e)
	}
}

// TestPartialFailure: st2's setting.
func TestPartialFailure(t *testing.T) {
	n := sshtest.Start(t, 2)
	for partial, want := range map[bool]squall.Status{false: squall.Failed, true: squall.Succeeded} {
		status, _ := run(t, t.Context(), NewCmd(pool(t, n), Config{AllowPartialFailure: partial}), job(addresses(n), map[string]any{
			"cmd": `case "$SSH_CONNECTION" in *" 127.0.10.2 "*) exit 1;; esac`}), runner.Discard)
		if status != want {
			t.Errorf("%t: %s, want %s", partial, status, want)
		}
	}
}
