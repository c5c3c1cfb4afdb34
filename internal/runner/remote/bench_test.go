package remote

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
	"squall/internal/squall"
	"squall/internal/sshtest"
)

// fleetSize is how many hosts the benchmarks have; SQUALL_BENCH_HOSTS changes it.
func fleetSize() int {
	if n, err := strconv.Atoi(os.Getenv("SQUALL_BENCH_HOSTS")); err == nil && n > 0 {
		return n
	}
	return 150
}

// BenchmarkHosts runs hostname on all hosts: over new connections, over kept ones,
// and with the tools that people use for it, as far as they are installed. Clients
// and hosts share this machine, so the hosts' own work is in every figure.
func BenchmarkHosts(b *testing.B) {
	n := sshtest.Start(b, fleetSize(), "MaxStartups 100")
	j := job(addresses(n), map[string]any{"cmd": "hostname"})
	all := func(b *testing.B, r *Runner) {
		b.Helper()
		status, entries := run(b, context.Background(), r, j, runner.Discard)
		if status != squall.Succeeded {
			for host, e := range entries {
				if !e.Succeeded {
					b.Fatalf("%s: %+v", host, e)
				}
			}
		}
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			p, err := ssh.New(ssh.Config{KeyFiles: []string{n.KeyFile}, AgentSocket: "none", ConfigFiles: []string{}, KnownHosts: []string{n.KnownHosts}})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			all(b, NewCmd(p, Config{}))
			b.StopTimer()
			p.Close()
			b.StartTimer()
		}
	})
	b.Run("kept", func(b *testing.B) {
		p := pool(b, n)
		r := NewCmd(p, Config{})
		before := memory()
		all(b, r)
		time.Sleep(100 * time.Millisecond)
		perHost := float64(memory()-before) / float64(len(n.Hosts))
		for b.Loop() {
			all(b, r)
		}
		b.ReportMetric(perHost, "bytes/connection")
	})
	for name, tool := range tools(b, n) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command("sh", "-c", tool)
				out, err := cmd.CombinedOutput()
				if lines := strings.Count(string(out), "\n"); err != nil || lines < len(n.Hosts) {
					b.Fatalf("%v: %d lines: %.300s", err, lines, out)
				}
			}
		})
	}
}

// memory is what the program holds, stacks of goroutines included.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// tools are the command lines of others that are installed.
func tools(b *testing.B, n *sshtest.Net) map[string]string {
	b.Helper()
	var list []string
	for _, h := range n.Hosts {
		list = append(list, h.Addr)
	}
	hosts := filepath.Join(n.Dir, "hosts")
	if err := os.WriteFile(hosts, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	options := fmt.Sprintf("-F none -o IdentityFile=%s -o UserKnownHostsFile=%s -o Port=%d -o BatchMode=yes -o IdentityAgent=none -o LogLevel=ERROR", n.KeyFile, n.KnownHosts, n.Hosts[0].Port)
	found := map[string]string{}
	if _, err := exec.LookPath("ssh"); err == nil {
		found["xargs ssh"] = "xargs -a " + hosts + " -P 50 -I{} ssh " + options + " {} hostname"
	}
	if _, err := exec.LookPath("pdsh"); err == nil {
		found["pdsh"] = "PDSH_SSH_ARGS_APPEND='" + options + "' pdsh -R ssh -f 50 -w ^" + hosts + " hostname"
	}
	return found
}
