package backuptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/sshtest"
)

// world is a small computing centre: hosts with images, a server with targets, a
// mail server, and Squall.
type world struct {
	t     *testing.T
	dir   string
	net   *sshtest.Net
	mail  *sink
	srv   *server
	hosts []string       // their names: hv1 ... and last nas, which has the targets
	conf  map[string]any // the pack's configuration
}

// need skips the test, loudly, when programs are missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: there is no %s; scripts/setup installs it", p)
		}
	}
	if err := exec.Command("/usr/bin/python3", "-c", "import nbd").Run(); err != nil {
		t.Skip("SKIPPED: /usr/bin/python3 has no module nbd; scripts/setup installs it")
	}
}

// newWorld makes a centre with so many hypervisors. Each has a directory of images
// and may dump one at a time; the target "vault" is a directory of the host nas.
func newWorld(t *testing.T, hypervisors int) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: in short mode")
	}
	need(t, "qemu-img", "qemu-io", "qemu-nbd", "zstd")
	dir, err := os.MkdirTemp("", "backuptest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, mail: newSink(t), net: sshtest.Start(t, hypervisors+1)}
	host, port, _ := net.SplitHostPort(w.mail.address)
	notify := fmt.Sprintf("sinks:\n  admins: {type: email, host: %s, port: %s, tls: none, from: squall@example.org, to: [admins@example.org]}\n"+
		"routes:\n  - {route: backup, sinks: [admins]}\n", host, port)
	w.write("notify.yaml", notify)
	var hosts []any
	for i, h := range w.net.Hosts {
		name := fmt.Sprintf("hv%d", i+1)
		doc := map[string]any{"address": h.Address(), "holding": w.mkdir("holding"), "scratch": w.mkdir("scratch")}
		if i == hypervisors {
			name = "nas"
		} else {
			doc["providers"] = []any{map[string]any{"type": "image", "directory": w.mkdir(name)}}
		}
		doc["name"] = name
		w.hosts = append(w.hosts, name)
		hosts = append(hosts, doc)
	}
	w.conf = map[string]any{
		"hosts":   hosts,
		"targets": []any{w.target("vault")},
		"policies": []any{map[string]any{
			"name": "nightly", "sources": []any{"*"}, "target": "vault", "compression_level": 1, "priority": "normal",
		}},
	}
	w.srv = newServer(t, dir,
		"ssh.key_files="+w.net.KeyFile, "ssh.known_hosts="+w.net.KnownHosts, "ssh.config_files="+w.write("ssh_config", ""), "ssh.agent=none",
		"notify.file="+filepath.Join(dir, "notify.yaml"), "ssh.connect_timeout=20s")
	w.configure()
	return w
}

// target makes a directory with a marker and returns its entry in the configuration.
func (w *world) target(name string) map[string]any {
	path := w.mkdir("nas/" + name)
	w.write("nas/"+name+"/.squall-target", "id-of-"+name+"\n")
	return map[string]any{"name": name, "id": "id-of-" + name, "what": path, "server": "nas"}
}

// host returns the entry of a host in the configuration.
func (w *world) host(name string) map[string]any {
	for _, h := range w.conf["hosts"].([]any) {
		if doc := h.(map[string]any); doc["name"] == name {
			return doc
		}
	}
	w.t.Fatalf("there is no host %s", name)
	return nil
}

// policy returns the first policy of the configuration.
func (w *world) policy() map[string]any { return w.conf["policies"].([]any)[0].(map[string]any) }

// configure hands the configuration to the server.
func (w *world) configure() {
	w.t.Helper()
	w.srv.must("PUT", "/api/v1/configs/backup", w.conf, nil)
}

func (w *world) mkdir(path string) string {
	w.t.Helper()
	path = filepath.Join(w.dir, path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) write(path, text string) string {
	w.t.Helper()
	path = filepath.Join(w.dir, path)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// image makes a machine's disk of so many MiB; the first half of it is data.
func (w *world) image(host, machine string, mib int) string {
	w.t.Helper()
	path := filepath.Join(w.dir, host, machine+".qcow2")
	w.tool("qemu-img", "create", "-q", "-f", "qcow2", path, fmt.Sprintf("%dM", mib))
	w.fill(path, 0, mib/2)
	return path
}

// fill writes data that does not compress well to MiB begin up to end.
func (w *world) fill(path string, begin, end int) {
	w.t.Helper()
	noise := filepath.Join(w.dir, "noise")
	w.tool("sh", "-c", fmt.Sprintf("head -c %d /dev/urandom > %s", (end-begin)<<20, noise))
	w.tool("qemu-io", "-f", "qcow2", "-c", fmt.Sprintf("write -q -s %s %dM %dM", noise, begin, end-begin), path)
}

// tool runs a program that must succeed.
func (w *world) tool(name string, args ...string) string {
	w.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copies returns what lies on a target below its sources: "SOURCE/STAMP", also with
// .partial and .bad behind.
func (w *world) copies(target string) (list []string) {
	w.t.Helper()
	root := filepath.Join(w.dir, "nas", target)
	found, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			rel, _ := filepath.Rel(root, path)
			list = append(list, rel)
		}
	}
	return list
}

// consistent checks that catalogue and target agree and that nothing half done is left.
func (w *world) consistent(target string) {
	w.t.Helper()
	entries := w.srv.keys("backup.copy.")
	known := map[string]bool{}
	for _, e := range entries {
		name := fmt.Sprintf("%s/%s", e["source"], e["stamp"])
		if e["state"] != "good" {
			name += ".bad"
		}
		known[name] = true
	}
	for _, c := range w.copies(target) {
		if strings.HasSuffix(c, ".partial") {
			w.t.Errorf("%s is left", c)
		} else if !known[c] {
			w.t.Errorf("%s is not in the catalogue", c)
		}
		delete(known, c)
	}
	for name := range known {
		w.t.Errorf("the catalogue has %s, the target has not", name)
	}
	if runs := w.srv.keys("backup.run."); len(runs) > 0 {
		w.t.Errorf("runs are not cleaned up: %v", runs)
	}
	if mounts, _ := os.ReadFile("/proc/self/mounts"); strings.Contains(string(mounts), w.dir) {
		w.t.Errorf("something is still mounted:\n%s", mounts)
	}
}
