package ssh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"squall/internal/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pool returns a pool that knows the hosts of n and logs in with its key.
func pool(t *testing.T, n *sshtest.Net, change ...func(*Config)) *Pool {
	t.Helper()
	cfg := Config{KeyFiles: []string{n.KeyFile}, AgentSocket: "none", ConfigFiles: []string{}, KnownHosts: []string{n.KnownHosts}}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func target(t *testing.T, p *Pool, h *sshtest.Host) *Target {
	t.Helper()
	tg, err := p.Resolve(Spec{Host: h.Addr, Port: h.Port})
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// run runs a line and returns what it printed.
func run(ctx context.Context, p *Pool, tg *Target, c Command) (stdout, stderr string, end Ending, err error) {
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	end, err = p.Run(ctx, tg, c)
	return o.String(), e.String(), end, err
}

func TestRun(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	for _, c := range []struct {
		name, line     string
		env            map[string]string
		stdout, stderr string
		code           int
	}{
		{"both streams", "echo out; echo err >&2", nil, "out\n", "err\n", 0},
		{"exit code", "exit 7", nil, "", "", 7},
		{"killed", "kill -9 $$", nil, "", "", 137},
		{"bash", "[[ a == a ]] && echo yes", nil, "yes\n", "", 0},
		{"environment", `printf '%s|' "$A" "$B"`, map[string]string{"A": "it's", "B": "two\nlines $HOME `id`"}, "it's|two\nlines $HOME `id`|", "", 0},
		{"no input", "cat; echo end", nil, "end\n", "", 0},
		{"nothing of ours in the environment", "set | grep -c ^squall_", nil, "0\n", "", 1},
		{"no newline", "printf x", nil, "x", "", 0},
		{"a daemon holds the output", "sleep 30 & echo on; exit 0", nil, "on\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			stdout, stderr, end, err := run(t.Context(), p, tg, Command{Line: c.line, Env: c.env})
			if err != nil || stdout != c.stdout || stderr != c.stderr || end.Code != c.code {
				t.Errorf("%q %q %d %v, want %q %q %d", stdout, stderr, end.Code, err, c.stdout, c.stderr, c.code)
			}
			if time.Since(began) > 10*time.Second {
				t.Errorf("took %s", time.Since(began))
			}
		})
	}
	if p.Connections() != 1 {
		t.Errorf("%d connections, want one that is shared", p.Connections())
	}
}

// TestEnvironmentIsNotInTheCommandLine: every user of a host can read command lines.
func TestEnvironmentIsNotInTheCommandLine(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	stdout, _, _, err := run(t.Context(), p, target(t, p, n.Hosts[0]), Command{
		Line: `tr '\0' ' ' </proc/$$/cmdline; tr '\0' ' ' </proc/$PPID/cmdline`,
		Env:  map[string]string{"TOKEN": "hush-hush"},
	})
	if err != nil || !strings.Contains(stdout, "squall") || strings.Contains(stdout, "hush") {
		t.Errorf("%q %v", stdout, err)
	}
}

// TestOtherShells: any Bourne shell can be the login shell.
func TestOtherShells(t *testing.T) {
	for _, shell := range []string{"dash", "ksh", "zsh", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			program, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("SKIPPED: no %s", shell)
			}
			path := os.Getenv("PATH")
			if shell == "busybox" { // with all its tools, in the place of everybody else's
				path = t.TempDir()
				if out, err := exec.Command(program, "--install", "-s", path).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				program = filepath.Join(path, "sh")
			}
			n := sshtest.Start(t, 1, "ForceCommand export PATH="+path+" SHELL="+program+"; exec "+program+` -c "$SSH_ORIGINAL_COMMAND"`)
			p := pool(t, n)
			tg := target(t, p, n.Hosts[0])
			c := Command{Line: `printf '%s|' "$A" "$B"; cat; exit 4`, Env: map[string]string{"A": "it's", "B": "two\nlines $HOME"}}
			stdout, stderr, end, err := run(t.Context(), p, tg, c)
			if err != nil || stdout != "it's|two\nlines $HOME|" || stderr != "" || end.Code != 4 {
				t.Errorf("%q %q %+v %v", stdout, stderr, end, err)
			}
			stdout, stderr, state, code := followed(t, p, tg, launch(t, p, tg, c, kept(n)))
			if state != HasEnded || stdout != "it's|two\nlines $HOME|" || stderr != "" || code != 4 {
				t.Errorf("detached: %q %q %d %d", stdout, stderr, state, code)
			}
			mark := "SQUALL_EXECUTION_ID=" + nonce()
			key, value, _ := strings.Cut(mark, "=")
			c = Command{Line: "sleep 300 & setsid sleep 300 & wait", Env: map[string]string{key: value}, Mark: mark, Grace: 200 * time.Millisecond}
			if err := p.Stop(t.Context(), tg, launch(t, p, tg, c, kept(n)), c); err != nil {
				t.Error(err)
			}
			if left := withMark(t, mark); len(left) > 0 {
				t.Errorf("still run: %v", left)
			}
		})
	}
}

