package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// host is a server: one sshd on a loopback address of its own.
type host struct {
	name     string
	address  string
	machines []machine // of a hypervisor; the server of the copies has none
}

// machine is a virtual machine, of which we have the disk.
type machine struct {
	name string
	mib  int // size of its disk; half of it is data
}

// centre is the computing centre of the show.
var centre = []host{
	{name: "hv1", machines: []machine{{"web", 64}, {"db", 96}}},
	{name: "hv2", machines: []machine{{"mail", 64}, {"wiki", 32}}},
	{name: "hv3", machines: []machine{{"ldap", 48}}},
	{name: "nas"},
}

// image is the disk of a machine.
func (w *world) image(h, m string) string { return w.path("hosts", h, m+".qcow2") }

// makeMachines makes the hosts, their keys and the disks on them, and starts them.
func (w *world) makeMachines() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.path("ssh"), 0o700); err != nil {
		return err
	}
	public, err := writeKey(w.path("ssh", "id"))
	if err != nil {
		return err
	}
	var known bytes.Buffer
	for i := range centre {
		h := centre[i]
		h.address = net.JoinHostPort(fmt.Sprintf("127.0.30.%d", 1+i), strconv.Itoa(port))
		key, err := writeKey(w.path("ssh", h.name))
		if err != nil {
			return err
		}
		fmt.Fprintln(&known, knownhosts.Line([]string{h.address}, key))
		for _, dir := range []string{w.path("hosts", h.name), w.path("scratch", h.name)} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		for _, m := range h.machines {
			if err := makeImage(w.image(h.name, m.name), m.mib); err != nil {
				return err
			}
		}
		w.hosts = append(w.hosts, &h)
	}
	for name, text := range map[string][]byte{
		"ssh/known_hosts":          known.Bytes(),
		"ssh/authorized_keys":      ssh.MarshalAuthorizedKey(public),
		"ssh/config":               nil, // ours, not that of who runs this
		"hosts/nas/.squall-target": []byte("vault of the demonstration\n"),
	} {
		if err := writeFile(w.path(name), text); err != nil {
			return err
		}
	}
	return w.startHosts()
}

// startHosts starts an sshd for each host. Nothing of the machine's own SSH is read.
func (w *world) startHosts() error {
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists
			return err
		}
	}
	for _, h := range w.hosts {
		addr, port, err := net.SplitHostPort(h.address)
		if err != nil {
			return err
		}
		lines := []string{
			"ListenAddress " + addr, "Port " + port, "HostKey " + w.path("ssh", h.name),
			"AuthorizedKeysFile " + w.path("ssh", "authorized_keys"), "SetEnv HOME=" + w.path("hosts", h.name),
			"UsePAM no", "StrictModes no", "PidFile none", "PermitRootLogin yes", "PrintMotd no", "PasswordAuthentication no",
			"Subsystem sftp internal-sftp", "LogLevel ERROR", "MaxStartups 100", "MaxSessions 50",
		}
		conf := w.path("ssh", h.name+".conf")
		if err := writeFile(conf, []byte(strings.Join(lines, "\n")+"\n")); err != nil {
			return err
		}
		log := w.path("ssh", h.name+".log")
		if err := w.spawn(log, "/usr/sbin/sshd", "-D", "-e", "-f", conf); err != nil {
			return err
		}
		if err := answers(context.Background(), h.address, log); err != nil {
			return err
		}
	}
	return nil
}

// makeImage makes a disk whose first half is filled.
func makeImage(file string, mib int) error {
	if err := tool("qemu-img", "create", "-q", "-f", "qcow2", file, fmt.Sprintf("%dM", mib)); err != nil {
		return err
	}
	return fillImage(file, 0, mib/2)
}

// fillImage writes data into a disk, from one MiB up to another: half of it noise,
// half of it text, so that it compresses as disks do.
func fillImage(file string, from, to int) error {
	data := make([]byte, (to-from)<<20)
	for at := 0; at < len(data); at += 1 << 20 {
		if _, err := rand.Read(data[at : at+1<<19]); err != nil {
			return err
		}
		copy(data[at+1<<19:at+1<<20], bytes.Repeat([]byte("what an administrator wrote "), 1<<15))
	}
	source := file + ".data"
	if err := writeFile(source, data); err != nil {
		return err
	}
	defer os.Remove(source) //nolint:errcheck // it lies in a directory that is removed
	return tool("qemu-io", "-f", "qcow2", "-c", fmt.Sprintf("write -q -s %s %dM %dM", source, from, to-from), file)
}

// tool runs a program that must succeed.
func tool(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// writeKey makes a private key and returns its public half.
func writeKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := writeFile(file, pem.EncodeToMemory(block)); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

func writeFile(file string, text []byte) error {
	if i := strings.LastIndexByte(file, '/'); i > 0 {
		if err := os.MkdirAll(file[:i], 0o755); err != nil { //nolint:gosec // sshd's users must get through
			return err
		}
	}
	return os.WriteFile(file, text, 0o600)
}

// settings are what Squall is told about the world.
func (w *world) settings() []string {
	if len(w.hosts) == 0 {
		return nil
	}
	return []string{
		"python.path=/usr/bin/python3", // Debian's modules are there
		"notify.file=" + w.path("notify.yaml"),
		"ssh.key_files=" + w.path("ssh", "id"), "ssh.known_hosts=" + w.path("ssh", "known_hosts"),
		"ssh.config_files=" + w.path("ssh", "config"), "ssh.agent=none",
	}
}

// configuration is the pack's: what is protected, where to, for how long.
func (w *world) configuration() map[string]any {
	var hosts []any
	for _, h := range w.hosts {
		doc := map[string]any{"name": h.name, "address": h.address, "scratch": w.path("scratch", h.name), "holding": w.path("scratch", h.name)}
		if h.machines != nil {
			doc["providers"] = []any{map[string]any{"type": "image", "directory": w.path("hosts", h.name)}}
		}
		hosts = append(hosts, doc)
	}
	return map[string]any{
		"hosts": hosts,
		"targets": []any{map[string]any{
			"name": "vault", "id": "vault of the demonstration", "what": w.path("hosts", "nas"), "server": "nas",
		}},
		"policies": []any{map[string]any{
			"name": "nightly", "sources": []any{"*"}, "target": "vault", "priority": "normal",
			"retention": map[string]any{"daily": 7, "weekly": 4, "monthly": 12},
		}},
	}
}
