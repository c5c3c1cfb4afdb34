package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"squall/internal/sshtest"
)

// parallel is how many hosts are begun with at once, by everybody.
const parallel = 50

// hosts: hostname on real sshd processes of this machine, over new and over kept
// connections, request to succeeded with the result of every host stored, beside
// the bare library and the programs that people use for it. The hosts' own work is
// in every figure: client and hosts share the processors.
func (b *bench) hosts() error {
	for _, size := range []struct {
		n         int
		new, kept time.Duration
	}{{150, 2 * time.Second, 400 * time.Millisecond}, {1000, 0, 0}} {
		if b.hostCount > 0 && size.n != b.hostCount {
			continue
		}
		t := &testbed{}
		err := t.run(func() error { return b.fleet(t, size.n, size.new, size.kept) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) fleet(t *testbed, n int, aimNew, aimKept time.Duration) error {
	began := time.Now()
	hosts := sshtest.Start(t, n, "MaxStartups 1000")
	fmt.Fprintf(os.Stderr, "%d hosts are up after %s\n", n, time.Since(began).Round(time.Millisecond))
	dir, err := b.fresh("hosts" + strconv.Itoa(n))
	if err != nil {
		return err
	}
	var names []string
	for _, h := range hosts.Hosts {
		names = append(names, h.Address())
	}
	body, err := json.Marshal(map[string]any{"action": "core.remote", "parameters": map[string]any{"cmd": "hostname", "hosts": strings.Join(names, ",")}})
	if err != nil {
		return err
	}
	config := filepath.Join(hosts.Dir, "ssh_config")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return err
	}
	args := []string{"--set", "ssh.key_files=" + hosts.KeyFile, "--set", "ssh.known_hosts=" + hosts.KnownHosts,
		"--set", "ssh.agent=none", "--set", "ssh.config_files=" + config, "--set", "ssh.parallel=" + strconv.Itoa(parallel)}
	bare, err := newBareSSH(hosts)
	if err != nil {
		return err
	}

	// A new server has no connections. Both sides in turns.
	const turns = 3
	var news, barely, kept, barelyKept []time.Duration
	var perConnection []int64 // of what the server has grown by, garbage included
	var cpu []time.Duration
	for range turns {
		s, _, err := startServer(b.binary, dir, args...)
		if err != nil {
			return err
		}
		idle, err := s.rss()
		if err != nil {
			s.stop()
			return err
		}
		took, used, err := s.onAll(body, n)
		if err != nil {
			s.stop()
			return err
		}
		news, cpu = append(news, took), append(cpu, used)
		for range 5 {
			if took, _, err = s.onAll(body, n); err != nil {
				s.stop()
				return err
			}
			kept = append(kept, took)
		}
		busy, err := s.rss()
		s.stop()
		if err != nil {
			return err
		}
		perConnection = append(perConnection, (busy-idle)/int64(n))

		if took, err = bare.connect(); err != nil {
			return err
		}
		barely = append(barely, took)
		for range 5 {
			if took, err = bare.all(); err != nil {
				return err
			}
			barelyKept = append(barelyKept, took)
		}
		bare.close()
	}
	us, them := middle(news), middle(barely)
	b.row(fmt.Sprintf("hostname on %d hosts, new", n), round(us), round(them)+" x/crypto/ssh alone", ratioOf(us, them), aimOf(aimNew), aimNew == 0 || us <= aimNew)
	b.row("", round(us), round(middle(cpu))+" of it processor time of the server", "-", "-", true)
	us, them = middle(kept), middle(barelyKept)
	b.row(fmt.Sprintf("hostname on %d hosts, kept", n), round(us), round(them)+" x/crypto/ssh alone", ratioOf(us, them), aimOf(aimKept), aimKept == 0 || us <= aimKept)
	b.row("memory of a kept connection", fmt.Sprintf("≤ %d KB", slices.Min(perConnection)>>10), "-", "-", "-", true)
	if n > 150 {
		return nil // the others take minutes
	}
	for _, tool := range tools(hosts) {
		began := time.Now()
		out, err := exec.Command("sh", "-c", tool.line).CombinedOutput()
		took := time.Since(began)
		if lines := strings.Count(string(out), "\n"); err != nil || lines < n {
			return fmt.Errorf("%s: %w, %d lines: %.300s", tool.name, err, lines, out)
		}
		b.row("", round(middle(news)), round(took)+" "+tool.name, ratioOf(middle(news), took), "-", true)
	}
	return nil
}

func ratioOf(us, them time.Duration) string {
	return fmt.Sprintf("%.2f x", us.Seconds()/them.Seconds())
}

func aimOf(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return "≤ " + d.String()
}

// onAll runs the command and returns how long it took until all results were
// stored, and the processor time that the server needed for it.
func (s *server) onAll(body []byte, hosts int) (took, cpu time.Duration, err error) {
	ctx := context.Background()
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	ex, err := s.request(ctx, body)
	if err != nil {
		return 0, 0, err
	}
	if err := s.finish(ctx, ex.ID); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	after, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	stored, err := s.result(ctx, ex.ID)
	if err != nil {
		return 0, 0, err
	}
	var entries map[string]struct{ Succeeded bool }
	if err := json.Unmarshal(stored, &entries); err != nil || len(entries) != hosts {
		return 0, 0, fmt.Errorf("%d results of %d hosts: %w", len(entries), hosts, err)
	}
	return took, after - before, nil
}

type tool struct{ name, line string }

// tools are the command lines of others that are installed. Linux gives every
// session the same share of a busy machine: ssh gets sessions of its own, as pdsh
// gives it, or other people's work would be in its figure alone.
func tools(n *sshtest.Net) (list []tool) {
	var addresses []string
	for _, h := range n.Hosts {
		addresses = append(addresses, h.Addr)
	}
	hosts := filepath.Join(n.Dir, "hosts")
	if os.WriteFile(hosts, []byte(strings.Join(addresses, "\n")+"\n"), 0o600) != nil {
		return nil
	}
	options := fmt.Sprintf("-F none -o IdentityFile=%s -o UserKnownHostsFile=%s -o Port=%d -o BatchMode=yes -o IdentityAgent=none -o LogLevel=ERROR", n.KeyFile, n.KnownHosts, n.Hosts[0].Port)
	for _, t := range []struct{ program, name, line string }{
		{"ssh", "xargs -P50 ssh", "xargs -a " + hosts + " -P 50 -I{} setsid -w ssh " + options + " {} hostname"},
		{"pdsh", "pdsh -f 50", "PDSH_SSH_ARGS_APPEND='" + options + "' pdsh -R ssh -f 50 -w ^" + hosts + " hostname"},
		{"ansible", "ansible -f 50 -m raw", "cd " + n.Dir + " && ANSIBLE_LOCAL_TEMP=" + n.Dir + "/ansible ansible all -i " + hosts + " -f 50 -m raw -a hostname --ssh-common-args='" + options + " -o ControlMaster=no'"},
	} {
		if _, err := exec.LookPath(t.program); err == nil {
			list = append(list, tool{t.name, t.line})
		}
	}
	return list
}

// bareSSH is the library with nothing around it.
type bareSSH struct {
	hosts   *sshtest.Net
	signer  ssh.Signer
	clients []*ssh.Client
}

func newBareSSH(n *sshtest.Net) (*bareSSH, error) {
	text, err := os.ReadFile(n.KeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	return &bareSSH{hosts: n, signer: signer, clients: make([]*ssh.Client, len(n.Hosts))}, err
}

// connect connects to all and runs the command.
func (s *bareSSH) connect() (time.Duration, error) {
	return s.each(func(i int) error {
		client, err := ssh.Dial("tcp", s.hosts.Hosts[i].Address(), &ssh.ClientConfig{
			User: s.hosts.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(s.signer)},
			HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the hosts of this very program
		})
		if err != nil {
			return err
		}
		s.clients[i] = client
		return s.one(i)
	})
}

// all runs the command over the connections that are there.
func (s *bareSSH) all() (time.Duration, error) { return s.each(s.one) }

func (s *bareSSH) one(i int) error {
	session, err := s.clients[i].NewSession()
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // io.EOF, as it has ended
	_, err = session.Output("hostname")
	return err
}

func (s *bareSSH) each(do func(int) error) (time.Duration, error) {
	began := time.Now()
	errs := make([]error, len(s.clients))
	lanes := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i := range s.clients {
		all.Go(func() {
			lanes <- struct{}{}
			errs[i] = do(i)
			<-lanes
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (s *bareSSH) close() {
	for _, c := range s.clients {
		c.Close()
	}
}

// testbed is what test support needs of a test, in a program that is none.
type testbed struct {
	testing.TB
	ends []func()
	mu   sync.Mutex
	err  error
}

// failure ends run from within.
type failure struct{ error }

func (t *testbed) run(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f.error
		}
		for i := len(t.ends) - 1; i >= 0; i-- {
			t.ends[i]()
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Helper, Cleanup, Fatal, Skip and Errorf are what internal/sshtest calls.
func (t *testbed) Helper()           {}
func (t *testbed) Cleanup(fn func()) { t.ends = append(t.ends, fn) }
func (t *testbed) Fatal(args ...any) { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (t *testbed) Skip(args ...any)  { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (t *testbed) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = fmt.Errorf(format, args...)
}
