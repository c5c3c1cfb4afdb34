package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// publicRun is one action of a public pack and what it gave in StackStorm.
type publicRun struct {
	action string
	params string // a JSON object
	status string // "" : succeeded
	result string // JSON; "~..." matches the result's text; "" : any
	stdout string
	stderr string // the stderr ends with it; "~..." matches
}

// publicPacks are the packs whose actions need nothing but Debian packages, in
// the order of what they build on one another. NAMES in capitals are filled in.
var publicPacks = []struct {
	pack   string
	python []string // modules that must be there
	config string   // "" : none
	runs   []publicRun
}{
	{"csv", []string{"six"}, "", []publicRun{
		{action: "csv.parse", params: `{"data":"a,b\n1,\"x, y\"\n"}`, result: `[["a","b"],["1","x, y"]]`},
		{action: "csv.format", params: `{"data":[{"host":"a","up":1},{"host":"b","up":0}]}`, result: `"host,up\r\na,1\r\nb,0\r\n"`},
		{action: "csv.format", params: `{"data":[]}`, status: "failed", stderr: "InvalidActionParameterException: data has no rows\n"},
	}},
	{"xml", []string{"xmltodict"}, "", []publicRun{
		{action: "xml.parse", params: `{"data":"<r id=\"7\"><h>a</h><h>b</h><n/></r>"}`, result: `{"r":{"@id":"7","h":["a","b"],"n":null}}`},
		{action: "xml.parse", params: `{"data":"<r>"}`, status: "failed", stderr: "ExpatError: no element found: line 1, column 3\n"},
	}},
	{"sql", []string{"sqlalchemy"}, `{"connections":{"lite":{"drivername":"sqlite","database":"SQLITE"}}}`, []publicRun{
		{action: "sql.insert", params: `{"connection":"lite","table":"hosts","data":{"id":1,"name":"web"}}`, result: `true`},
		{action: "sql.query", params: `{"connection":"lite","query":"select id, name from hosts"}`, result: `[{"id":1,"name":"web"}]`},
		{action: "sql.update", params: `{"connection":"lite","table":"hosts","where":{"id":1},"update":{"name":"db"}}`, result: `{"affected_rows":1}`},
		{action: "sql.query", params: `{"connection":"nope","query":"select 1"}`, status: "failed", stderr: "KeyError: 'config.yaml missing connection: sql:nope'\n"},
	}},
	{"hubot", []string{"requests", "six"}, `{"endpoint":"STUB"}`, []publicRun{
		{action: "hubot.post_message", params: `{"message":"hi","channel":"ops","whisper":true}`, result: `true`},
	}},
	{"netbox", []string{"requests"}, `{"hostname":"STUBHOST","use_https":false,"api_token":"TOK","ssl_verify":false}`, []publicRun{
		{
			action: "netbox.get.dcim.devices", params: `{"name":["sw1"],"tag":["a","b"]}`,
			result: `{"raw":{"echo":"/api/dcim/devices/?name=sw1&tag=a&tag=b&save_in_key_store=False&save_in_key_store_ttl=60","ok":true},"status":200}`,
		},
	}},
	{"examples", []string{"yaml", "bs4"}, "", []publicRun{
		{action: "examples.object_return", params: `{}`, result: `{"a":"b","c":{"d":"e","f":1,"g":true}}`},
		{action: "examples.yaml_string_to_object", params: `{"yaml_str":"a: [1, yes]\nb: 012"}`, result: `{"a":[1,true],"b":10}`},
		{action: "examples.forloop_increase_index_and_check_condition", params: `{"index":"3","pagesize":"2","input":{"a":1}}`, status: "failed", result: `"Breaking out of the loop"`},
		{action: "examples.forloop_increase_index_and_check_condition", params: `{"index":"3","pagesize":"1","input":{"a":1}}`, result: `4`},
		{action: "examples.forloop_push_github_repos", params: `{"data_to_push":{"p":1,"q":2}}`, result: `"Data pushed successfully"`, stdout: "p\nq\n"},
		{action: "examples.isprime", params: `{"value":97}`, result: `true`},
		{action: "examples.isprime", params: `{"value":91}`, result: `false`},
	}},
	{"core", nil, "", []publicRun{
		{action: "core.uuid", params: `{"uuid_type":"uuid4"}`, result: `~^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}"$`},
		{action: "core.pause", params: `{"max_pause":0}`, result: `"waited for 0.000 seconds"`},
		{action: "core.inject_trigger", params: `{"trigger_name":"core.st2.generic.notifytrigger","payload":{"channel":"x"},"trace_tag":"t"}`},
		{action: "core.inject_trigger", params: `{}`, status: "failed"},
		{action: "core.local", params: `{"cmd":"echo hi; exit 3"}`, status: "failed", stdout: "hi"},
	}},
	{"test", []string{"xmltodict"}, "", []publicRun{
		{action: "test.parse", params: `{"data":"<a>1</a>"}`, result: `{"a":"1"}`},
		{action: "test.list_vms", params: `{"credentials":"x"}`, status: "failed", stderr: `~Found no classes in plugin file`},
	}},
	{"syslog_client", []string{"six"}, `{"server":"127.0.0.1","port":UDPPORT,"protocol":"UDP"}`, []publicRun{
		{action: "syslog_client.write_syslog", params: `{"message":"m","facility":"local0","priority":"info"}`, result: `null`},
	}},
	{"config_demo", nil, "", []publicRun{
		{action: "config_demo.print_config", params: `{}`, result: `null`},
	}},
	{"st2", []string{"requests"}, "", []publicRun{
		{action: "st2.kv.set", params: `{"key":"a","value":"b"}`, result: `~"key": ?"a","value": ?"b"|"value": ?"b"`},
		{action: "st2.kv.get", params: `{"key":"a"}`, result: `"b"`},
		{action: "st2.kv.get", params: `{"key":"zz"}`, status: "failed", stderr: "Exception: Key does not exist\n"},
		{action: "st2.kv.grep", params: `{"query":"a"}`, result: `~"a"`},
		{action: "st2.kv.set_object", params: `{"key":"o","value":{"x":[1]}}`},
		{action: "st2.kv.get_object", params: `{"key":"o"}`, result: `{"x":[1]}`},
		{action: "st2.kv.delete", params: `{"key":"a"}`},
		{action: "st2.actions.list", params: `{"pack":"csv"}`, result: `~csv\.parse`},
		{action: "st2.executions.list", params: `{"action":"csv.parse"}`, result: `~csv\.parse`},
	}},
	{"redis", []string{"redis"}, `{"host":"127.0.0.1","port":REDISPORT}`, []publicRun{
		{action: "redis.set", params: `{"key":"k","value":"v"}`},
		{action: "redis.get", params: `{"key":"k"}`, result: `"b'v'"`},
	}},
	{"jinja", []string{"six", "jinja2"}, "", []publicRun{
		{action: "jinja.render_file", params: `{"template_pack":"tpl","template_path":"t.j2","context":{"x":1}}`, result: `"1"`},
		{
			action: "jinja.render_file", params: `{"template_pack":"tpl","template_path":"../../x"}`, status: "failed",
			stderr: "ValueError: Template_path points to a file outside pack directory.\n",
		},
	}},
}

