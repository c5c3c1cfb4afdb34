package app

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The unmodified Python client of StackStorm against a real server. It is not
// part of this repository:
//
//	SQUALL_ST2CLIENT_DIR     the directory st2client of StackStorm's repository
//	SQUALL_ST2CLIENT_PYTHON  a Python that has what st2client needs; default: python3
//
// The ports 9100 to 9102 must be free: st2client takes them for granted.
type st2client struct {
	python, dir string
	home        string
	env         []string
	password    string
}

func newSt2client(t *testing.T) *st2client {
	t.Helper()
	dir := os.Getenv("SQUALL_ST2CLIENT_DIR")
	if dir == "" {
		t.Skip("SQUALL_ST2CLIENT_DIR does not name the directory st2client of StackStorm's repository")
	}
	c := &st2client{python: os.Getenv("SQUALL_ST2CLIENT_PYTHON"), dir: dir, home: t.TempDir()}
	if c.python == "" {
		c.python = "python3"
	}
	packs := t.TempDir()
	writeFile(t, filepath.Join(packs, "clienttest/pack.yaml"), "name: clienttest\nversion: 1.0.0\nauthor: a\nemail: a@example.org\ndescription: d\n")
	writeFile(t, filepath.Join(packs, "clienttest/actions/lines.yaml"),
		"name: lines\nrunner_type: local-shell-cmd\nparameters:\n  cmd:\n    default: 'for i in 1 2 3; do echo line $i; sleep 0.3; done'\n    immutable: true\n")
	// What the actions of packs do: a Client of the server that runs them, with
	// the address and the token they find in their environment.
	script := fmt.Sprintf("PYTHONPATH=%s%s exec %s -c '%s'", dir, pathList(os.Getenv("PYTHONPATH")), c.python, packAction)
	writeFile(t, filepath.Join(packs, "clienttest/actions/client.yaml"),
		"name: client\nrunner_type: local-shell-cmd\nparameters:\n  cmd:\n    immutable: true\n    default: |\n      "+strings.ReplaceAll(script, "\n", "\n      ")+"\n")
	conf := DefaultConfig()
	conf.Server.Data = filepath.Join(t.TempDir(), "data")
	conf.Server.St2Ports = slices.Clone(st2Ports)
	conf.Packs.Dirs = []string{packs}
	serve(t, conf)
	password, err := os.ReadFile(filepath.Join(conf.Server.Data, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	c.password = string(password)
	c.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PYTHONPATH=" + dir + pathList(os.Getenv("PYTHONPATH")),
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "COLUMNS=200", "ST2_BASE_URL=http://127.0.0.1",
	}
	c.env = append(c.env, "ST2_AUTH_TOKEN="+strings.TrimSpace(c.st2(t, "auth", "admin", "-p", c.password, "-t")))
	return c
}

func pathList(more string) string {
	if more == "" {
		return ""
	}
	return string(os.PathListSeparator) + more
}

// run runs Python and returns what it prints.
func (c *st2client) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.python, args...)
	cmd.Env = c.env
	var out, errText bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errText
	err := cmd.Run()
	if strings.Contains(errText.String(), "ModuleNotFoundError") {
		t.Fatalf("the Python lacks what st2client needs: %s", errText.String())
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errText.String())
	}
	return out.String(), err
}

