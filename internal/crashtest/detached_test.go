package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/api/wire"
	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/sshtest"
)

// TestDetachedCommandsSurvive: commands run on hosts, the server is killed, twice,
// and the connections with it. The commands go on, begin no second time, and the
// next server has their results with all they printed.
func TestDetachedCommandsSurvive(t *testing.T) {
	hosts := sshtest.Start(t, 5)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	n := hostNode(t, hosts, "n1", "")
	begin(t, n)
	var names []string
	for _, h := range hosts.Hosts {
		names = append(names, h.Address())
	}
	file, gate := filepath.Join(hosts.Dir, "count"), filepath.Join(hosts.Dir, "gate")
	const count = 4
	var ids []squall.ID
	for i := range count {
		cmd := fmt.Sprintf("echo began %d >>%s; for n in 1 2 3 4 5 6; do echo line $n; [ $n != 3 ] || while [ ! -e %s ]; do sleep 0.1; done; done; echo ended %d >>%s; exit %d", i, file, gate, i, file, i%2)
		id, _, err := n.call(ctx, http.MethodPost, "/api/v1/executions", map[string]any{
			"action": "core.remote", "parameters": map[string]any{"cmd": cmd, "hosts": strings.Join(names, ","), "detach": true, "timeout": 170}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	said := func(word string) int {
		text, _ := os.ReadFile(file)
		return bytes.Count(text, []byte(word))
	}
	wait := func(what string, is func() bool) {
		t.Helper()
		for !is() {
			if ctx.Err() != nil {
				t.Fatalf("%s: %d began, %d ended", what, said("began"), said("ended"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	wait("all begin", func() bool { return said("began") == count*len(names) })
	n.Kill()
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	wait("all are taken over", func() bool {
		return strings.Contains(n.Log(), fmt.Sprintf("taken over\" part=scheduler count=%d", count))
	})
	n.Kill()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wait("all end, and no server is there", func() bool { return said("ended") == count*len(names) })
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	drain(t, n)

	want := "line 1\nline 2\nline 3\nline 4\nline 5\nline 6"
	for i, id := range ids {
		var answer struct {
			Status squall.Status
			Result map[string]localResult
		}
		body := n.read(t, ctx, "/api/v1/executions/"+string(id))
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.Result) != len(names) {
			t.Fatalf("%v: %s", err, body)
		}
		live := n.printed(t, ctx, id, "stdout")
		for host, e := range answer.Result {
			if e.ReturnCode != i%2 || e.Stdout != want {
				t.Errorf("%s on %s: %+v", id, host, e)
			}
			var lines []string
			for line := range strings.Lines(live) {
				if own, ok := strings.CutPrefix(line, "["+host+"] "); ok {
					lines = append(lines, own)
				}
			}
			if strings.Join(lines, "") != want+"\n" {
				t.Errorf("%s on %s: the stream of output is %q", id, host, lines)
			}
		}
	}
	if said("began") != count*len(names) {
		t.Errorf("%d commands began, want %d", said("began"), count*len(names))
	}
	cleaned(t, hosts, n)
}

// TestOnlyDetachedCommandsWaitForTheirNode: a node dies while two commands run on a
// host. The other node ends what has ended with it as soon as its lease is over, and
// leaves it the one that goes on.
func TestOnlyDetachedCommandsWaitForTheirNode(t *testing.T) {
	t.Parallel()
	hosts := sshtest.Start(t, 1)
	dsn := pgtest.DSN(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // less than scheduler.keep_for
	defer cancel()
	n1, n2 := hostNode(t, hosts, "n1", dsn), hostNode(t, hosts, "n2", dsn)
	begin(t, n1, n2)
	st := openPostgres(t, dsn)
	file, gate := filepath.Join(hosts.Dir, "count"), filepath.Join(hosts.Dir, "gate")
	cmd := fmt.Sprintf("echo began >>%s; while [ ! -e %s ]; do sleep 0.1; done; echo over", file, gate)
	request := func(detach bool) squall.ID {
		id, _, err := n1.call(ctx, http.MethodPost, "/api/v1/executions", map[string]any{
			"action": "core.remote", "parameters": map[string]any{"cmd": cmd, "hosts": hosts.Hosts[0].Address(), "detach": detach, "timeout": 600}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	wait := func(what string, is func() bool) {
		t.Helper()
		for ; !is(); time.Sleep(50 * time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatalf("not true in time: %s", what)
			}
		}
	}
	began := func() int {
		text, _ := os.ReadFile(file)
		return bytes.Count(text, []byte("began"))
	}
	ends, goesOn := request(false), request(true)
	wait("both begin", func() bool { return began() == 2 })
	for _, id := range []squall.ID{ends, goesOn} {
		if on := get(t, st, id).Node; on != n1.Name {
			t.Fatalf("%s runs on %s", id, on)
		}
	}
	n1.Kill()
	wait("what has ended with its node is abandoned", func() bool { return get(t, st, ends).Status == squall.Abandoned })
	if now := get(t, st, goesOn); now.Status != squall.Running || now.Node != n1.Name {
		t.Fatalf("what goes on is %s on %q", now.Status, now.Node)
	}
	if err := n1.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wait("what goes on ends well", func() bool { return get(t, st, goesOn).Status == squall.Succeeded })
	if began() != 2 {
		t.Errorf("%d commands began", began())
	}
	cleaned(t, hosts, n1)
}

// hostNode is a node that can log in to hosts.
func hostNode(t *testing.T, hosts *sshtest.Net, name, dsn string) *node {
	t.Helper()
	n := newNode(t, name, dsn)
	empty := filepath.Join(hosts.Dir, "ssh_config")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"ssh.key_files": hosts.KeyFile, "ssh.known_hosts": hosts.KnownHosts, "ssh.agent": "none", "ssh.config_files": empty, "ssh.detach_dir": hosts.Dir,
	} {
		n.Set(key + "=" + value)
	}
	return n
}

// cleaned waits until nothing is left of detached commands.
func cleaned(t *testing.T, hosts *sshtest.Net, n *node) {
	t.Helper()
	var left []string
	for range 200 { // they are deleted in the background
		onHosts, _ := filepath.Glob(filepath.Join(hosts.Dir, "squall-*", "*"))
		here, _ := filepath.Glob(filepath.Join(n.Dir, "detached", "*"))
		if left = slices.Concat(onHosts, here); len(left) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestRolloutSurvives: a rollout works through its machines batch by batch while the
// server is killed again and again. Every machine does it once.
func TestRolloutSurvives(t *testing.T) {
	hosts := sshtest.Start(t, 6)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	n := hostNode(t, hosts, "n1", "")
	begin(t, n)
	var nodes []wire.FleetNode
	for i, h := range hosts.Hosts {
		nodes = append(nodes, wire.FleetNode{Name: fmt.Sprintf("web%d", i+1), Address: h.Addr, Port: h.Port})
	}
	if _, _, err := n.call(ctx, http.MethodPost, "/api/v1/fleet/nodes", wire.FleetImport{Nodes: nodes}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(hosts.Dir, "count")
	params, err := json.Marshal(map[string]any{"cmd": "set -- $SSH_CONNECTION; echo began $3 >>" + file + "; sleep 1; echo ended $3 >>" + file, "detach": true, "timeout": 170})
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := n.call(ctx, http.MethodPost, "/api/v1/fleet/rollouts", map[string]any{"action": "core.remote", "parameters": json.RawMessage(params), "target": "*", "batches": "2"})
	if err != nil {
		t.Fatal(err)
	}
	said := func(word string) int {
		text, _ := os.ReadFile(file)
		return bytes.Count(text, []byte(word))
	}
	for _, begun := range []int{2, 4, 6} { // in the middle of each batch
		for said("began") < begun {
			if ctx.Err() != nil {
				t.Fatalf("%d have begun, want %d", said("began"), begun)
			}
			time.Sleep(10 * time.Millisecond)
		}
		n.Kill()
		if err := n.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var r wire.Rollout
	for r.State != string(squall.RolloutSucceeded) {
		if err := json.Unmarshal(n.read(t, ctx, "/api/v1/fleet/rollouts/"+string(id)), &r); err != nil || ctx.Err() != nil || r.EndedAt != nil && r.State != string(squall.RolloutSucceeded) {
			t.Fatalf("%v %+v", err, r)
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, h := range hosts.Hosts {
		for _, word := range []string{"began", "ended"} {
			if got := said(word + " " + h.Addr + "\n"); got != 1 {
				t.Errorf("%s %s %d times", h.Addr, word, got)
			}
		}
	}
	cleaned(t, hosts, n)
}