// chatRuns speak of a chat command: of StackStorm's pack chatops, or of ours.
var chatRuns = []publicRun{
	{action: "chatops.match", params: `{"text":"squallsay hello to everybody"}`, result: `{"alias":{"name":"say","pack":"tpl","action_ref":"core.echo"},"representation":"squallsay {{message}}"}`},
	{action: "chatops.match_and_execute", params: `{"text":"squallsay hello","source_channel":"ops","user":"u"}`, result: `~^"[0-9a-f]{24}"$`},
	{action: "chatops.format_execution_result", params: `{"execution_id":"LAST"}`, result: `~"enabled": ?true.*hello`},
}

// TestPublicPacksRunUnmodified runs actions of public packs as they were
// published, wherever they lie: SQUALL_PACKS_DIR=DIR, a directory per pack.
func TestPublicPacksRunUnmodified(t *testing.T) {
	dir := os.Getenv("SQUALL_PACKS_DIR")
	if dir == "" {
		t.Skip("SKIPPED: set SQUALL_PACKS_DIR to a directory of public packs (csv, xml, sql, hubot, netbox, examples, st2, ...)")
	}
	python := realPython(t)
	places := publicPlaces(t)
	c := DefaultConfig()
	c.Server.Data = t.TempDir()
	own := t.TempDir()
	writeFiles(t, filepath.Join(own, "tpl"), map[string]string{"pack.yaml": "name: tpl\nversion: 1.0.0\n", "t.j2": "{{ x }}", "aliases/say.yaml": "name: say\naction_ref: core.echo\nformats: [\"squallsay {{message}}\"]\n"})
	c.Packs.Dirs = []string{dir, own}
	c.Python.Path, c.Python.PackLib = python, true
	url, _ := serve(t, c)
	client := newFlowClient(t, c, url)

	ran := 0
	for _, p := range publicPacks {
		t.Run(p.pack, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, p.pack)); err != nil && p.pack != "core" {
				t.Skipf("SKIPPED: there is no pack %s in %s", p.pack, dir)
			}
			for _, module := range p.python {
				if exec.CommandContext(t.Context(), python, "-c", "import "+module).Run() != nil {
					t.Skipf("SKIPPED: %s has no module %s (Debian: python3-%s)", python, module, module)
				}
			}
			if strings.Contains(p.config, "REDISPORT") && places["REDISPORT"] == "" {
				t.Skip("SKIPPED: redis-server is not installed")
			}
			if p.config != "" {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/api/v1/configs/"+p.pack, strings.NewReader(fill(p.config, places)))
				if err != nil {
					t.Fatal(err)
				}
				var got map[string]any
				client.do(t, req, &got)
			}
			for _, run := range p.runs {
				checkPublicRun(t, client, run)
				ran++
			}
		})
	}
	t.Run("chatops", func(t *testing.T) {
		var last string
		for _, run := range chatRuns {
			run.params = strings.ReplaceAll(run.params, "LAST", last)
			last = strings.Trim(checkPublicRun(t, client, run), `"`)
			ran++
		}
	})
	for _, p := range []string{"csv", "xml", "sql", "st2", "test"} {
		t.Run("unit tests of "+p, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, p, "tests")); err != nil {
				t.Skipf("SKIPPED: there is no pack %s in %s", p, dir)
			}
			var out bytes.Buffer
			if err := (&packTest{config: c, dir: filepath.Join(dir, p), stdout: &out, stderr: &out}).run(t.Context(), false); err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
	t.Logf("%d actions ran", ran)
}