// st2 runs a command of StackStorm's command line, which must succeed.
func (c *st2client) st2(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.run(t, append([]string{"-m", "st2client.shell", "--skip-config"}, args...)...)
	if err != nil {
		t.Fatalf("st2 %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestSt2clientCommands(t *testing.T) {
	c := newSt2client(t)
	for _, tt := range []struct {
		args string
		want []string // in what is printed
	}{
		{"whoami", []string{`logged in as "admin"`, "authentication token"}},
		{"action list --pack=core", []string{"core.local", "core.noop"}},
		{"action get core.local", []string{"core.local", "local-shell-cmd"}},
		{"action get core.local -j", []string{`"ref": "core.local"`}},
		{"run core.noop", []string{"succeeded"}},
		{"run clienttest.lines", []string{"line 3", "succeeded", "return_code: 0"}},
		{"run --tail clienttest.lines", []string{"line 1", "line 2", "line 3"}},
		{"run core.local exit --help", []string{"Run a shell command on the server"}},
		{"execution list", []string{"clienttest.lines", "core.noop", "admin"}},
		{"execution list --action=core.noop -n 1 -a id status", []string{"succeeded"}},
		{"key set a b", []string{"st2kv.system"}},
		{"key set secret marker --encrypt", []string{"st2kv.system"}},
		{"key set secretary x", nil},
		{"key list", []string{"| a "}},
		{"key get a", []string{"| b "}},
		{"key get secret --decrypt", []string{"marker"}},
		{"key delete a", []string{"deleted"}},
		{"pack list", []string{"clienttest", "core"}},
		{"pack get clienttest", []string{"1.0.0"}},
		{"pack register --types=actions clienttest", []string{"actions"}},
		{"runner list", []string{"local-shell-cmd", "orquesta"}},
		{"rule list", nil},
		{"apikey create", []string{"key"}},
		{"apikey list", []string{"admin"}},
		{"role list", []string{"system_admin", "observer"}},
		{"role-assignment list", nil},
		{"service-registry group list", []string{"squall"}},
	} {
		out := c.st2(t, strings.Fields(tt.args)...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("st2 %s lacks %q:\n%s", tt.args, want, out)
			}
		}
	}
	if out, err := c.run(t, "-m", "st2client.shell", "--skip-config", "action", "get", "core.nosuch"); err == nil || !strings.Contains(out+err.Error(), "core.nosuch") {
		t.Errorf("an action that is not there: %s, %v", out, err)
	}

	// Asynchronous: requested, watched from outside, canceled, run again.
	background := func(args ...string) (id string) {
		out := c.st2(t, append([]string{"run", "-a"}, args...)...)
		_, rest, _ := strings.Cut(out, "st2 execution get ")
		if id, _, _ = strings.Cut(rest, "\n"); len(id) != 24 {
			t.Fatalf("run -a: %s", out)
		}
		return id
	}
	id := background("core.local", "cmd=echo begun; sleep 60")
	c.st2(t, "execution", "cancel", id)
	for deadline := time.Now().Add(time.Minute); ; {
		if out := c.st2(t, "execution", "get", id, "-j"); strings.Contains(out, `"canceled"`) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("not canceled: %s", out)
		}
	}
	if out := c.st2(t, "execution", "re-run", id, "cmd=echo again"); !strings.Contains(out, "again") {
		t.Errorf("re-run: %s", out)
	}
	id = background("clienttest.lines")
	if out := c.st2(t, "execution", "tail", id); !strings.Contains(out, "line 3") {
		t.Errorf("tail: %s", out)
	}
	// Logging in with the configuration file of a user.
	if err := os.MkdirAll(filepath.Join(c.home, ".st2"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := c.run(t, "-m", "st2client.shell", "login", "admin", "-p", c.password); err != nil || !strings.Contains(out, "Logged in as admin") {
		t.Errorf("login: %s, %v", out, err)
	}
}

// packAction is what actions of packs do with the client.
const packAction = `import os
from st2client.client import Client
from st2client.models.keyvalue import KeyValuePair
c = Client(base_url=None, api_url=os.environ["ST2_ACTION_API_URL"], token=os.environ["ST2_ACTION_AUTH_TOKEN"])
c.keys.update(KeyValuePair(name="from.action", value="kept"))
print(c.keys.get_by_name("from.action").value, len(c.actions.query(pack="core")) > 3)`

const library = `
import os, sys, threading, time
from st2client.client import Client
from st2client import models
from st2client.models.keyvalue import KeyValuePair

c = Client(base_url="http://127.0.0.1", token=os.environ["ST2_AUTH_TOKEN"])
assert "core.local" in [a.ref for a in c.actions.get_all(pack="core")]
assert c.actions.get_by_ref_or_id("core.local").name == "local"
assert c.actions.get_by_ref_or_id("core.nosuch") is None
ex = c.executions.create(models.LiveAction(action="core.local", parameters={"cmd": "echo from-client"}))
for _ in range(600):
    e = c.executions.get_by_id(ex.id)
    if e.status in ("succeeded", "failed"):
        break
    time.sleep(0.05)
assert e.status == "succeeded" and e.result["stdout"] == "from-client", e.result
assert c.executions.query(action="core.local", limit=1)[0].id == ex.id

c.keys.update(KeyValuePair(id="k1", name="k1", value="v1"))
c.keys.update(KeyValuePair(id="k11", name="k11", value="other"))
assert c.keys.get_by_name("k1").value == "v1"
assert [k.name for k in c.keys.get_all(prefix="k1")] == ["k1", "k11"]
pair = c.keys.get_by_id("k1")
pair.id = pair.name  # as the actions of the pack st2 do
c.keys.delete(pair)
assert not c.keys.get_by_name("k1")

got, ready = [], threading.Event()
def listen():
    for event in c.managers["Stream"].listen(["st2.execution__create", "st2.execution__update"]):
        got.append(event)
        if event["status"] == "succeeded":
            return
listener = threading.Thread(target=listen, daemon=True)
listener.start()
time.sleep(1)
c.executions.create(models.LiveAction(action="core.noop"))
listener.join(20)
assert not listener.is_alive() and got[-1]["action"]["ref"] == "core.noop", got

token = c.tokens.create(models.Token(ttl=60), auth=("admin", os.environ["ST2_PASSWORD"]))
assert token.user == "admin"
key = c.apikeys.create(models.ApiKey(user="robot", metadata={"used_by": "test"}))
robot = Client(base_url="http://127.0.0.1", api_key=key.key)
assert len(robot.actions.get_all()) > 5
for bad in (Client(base_url="http://127.0.0.1", token="bad"), Client(base_url="http://127.0.0.1", api_key="bad")):
    os.environ.pop("ST2_AUTH_TOKEN", None)
    try:
        bad.actions.get_all()
    except Exception as e:
        assert "401" in str(e) and "Unauthorized" in str(e), e
    else:
        raise AssertionError("let in")
print("all is well")
`

func TestSt2clientLibrary(t *testing.T) {
	c := newSt2client(t)
	c.env = append(c.env, "ST2_PASSWORD="+c.password)
	if out, err := c.run(t, "-c", library); err != nil || !strings.Contains(out, "all is well") {
		t.Errorf("%v\n%s", err, out)
	}
	// And from inside of an action, with what it finds in its environment.
	if out := c.st2(t, "run", "clienttest.client"); !strings.Contains(out, "kept True") {
		t.Errorf("an action that calls the server: %s", out)
	}
	http.DefaultClient.CloseIdleConnections()
}
