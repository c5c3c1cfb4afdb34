package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/cli"
	"squall/internal/pgtest"
)

// Secrets are planted everywhere in a server that runs in a process of its own,
// and then looked for everywhere: in answers, in what the command line prints,
// in the stream, the metrics and the log, in the files of the database, and in
// what a crash leaves.

// serverProcess is the environment variable that turns this test program into
// the server: its value is the configuration file.
const serverProcess = "SQUALL_TEST_SERVER_PROCESS"

// TestServerProcess is no test: it is the process.
func TestServerProcess(*testing.T) {
	file := os.Getenv(serverProcess)
	if file == "" {
		return
	}
	c, _, err := LoadConfig(Sources{File: file})
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	crash := make(chan os.Signal, 1)
	signal.Notify(crash, syscall.SIGUSR1)
	go func() {
		<-crash
		panic("forced by the test")
	}()
	if err := Serve(ctx, c, newLogger(os.Stderr, "debug", "json")); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// process is a server in a process of its own.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	url     string
	log     bytes.Buffer // whole once the process has ended
	markers map[string]string
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerProcess$")}
	p.cmd.Env = append(os.Environ(), serverProcess+"="+filepath.Join(dir, "squall.yaml"), "GOTRACEBACK=all")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.WaitDelay = 5 * time.Second
	_ = os.Remove(filepath.Join(dir, "data", AddressFile)) // of one that crashed
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(dir, "data", AddressFile)); err == nil && len(text) > 0 {
			p.url = strings.TrimSpace(string(text))
			return p
		}
		if time.Now().After(deadline) {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
			t.Fatalf("the server does not start: %s", p.log.String())
		}
	}
}

// end ends the process by a signal and returns what it has written.
func (p *process) end(s os.Signal) string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // a crash is an error here
	return p.log.String()
}

// call sends a request; a token of the form name:password logs in.
func (p *process) call(token, method, path, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if user, password, ok := strings.Cut(token, ":"); ok {
		req.SetBasicAuth(user, password)
	} else if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// must is call for what has to succeed; it returns one member of the answer.
func (p *process) must(token, method, path, body, member string) string {
	p.t.Helper()
	status, text := p.call(token, method, path, body)
	if status >= 300 {
		p.t.Fatalf("%s %s = %d %s", method, path, status, text)
	}
	var doc map[string]any
	if member == "" {
		return text
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		p.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	v, _ := doc[member].(string)
	return v
}

// clean looks for every marker in what was found at a place: as it is, and as
// encodings that are no secret.
func (p *process) clean(place, text string) {
	p.t.Helper()
	for what, marker := range p.markers {
		for form, needle := range map[string]string{
			"": marker, " in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(marker)), "="),
			" in hex": hex.EncodeToString([]byte(marker)), " in HEX": strings.ToUpper(hex.EncodeToString([]byte(marker))),
		} {
			if i := strings.Index(text, needle); i >= 0 {
				from := max(0, i-120)
				p.t.Errorf("%s: %s%s, behind %q", place, what, form, text[from:i])
			}
		}
	}
}

// files reads all files of the database.
func databaseFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == AdminPasswordFile || d.Name() == KeyringFile || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		found[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPlantedSecrets(t *testing.T) {
	if os.Getenv(serverProcess) != "" {
		t.Skip("this is the server")
	}
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			dsn := ""
			if database == "postgres" {
				dsn = pgtest.DSN(t)
			}
			testPlantedSecrets(t, dsn)
		})
	}
}