// checkPublicRun runs an action and returns its result.
func checkPublicRun(t *testing.T, client *flowClient, run publicRun) string {
	t.Helper()
	t.Logf("%s %s", run.action, run.params)
	ex := client.call(t, http.MethodPost, "", fmt.Sprintf(`{"action":%q,"parameters":%s}`, run.action, run.params))
	want := run.status
	if want == "" {
		want = "succeeded"
	}
	for until := time.Now().Add(60 * time.Second); ex.Status != "succeeded" && ex.Status != "failed" && ex.Status != "timeout"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s does not end", run.action)
		}
		ex = client.call(t, http.MethodGet, "/"+ex.ID, "")
	}
	var got struct {
		Result         json.RawMessage
		Stdout, Stderr string
	}
	if err := json.Unmarshal(ex.Result, &got); err != nil {
		t.Fatal(err)
	}
	ok := ex.Status == want && matches(run.result, string(got.Result), true) &&
		(run.stdout == "" || got.Stdout == run.stdout) && matches(run.stderr, got.Stderr, false)
	if !ok {
		t.Errorf("%s %s: %s %s, want %+v", run.action, run.params, ex.Status, ex.Result, run)
	}
	return string(got.Result)
}

// matches compares a value with what is expected of it.
func matches(want, got string, isJSON bool) bool {
	if pattern, ok := strings.CutPrefix(want, "~"); ok {
		return regexp.MustCompile(pattern).MatchString(got)
	}
	if want == "" {
		return true
	}
	if !isJSON {
		return strings.HasSuffix(got, want)
	}
	var a, b any
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		return false
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// publicPlaces starts what the packs talk to and returns where it is.
func publicPlaces(t *testing.T) map[string]string {
	t.Helper()
	places := map[string]string{}
	var mu sync.Mutex
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		doc, _ := json.Marshal(map[string]any{"echo": r.URL.RequestURI(), "ok": true})
		_, _ = w.Write(doc)
	}))
	t.Cleanup(stub.Close)
	places["STUBHOST"] = strings.TrimPrefix(stub.URL, "http://")
	places["STUB"] = stub.URL

	places["SQLITE"] = filepath.Join(t.TempDir(), "hosts.db")
	if out, err := exec.CommandContext(t.Context(), realPython(t), "-c",
		"import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('create table hosts(id integer, name text)'); c.commit()", places["SQLITE"]).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	places["UDPPORT"] = fmt.Sprint(udp.LocalAddr().(*net.UDPAddr).Port)

	if path, err := exec.LookPath("redis-server"); err == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
		l.Close()
		cmd := exec.CommandContext(t.Context(), path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		for range 100 {
			if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
				c.Close()
				places["REDISPORT"] = port
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return places
}

func fill(text string, places map[string]string) string {
	for _, name := range []string{"STUBHOST", "STUB", "SQLITE", "UDPPORT", "REDISPORT"} {
		text = strings.ReplaceAll(text, name, places[name])
	}
	return text
}

// realPython returns an interpreter that is no script of a version manager.
func realPython(t *testing.T) string {
	t.Helper()
	for _, path := range []string{os.Getenv("SQUALL_TEST_PYTHON"), "/usr/bin/python3"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: python3 is not installed")
	}
	return path
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