func TestManySessionsOnFewConnections(t *testing.T) {
	n := sshtest.Start(t, 1, "MaxSessions 3", "MaxStartups 2:100:4")
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			stdout, _, _, err := run(t.Context(), p, tg, Command{Line: "sleep 0.1; echo " + strconv.Itoa(i)})
			if err != nil || stdout != strconv.Itoa(i)+"\n" {
				t.Errorf("%d: %q %v", i, stdout, err)
			}
		})
	}
	wg.Wait()
	if got := p.Connections(); got > 4 {
		t.Errorf("%d connections", got)
	}
}

// TestManyLoginsAtOnce: different accounts share no connection, and sshd drops
// what is more than it wants to see at once.
func TestManyLoginsAtOnce(t *testing.T) {
	n := sshtest.Start(t, 1, "MaxStartups 2:100:3")
	p := pool(t, n)
	key, err := os.ReadFile(n.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			login, err := NewLogin("", string(key)+strings.Repeat("\n", i), "")
			if err != nil {
				t.Error(err)
				return
			}
			tg, err := p.Resolve(Spec{Host: n.Hosts[0].Addr, Port: n.Hosts[0].Port, Login: login})
			if err != nil {
				t.Error(err)
				return
			}
			if stdout, _, _, err := run(t.Context(), p, tg, Command{Line: "echo in"}); err != nil || stdout != "in\n" {
				t.Errorf("%q %v", stdout, err)
			}
		})
	}
	wg.Wait()
	if p.Connections() != 12 {
		t.Errorf("%d connections, want 12", p.Connections())
	}
}

func TestHostKeys(t *testing.T) {
	n := sshtest.Start(t, 1)
	h := n.Hosts[0]
	unknown := func(c *Config) { c.KnownHosts = []string{filepath.Join(t.TempDir(), "ssh", "known_hosts")} }

	p := pool(t, n, unknown)
	_, _, _, err := run(t.Context(), p, target(t, p, h), Command{Line: "true"})
	var key *HostKeyError
	if !errors.As(err, &key) || len(key.Known) != 0 || !strings.Contains(err.Error(), "squall node trust") {
		t.Fatalf("an unknown host: %v", err)
	}
	shown, err := p.HostKey(t.Context(), target(t, p, h))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Trust(target(t, p, h), shown, false); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := run(t.Context(), p, target(t, p, h), Command{Line: "true"}); err != nil {
		t.Fatalf("after it was trusted: %v", err)
	}

	fresh := pool(t, n, unknown, func(c *Config) { c.HostKeys = AcceptNew })
	if _, _, _, err := run(t.Context(), fresh, target(t, fresh, h), Command{Line: "true"}); err != nil {
		t.Fatalf("accept-new: %v", err)
	}
	h.Restart(t, true)
	for name, p := range map[string]*Pool{"strict": pool(t, n), "accept-new": pool(t, n, func(c *Config) { c.KnownHosts, c.HostKeys = fresh.cfg.KnownHosts, AcceptNew })} {
		_, _, _, err := run(t.Context(), p, target(t, p, h), Command{Line: "true"})
		if !errors.As(err, &key) || len(key.Known) != 1 || !strings.Contains(err.Error(), "HAS CHANGED") {
			t.Errorf("%s: a changed key: %v", name, err)
		}
	}
	p2 := pool(t, n, func(c *Config) { c.KnownHosts = fresh.cfg.KnownHosts })
	shown, err = p2.HostKey(t.Context(), target(t, p2, h))
	if err != nil {
		t.Fatal(err)
	}
	if err := p2.Trust(target(t, p2, h), shown, true); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := run(t.Context(), p2, target(t, p2, h), Command{Line: "true"}); err != nil {
		t.Errorf("after the new key was taken: %v", err)
	}
}