// testPlantedSecrets is TestPlantedSecrets on a PostgreSQL database, or the
// embedded one.
func testPlantedSecrets(t *testing.T, dsn string) {
	dir := t.TempDir()
	data, packs := filepath.Join(dir, "data"), filepath.Join(dir, "packs")
	writeFile(t, filepath.Join(packs, "vaulted/pack.yaml"), "name: vaulted\nversion: 1.0.0\nauthor: a\nemail: a@example.org\ndescription: d\n")
	writeFile(t, filepath.Join(packs, "vaulted/config.schema.yaml"), `
password: {type: string, secret: true}
accounts:
  type: object
  patternProperties: {"^\\w+$": {"$ref": "#/properties/account"}}
account:
  type: object
  properties: {name: {type: string}, key: {type: string, secret: true}}
`)
	const action = `
runner_type: local-shell-cmd
parameters:
  cmd: {immutable: true, default: "echo begun; sleep %s; exit %d"}
  password: {type: string, secret: true}
  login: {type: object, properties: {user: {type: string}, key: {type: string, secret: true}}}
  configured: {type: string, secret: true, default: "{{ config_context.password }}"}
  kept: {type: string, secret: true, default: "{{ st2kv.system.kept | decrypt_kv }}"}
`
	writeFile(t, filepath.Join(packs, "vaulted/actions/quick.yaml"), "name: quick"+fmt.Sprintf(action, "0", 0))
	writeFile(t, filepath.Join(packs, "vaulted/actions/fails.yaml"), "name: fails"+fmt.Sprintf(action, "0", 3))
	writeFile(t, filepath.Join(packs, "vaulted/actions/slow.yaml"), "name: slow"+fmt.Sprintf(action, "600", 0))
	writeFile(t, filepath.Join(packs, "vaulted/actions/flow.yaml"),
		"name: flow\nrunner_type: orquesta\nentry_point: workflows/flow.yaml\nparameters: {password: {type: string, secret: true}}\n")
	writeFile(t, filepath.Join(packs, "vaulted/actions/workflows/flow.yaml"), `
version: 1.0
input: [password]
tasks:
  one:
    action: vaulted.quick
    input: {password: <% ctx(password) %>, login: {user: u, key: "{{ ctx().password }}"}}
`)
	layEvents(t, dir, eventMarkers())
	layFlows(t, dir)
	writeFile(t, filepath.Join(dir, "squall.yaml"), fmt.Sprintf("server: {data: %s, listen: 127.0.0.1:0, shutdown_timeout: 1s}\npacks: {dirs: %s}\nnotify: {file: %s}\ndatabase: {url: %q}\n",
		data, packs, filepath.Join(dir, "notify.yaml"), dsn))

	p := startProcess(t, dir)
	running := true
	defer func() {
		if running {
			p.end(syscall.SIGKILL)
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	password, err := os.ReadFile(filepath.Join(data, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	p.markers = map[string]string{
		"parameter": "marker-parameter-7f3a", "nested parameter": "marker-nested-91bc", "configuration": "marker-config-2d4e",
		"nested configuration": "marker-account-aa01", "datastore": "marker-datastore-55ee", "the user's datastore": "marker-own-31f0",
		"wrong password": "marker-password-c0de", "administrator's password": string(password),
	}
	maps.Copy(p.markers, eventMarkers())
	maps.Copy(p.markers, flowMarkers())
	m := p.markers
	admin := p.must("admin:"+m["administrator's password"], "POST", "/auth/v1/tokens", "{}", "token")
	m["token"] = admin
	m["API key"] = p.must(admin, "POST", "/api/v1/apikeys", `{"user":"robot"}`, "key")
	p.call("admin:"+m["wrong password"], "POST", "/auth/v1/tokens", "{}")
	p.must(admin, "PUT", "/api/v1/keys/kept", fmt.Sprintf(`{"name":"kept","value":%q,"secret":true}`, m["datastore"]), "")
	p.must(admin, "PUT", "/api/v1/keys/own?scope=user", fmt.Sprintf(`{"name":"own","scope":"st2kv.user","value":%q,"secret":true}`, m["the user's datastore"]), "")
	p.must(admin, "PUT", "/api/v1/configs/vaulted",
		fmt.Sprintf(`{"password":%q,"accounts":{"one":{"name":"n","key":%q}}}`, m["configuration"], m["nested configuration"]), "")

	stream, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/stream/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header.Set("X-Auth-Token", admin)
	events, err := http.DefaultClient.Do(stream)
	if err != nil {
		t.Fatal(err)
	}
	var told lockedBuffer
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(&told, events.Body)
	}()

	parameters := fmt.Sprintf(`{"password":%q,"login":{"user":"u","key":%q}}`, m["parameter"], m["nested parameter"])
	var ids []string
	for _, name := range []string{"quick", "fails", "slow"} {
		ids = append(ids, p.must(admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.%s","parameters":%s}`, name, parameters), "id"))
	}
	flow := p.must(admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.flow","parameters":{"password":%q}}`, m["parameter"]), "id")
	p.call(admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.quick","parameters":{"password":[%q]}}`, m["parameter"])) // of a wrong type
	p.call(admin, "PUT", "/api/v1/configs/vaulted", fmt.Sprintf(`{"password":{"x":%q}}`, m["configuration"]))
	ids = append(ids, flow)
	for _, want := range []string{"succeeded", "failed", "running", "succeeded"} {
		id := ids[0]
		ids = append(ids[1:], id)
		for deadline := time.Now().Add(30 * time.Second); p.must(admin, "GET", "/api/v1/executions/"+id, "", "status") != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not %s: %s", id, want, p.must(admin, "GET", "/api/v1/executions/"+id, "", ""))
			}
		}
	}
	p.must(admin, "POST", "/api/v1/executions/"+ids[0]+"/re_run", fmt.Sprintf(`{"parameters":{"password":%q}}`, m["parameter"]), "")

	p.plantEvents(admin)
	carries, inquiry := p.plantFlows(admin)
	for _, path := range append(eventPaths,
		"/api/v1/executions?limit=-1", "/api/v1/executions/"+ids[0], "/api/v1/executions/"+ids[1], "/api/v1/executions/"+ids[2],
		"/api/v1/executions/"+flow, "/api/v1/executions/"+flow+"/children", "/api/v1/executions/"+ids[1]+"/output", "/api/v1/executions/"+ids[0]+"/attribute/result", "/api/v1/keys?scope=all&limit=-1",
		"/api/v1/keys/kept", "/api/v1/keys/own?scope=user", "/api/v1/configs", "/api/v1/configs/vaulted", "/api/v1/config_schemas/vaulted",
		"/api/v1/apikeys", "/api/v1/audit?limit=-1", "/api/v1/actions?limit=-1", "/api/v1/packs/vaulted", "/api/v1/user", "/metrics",
		"/api/v1/executions/"+carries, "/api/v1/executions/"+carries+"/children", "/api/v1/executions/"+carries+"/attribute/result", "/api/v1/executions/"+carries+"/result",
		"/api/v1/executions/"+carries+"/history", "/api/v1/executions/"+carries+"/context", "/api/v1/executions/"+inquiry,
		"/api/v1/fleet/rollouts",
	) {
		status, text := p.call(admin, "GET", path, "")
		if status != http.StatusOK {
			t.Errorf("GET %s = %d %s", path, status, text)
		}
		p.clean("GET "+path, text)
	}
	// What is to be found is found where it is allowed: the test would see it.
	if _, text := p.call(admin, "GET", "/api/v1/keys/kept?decrypt=true", ""); !strings.Contains(text, m["datastore"]) {
		t.Errorf("the secret is not there at all: %s", text)
	}
	for _, line := range []string{"execution list -n 50", "execution get " + ids[0], "execution get " + ids[0] + " -j", "execution get " + ids[1], "execution get " + flow, "execution get " + carries, "execution tree " + carries, "execution history " + carries,
		"execution context " + carries, "key list --scope all", "key get kept", "audit list -n 100", "pack list", "action get vaulted.quick",
		"trigger-instance list -n 50", "rule get vaulted.signed", "policy list", "sensor list", "inquiry list", "notification list"} {
		p.clean("squall "+line, p.command(admin, strings.Fields(line)...))
	}

	time.Sleep(300 * time.Millisecond) // what the log and the stream are behind
	_ = events.Body.Close()
	<-copied
	if !strings.Contains(told.String(), ids[0]) {
		t.Errorf("the stream tells of nothing: %s", told.String())
	}
	p.clean("the stream", told.String())
	stored := func(when string) {
		t.Helper()
		for path, text := range databaseFiles(t, data) {
			p.clean(strings.TrimPrefix(path, dir)+when, text)
		}
		if dsn != "" {
			for table, text := range databaseTables(t, dsn) {
				p.clean(table+when, text)
			}
		}
	}
	stored("")

	// A dump of all goroutines, while a run holds secrets.
	log := p.end(syscall.SIGQUIT)
	running = false
	if !strings.Contains(log, "goroutine ") || !strings.Contains(log, `"msg":"api request"`) {
		t.Errorf("the log holds no dump, or nothing else: %s", log)
	}
	p.clean("log and dump of a SIGQUIT", log)

	// And a panic that nobody catches, after a restart that finds the run.
	markers := p.markers
	p = startProcess(t, dir)
	p.markers, running = markers, true
	p.must(admin, "POST", "/api/v1/executions", `{"action":"vaulted.slow","parameters":`+parameters+`}`, "id")
	time.Sleep(300 * time.Millisecond)
	log = p.end(syscall.SIGUSR1)
	running = false
	if !strings.Contains(log, "panic: forced by the test") {
		t.Errorf("the process did not crash: %s", log)
	}
	p.clean("log and dump of a panic", log)
	stored(" after crashes")
}

// command runs the command line against the server.
func (p *process) command(token string, args ...string) string {
	p.t.Helper()
	var out bytes.Buffer
	env := map[string]string{"SQUALL_URL": p.url, "SQUALL_TOKEN": token}
	streams := &cli.IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Env: func(name string) string { return env[name] }}
	if code := cli.Main(p.t.Context(), cli.New(streams, "test"), streams, args); code != 0 && !strings.Contains(out.String(), "failed") {
		p.t.Errorf("squall %s = %d: %s", strings.Join(args, " "), code, out.String())
	}
	return out.String()
}

// lockedBuffer is a buffer that one goroutine writes to and another reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String is what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
