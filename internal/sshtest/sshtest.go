// Package sshtest starts real SSH servers for tests: sshd of OpenSSH, one process
// for each host, on loopback addresses and free ports, with keys and files of
// their own in a temporary directory. Nothing of the machine's own SSH is read or
// changed. It is test support, never part of the binary.
package sshtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Net is a number of hosts that trust one key.
type Net struct {
	Dir        string
	User       string // who can log in: the user who runs the test
	KeyFile    string // a private key that every host accepts; Dir is home there
	KnownHosts string // file with the keys of all hosts
	Hosts      []*Host
}

// Host is one sshd.
type Host struct {
	Addr    string // 127.0.x.y
	Port    int
	KeyFile string // of the host itself
	cmd     *exec.Cmd
	net     *Net
	config  []string
	more    []*Host // other addresses of the same sshd
}

// Address is host:port.
func (h *Host) Address() string { return net.JoinHostPort(h.Addr, strconv.Itoa(h.Port)) }

// many is how many hosts may be a process each. Of more, addresses share one: as
// many as an sshd listens on.
const many, addresses = 250, 16

// Start starts n hosts and stops them at the end of the test. config are lines of
// sshd_config. It skips the test, loudly, where there is no sshd.
func Start(t testing.TB, n int, config ...string) *Net {
	t.Helper()
	sshd := Program(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sshtest") // t.TempDir's names are too long for some sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Net{Dir: dir, User: me.Username, KeyFile: filepath.Join(dir, "id"), KnownHosts: filepath.Join(dir, "known_hosts")}
	public := WriteKey(t, s.KeyFile)
	write(t, filepath.Join(dir, "authorized_keys"), ssh.MarshalAuthorizedKey(public))
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists
			t.Fatal(err)
		}
	}
	port := freePort(t)
	var known bytes.Buffer
	var leads []*Host
	var key ssh.PublicKey
	for i := range n {
		h := &Host{Addr: fmt.Sprintf("127.0.%d.%d", 10+i/250, 1+i%250), Port: port, net: s, KeyFile: filepath.Join(dir, "host"+strconv.Itoa(i)), config: config}
		s.Hosts = append(s.Hosts, h)
		lead := h
		if n > many {
			lead = s.Hosts[i-i%addresses]
		}
		if lead == h {
			key = WriteKey(t, h.KeyFile)
			leads = append(leads, h)
		} else {
			h.KeyFile = lead.KeyFile
			lead.more = append(lead.more, h)
		}
		fmt.Fprintln(&known, knownhosts.Line([]string{h.Address()}, key))
	}
	write(t, s.KnownHosts, known.Bytes())
	var ready sync.WaitGroup
	for _, h := range leads {
		h.start(t, sshd)
		ready.Go(func() { h.wait(t) })
	}
	ready.Wait()
	t.Cleanup(func() {
		for _, h := range leads {
			h.Stop()
		}
	})
	return s
}

// Program returns the path of sshd or skips the test.
func Program(t testing.TB) string {
	t.Helper()
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no sshd; install openssh-server (scripts/setup does)")
	return ""
}

func (h *Host) start(t testing.TB, sshd string) {
	t.Helper()
	lines := append([]string{
		"ListenAddress " + h.Addr, "Port " + strconv.Itoa(h.Port), "HostKey " + h.KeyFile,
		"AuthorizedKeysFile " + filepath.Join(h.net.Dir, "authorized_keys"),
		"UsePAM no", "StrictModes no", "PidFile none", "PermitRootLogin yes", "PrintMotd no",
		"PasswordAuthentication no", "SetEnv HOME=" + h.net.Dir, // without the user's own start-up files
		"Subsystem sftp internal-sftp", "LogLevel ERROR",
	}, h.config...)
	for _, o := range h.more {
		lines = append(lines, "ListenAddress "+o.Addr)
	}
	file := h.KeyFile + ".conf"
	write(t, file, []byte(strings.Join(lines, "\n")+"\n"))
	h.cmd = exec.Command(sshd, "-D", "-e", "-f", file)
	h.cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if testing.Testing() && testing.Verbose() {
		h.cmd.Stderr = os.Stderr
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (h *Host) wait(t testing.TB) {
	for range 2000 {
		if c, err := net.Dial("tcp", h.Address()); err == nil {
			c.Close()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("sshd on %s does not start", h.Address())
}

// Stop kills the host's sshd; connections it has accepted live on, as they do
// when a real one is restarted.
func (h *Host) Stop() {
	if h.cmd != nil && h.cmd.Process != nil {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
		h.cmd = nil
	}
}

// Restart starts the host again, with another key if fresh: it was installed anew.
func (h *Host) Restart(t testing.TB, fresh bool) {
	t.Helper()
	h.Stop()
	if fresh {
		WriteKey(t, h.KeyFile)
	}
	h.start(t, Program(t))
	h.wait(t)
}

// WriteKey makes a private key in OpenSSH's form and returns its public half.
func WriteKey(t testing.TB, file string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, pem.EncodeToMemory(block))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort returns a port that is free on all loopback addresses now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Cut kills the processes that serve the host's connections, as if they had
// crashed; commands that run there live on. The host goes on taking new ones.
func (h *Host) Cut(t testing.TB) {
	t.Helper()
	if h.cmd == nil {
		return
	}
	for _, pid := range descendants(h.cmd.Process.Pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.HasPrefix(string(text), "sshd") {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
	}
}

// descendants lists the processes below one.
func descendants(of int) (pids []int) {
	children := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		var state byte
		var parent int
		_, rest, _ := strings.Cut(string(text), ") ")
		if _, err := fmt.Sscanf(rest, "%c %d", &state, &parent); err == nil {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			children[parent] = append(children[parent], pid)
		}
	}
	for todo := []int{of}; len(todo) > 0; todo = todo[1:] {
		pids = append(pids, children[todo[0]]...)
		todo = append(todo, children[todo[0]]...)
	}
	return pids
}
