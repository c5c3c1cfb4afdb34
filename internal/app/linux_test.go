package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/sshtest"
)

// TestLinuxPack runs actions of the pack linux on a real host.
func TestLinuxPack(t *testing.T) {
	n := sshtest.Start(t, 1)
	host := n.Hosts[0]
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	c.SSH.KeyFiles, c.SSH.KnownHosts, c.SSH.Agent, c.SSH.ConfigFiles = []string{n.KeyFile}, []string{n.KnownHosts}, "none", []string{filepath.Join(n.Dir, "none")}
	url, _ := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	a := newFlowClient(t, c, url)
	start := func(action string, params map[string]any) string {
		t.Helper()
		body, err := json.Marshal(map[string]any{"action": "linux." + action, "parameters": params})
		if err != nil {
			t.Fatal(err)
		}
		return a.call(t, http.MethodPost, "", string(body)).ID
	}
	type entry struct{ Stdout, Stderr any }
	run := func(action string, params map[string]any) entry {
		t.Helper()
		params["hosts"] = host.Address()
		var result map[string]entry
		if err := json.Unmarshal(a.until(t, start(action, params), "succeeded").Result, &result); err != nil {
			t.Fatal(err)
		}
		return result[host.Addr]
	}

	load, ok := run("check_loadavg", map[string]any{}).Stdout.(map[string]any)
	for _, period := range []string{"1", "5", "15"} {
		text, isText := load[period].(string)
		if _, err := strconv.ParseFloat(text, 64); !ok || !isText || err != nil {
			t.Errorf("load averages: %v", load)
		}
	}
	if one, ok := run("check_loadavg", map[string]any{"period": "5"}).Stdout.(float64); !ok || one < 0 {
		t.Errorf("a load average: %v", one)
	}

	// A process of a name that nobody else has.
	name := filepath.Join(n.Dir, `odd "name\`)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(sleep, name); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := strconv.Itoa(cmd.Process.Pid)
	want := map[string]any{pid: name + " 300"}
	for search, criteria := range map[string]string{"name": `odd.*name\\ 3[0]+$`, "pid": pid} {
		got := run("check_processes", map[string]any{"search": search, "criteria": criteria, "args": "pidlist"})
		if fmt.Sprint(got.Stdout) != fmt.Sprint(want) || strings.TrimSpace(fmt.Sprint(got.Stderr)) != pid {
			t.Errorf("search by %s: %v %v, want %v", search, got.Stdout, got.Stderr, want)
		}
	}
	if got := run("check_processes", map[string]any{"search": "state", "criteria": "S"}); got.Stdout.(map[string]any)[pid] != name+" 300" {
		t.Errorf("processes that sleep: %v", got.Stdout)
	}

	// Every step of the diagnosis is there, also where netstat and lsof are not installed.
	var chain struct{ Tasks []struct{ Name string } }
	if err := json.Unmarshal(a.until(t, start("diag_loadavg", map[string]any{"hostname": host.Address()}), "succeeded").Result, &chain); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, task := range chain.Tasks {
		steps = append(steps, task.Name)
	}
	if !slices.Equal(steps, []string{"check_load", "d_state_processes", "r_state_processes", "netstat", "lsof", "end"}) {
		t.Errorf("steps of the diagnosis: %v", steps)
	}

	// A host that comes back, and one that does not.
	host.Cut(t)
	host.Stop()
	waiting := map[string]any{"hostname": host.Addr, "port": host.Port, "sleep_delay": 1, "retries": 60}
	id := start("wait_for_ssh", waiting)
	for deadline := time.Now().Add(30 * time.Second); len(a.call(t, http.MethodGet, "/"+id, "").Children) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not try")
		}
	}
	host.Restart(t, false)
	if ex := a.until(t, id, "succeeded"); string(ex.Result) != `{"output":{"result":true}}` {
		t.Errorf("wait_for_ssh gives %s", ex.Result)
	}
	if c := a.until(t, start("wait_for_ssh", map[string]any{"hostname": "127.0.0.1", "port": 1, "sleep_delay": 1, "retries": 2}), "failed"); c.ID == "" {
		t.Error("it waits for nobody")
	}

	if _, err := exec.LookPath("dig"); err != nil {
		if ex := a.until(t, start("dig", map[string]any{"hostname": "localhost"}), "failed"); !strings.Contains(string(ex.Result), "dig is not installed") {
			t.Errorf("dig gives %s", ex.Result)
		}
	}
}