func TestLogins(t *testing.T) {
	n := sshtest.Start(t, 1)
	h := n.Hosts[0]
	plain, err := os.ReadFile(n.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKey(plain)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	locked := pemText(sealed)

	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(n.Dir, "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _ = agent.ServeAgent(keyring, c) }()
		}
	}()

	fake := &sshtest.Fake{Password: "geheim"}
	passwordHost, passwordKey := fake.Listen(t)
	asking := &sshtest.Fake{Interactive: "geheim"}
	askingHost, askingKey := asking.Listen(t)
	known := filepath.Join(n.Dir, "more")
	text, _ := os.ReadFile(n.KnownHosts)
	text = append(text, knownhosts.Line([]string{passwordHost}, passwordKey)+"\n"+knownhosts.Line([]string{askingHost}, askingKey)+"\n"...)
	if err := os.WriteFile(known, text, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name, host, password, key, passphrase string
		change                                func(*Config)
		problem                               string
	}{
		{name: "text of a key", key: string(plain)},
		{name: "file of a key", key: n.KeyFile},
		{name: "encrypted key", key: locked, passphrase: "open sesame"},
		{name: "wrong passphrase", key: locked, passphrase: "x", problem: "the passphrase does not open it"},
		{name: "no passphrase", key: locked, problem: "needs a passphrase"},
		{name: "no such file", key: "/nonexistent/key", problem: "no such file"},
		{name: "agent", change: func(c *Config) { c.KeyFiles, c.AgentSocket = []string{}, socket }},
		{name: "nothing", change: func(c *Config) { c.KeyFiles = []string{} }, problem: "neither a password nor a private key"},
		{name: "password", host: passwordHost, password: "geheim"},
		{name: "wrong password", host: passwordHost, password: "x", problem: "was refused"},
		{name: "keyboard-interactive", host: askingHost, password: "geheim"},
		{name: "password where none is taken", password: "geheim", problem: "was refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pool(t, n, func(cfg *Config) {
				cfg.KnownHosts = []string{known}
				if c.change != nil {
					c.change(cfg)
				}
			})
			host := c.host
			if host == "" {
				host = h.Address()
			}
			err := func() error {
				login, err := NewLogin(c.password, c.key, c.passphrase)
				if err != nil {
					return err
				}
				name, port, err := SplitHost(host)
				if err != nil {
					return err
				}
				tg, err := p.Resolve(Spec{Host: name, Port: port, Login: login})
				if err != nil {
					return err
				}
				stdout, _, _, err := run(t.Context(), p, tg, Command{Line: "echo in"})
				if err == nil && stdout != "in\n" {
					t.Errorf("printed %q", stdout)
				}
				return err
			}()
			if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
				t.Errorf("%v, want %q", err, c.problem)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestBastion(t *testing.T) {
	n := sshtest.Start(t, 4)
	p := pool(t, n)
	var wg sync.WaitGroup
	for _, h := range n.Hosts[1:] {
		wg.Go(func() {
			tg, err := p.Resolve(Spec{Host: h.Addr, Port: h.Port, Bastion: n.Hosts[0].Address()})
			if err != nil {
				t.Error(err)
				return
			}
			stdout, _, _, err := run(t.Context(), p, tg, Command{Line: "echo $SSH_CONNECTION"})
			if err != nil || !strings.Contains(stdout, h.Addr) {
				t.Errorf("%q %v", stdout, err)
			}
		})
	}
	wg.Wait()
	if got := p.Connections(); got != 4 {
		t.Errorf("%d connections, want three and one to the jump host", got)
	}
	n.Hosts[0].Stop()
	p2 := pool(t, n)
	tg, err := p2.Resolve(Spec{Host: n.Hosts[1].Addr, Port: n.Hosts[1].Port, Bastion: n.Hosts[0].Address()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := run(t.Context(), p2, tg, Command{Line: "true"}); err == nil || !strings.Contains(err.Error(), "through the jump host") {
		t.Errorf("without the jump host: %v", err)
	}
}

func TestConfigFile(t *testing.T) {
	n := sshtest.Start(t, 2)
	file := filepath.Join(n.Dir, "config")
	text := "Host web\n  HostName " + n.Hosts[0].Addr + "\n  Port " + strconv.Itoa(n.Hosts[0].Port) + "\n  User " + n.User + "\n  IdentityFile " + n.KeyFile +
		"\nHost inner\n  HostName " + n.Hosts[1].Addr + "\n  Port " + strconv.Itoa(n.Hosts[1].Port) + "\n  IdentityFile " + n.KeyFile + "\n  ProxyJump web\n" +
		"Host circle\n  ProxyJump circle\nHost command\n  ProxyCommand nc %h %p\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := pool(t, n, func(c *Config) { c.ConfigFiles, c.KeyFiles = []string{file}, []string{} })
	for _, host := range []string{"web", "inner"} {
		tg, err := p.Resolve(Spec{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		if stdout, _, _, err := run(t.Context(), p, tg, Command{Line: "echo in"}); err != nil || stdout != "in\n" {
			t.Errorf("%s: %q %v", host, stdout, err)
		}
	}
	if p.Connections() != 2 {
		t.Errorf("%d connections, want 2: the jump host is web", p.Connections())
	}
	for host, problem := range map[string]string{"circle": "circle", "command": "ProxyJump", "-oProxyCommand=x": "not the name of a host", "": "not the name"} {
		if _, err := p.Resolve(Spec{Host: host}); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestEnd: all of a command ends, also what has left its session.
func TestEnd(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	for name, line := range map[string]string{
		"obedient":     "sleep 300",
		"pipeline":     "sleep 300 | cat | cat",
		"deaf":         "trap '' TERM; while :; do sleep 300; done",
		"own sessions": "setsid sleep 300 & (setsid sh -c 'setsid sleep 300 & sleep 300' &) ; sleep 300",
	} {
		t.Run(name, func(t *testing.T) {
			mark := "SQUALL_EXECUTION_ID=" + nonce()
			ctx, cancel := context.WithCancel(t.Context())
			began := make(chan struct{})
			out := &once{seen: began}
			go func() { <-began; time.Sleep(100 * time.Millisecond); cancel() }()
			key, value, _ := strings.Cut(mark, "=")
			end, err := p.Run(ctx, tg, Command{
				Line: "echo on; " + line, Env: map[string]string{key: value}, Mark: mark,
				Stdout: out, Stderr: io.Discard, Grace: 300 * time.Millisecond,
			})
			if err != nil || !end.Stopped || end.Left != nil {
				t.Errorf("%+v %v", end, err)
			}
			if left := withMark(t, mark); len(left) > 0 {
				t.Errorf("still run: %v", left)
			}
		})
	}
}

type once struct {
	seen chan struct{}
	done sync.Once
}

func (o *once) Write(b []byte) (int, error) {
	o.done.Do(func() { close(o.seen) })
	return len(b), nil
}

// withMark lists processes with mark in their environment.
func withMark(t *testing.T, mark string) (pids []string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(mark)) {
			stat, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
			if !strings.Contains(string(stat), ") Z ") {
				pids = append(pids, file)
			}
		}
	}
	return pids
}

// TestSlowShell: the command of a shell that hangs never begins after we have gone.
func TestSlowShell(t *testing.T) {
	n := sshtest.Start(t, 1)
	file := filepath.Join(n.Dir, "ran")
	n.Hosts[0].Restart(t, false)
	slow := sshtest.Start(t, 1, `ForceCommand sleep 2; exec bash -c "$SSH_ORIGINAL_COMMAND"`)
	p := pool(t, slow)
	tg := target(t, p, slow.Hosts[0])
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, _, end, err := run(ctx, p, tg, Command{Line: "touch " + file})
	if err != nil || !end.Stopped {
		t.Errorf("%+v %v", end, err)
	}
	_, _, end, err = run(t.Context(), p, tg, Command{Line: "true"})
	if err != nil || end.Startup < 2*time.Second {
		t.Errorf("%+v %v: the slow start is not noticed", end, err)
	}
	time.Sleep(500 * time.Millisecond)
	if _, err := os.Stat(file); err == nil {
		t.Error("the command ran after it had been given up")
	}
}

// TestBadHosts: what does not answer ends in time and says why.
func TestBadHosts(t *testing.T) {
	n := sshtest.Start(t, 1)
	lost := &sshtest.Fake{Misbehave: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
		for req := range reqs {
			_ = req.Reply(true, nil)
			ch.Close()
		}
	}}
	lostHost, _ := lost.Listen(t)
	deaf := &sshtest.Fake{Misbehave: func(_ ssh.Channel, reqs <-chan *ssh.Request) { <-reqs }}
	deafHost, _ := deaf.Listen(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct{ address, problem string }{
		"mute":       {sshtest.Mute(t), "did not answer within"},
		"black hole": {sshtest.Blackhole(t), "did not answer within"},
		"closed":     {closed.Addr().String(), "connection refused"},
		"hangs up":   {sshtest.Accept(t, func(net.Conn) {}), "hangs up on us"},
		"not SSH":    {sshtest.Accept(t, func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("HTTP/1.0 400 Bad Request\r\n\r\n", 500)) }), "connect to"},
		"no ending":  {lostHost, ErrLost.Error()},
		"never runs": {deafHost, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := pool(t, n, func(c *Config) { c.ConnectTimeout, c.HostKeys = 700*time.Millisecond, Ignore })
			host, port, err := SplitHost(c.address)
			if err != nil {
				t.Fatal(err)
			}
			login, _ := NewLogin("x", "", "")
			tg, err := p.Resolve(Spec{Host: host, Port: port, Login: login})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			_, _, _, err = run(ctx, p, tg, Command{Line: "true"})
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%v, want %q", err, c.problem)
			}
			if time.Since(began) > 4*time.Second {
				t.Errorf("took %s", time.Since(began))
			}
		})
	}
}

// TestSlowLine: a host may say how a command ended before all of its output is through.
func TestSlowLine(t *testing.T) {
	before := settle
	settle = 2 * time.Second
	defer func() { settle = before }()
	f := &sshtest.Fake{Misbehave: func(ch ssh.Channel, reqs <-chan *ssh.Request) {
		req := <-reqs
		var m struct{ Command string }
		if err := ssh.Unmarshal(req.Payload, &m); err != nil {
			t.Error(err)
		}
		_ = req.Reply(true, nil)
		go ssh.DiscardRequests(reqs)
		_, rest, _ := strings.Cut(m.Command, `"`)
		word, _, _ := strings.Cut(rest, " ")
		_, _ = io.WriteString(ch.Stderr(), word+" 123 /bin/sh\n")
		_, _ = io.Copy(io.Discard, ch)
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{3}))
		for range 25 { // for longer than one silence may be
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(ch, "more\n")
		}
		ch.Close()
	}}
	address, _ := f.Listen(t)
	host, port, err := SplitHost(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{HostKeys: Ignore, AgentSocket: "none", ConfigFiles: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	login, err := NewLogin("x", "", "")
	if err != nil {
		t.Fatal(err)
	}
	tg, err := p.Resolve(Spec{Host: host, Port: port, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	stdout, _, end, err := run(t.Context(), p, tg, Command{Line: "true"})
	if err != nil || end.Code != 3 || stdout != strings.Repeat("more\n", 25) {
		t.Errorf("%q %+v %v", stdout, end, err)
	}
}

func TestFiles(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	f, err := p.Files(t.Context(), target(t, p, n.Hosts[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	local := filepath.Join(n.Dir, "lib", "sub")
	if err := os.MkdirAll(local, 0o755); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := os.WriteFile(filepath.Join(local, "big"), big, 0o640); err != nil {
		t.Fatal(err)
	}
	remote := filepath.Join(n.Dir, "remote", "dir")
	if err := f.Mkdir(remote); err != nil {
		t.Fatal(err)
	}
	if err := f.PutTree(filepath.Join(n.Dir, "lib"), remote+"/lib"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(remote + "/lib/sub/big")
	if err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := f.RemoveTree(remote); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(remote); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}
