package app

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/packs"
)

// internalTriggers are the triggers of pack core that the server fires by itself,
// with the members that their schemas name.
func internalTriggers(t *testing.T) map[string][]string {
	t.Helper()
	files, err := fs.Glob(packs.Files, "core/triggers/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, file := range files {
		text, err := fs.ReadFile(packs.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := pyyaml.SafeLoad(nil, string(text))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := value.ToJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		var typ struct {
			Name       string
			Schema     struct{ Properties map[string]any } `json:"payload_schema"`
			Parameters any                                 `json:"parameters_schema"`
		}
		if err := json.Unmarshal(doc, &typ); err != nil {
			t.Fatal(err)
		}
		if typ.Parameters == nil { // timers and webhooks have some
			found["core."+typ.Name] = slices.Sorted(maps.Keys(typ.Schema.Properties))
		}
	}
	return found
}

// ruleOn is the name of the test's rule on a trigger.
func ruleOn(trigger string) string {
	return strings.ReplaceAll(strings.TrimPrefix(trigger, "core."), ".", "_")
}

// TestInternalTriggers: each trigger that StackStorm fires by itself is fired when
// its time has come, with what its schema promises, and a rule hears of it.
func TestInternalTriggers(t *testing.T) {
	triggers := internalTriggers(t)
	if len(triggers) != 10 {
		t.Fatalf("%d internal triggers: %v", len(triggers), triggers)
	}
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	dir := t.TempDir()
	files := map[string]string{
		"own/pack.yaml":           "name: own\nref: own\ndescription: x\nversion: 1.0.0\nauthor: nobody\nemail: nobody@example.com\n",
		"own/sensors/brief.yaml":  "name: brief\nrunner_type: program\nentry_point: brief.sh\ntrigger_types:\n  - name: nothing\n",
		"own/sensors/brief.sh":    "#!/bin/sh\nsleep 0.2\n",
		"own/actions/asking.yaml": "name: asking\nrunner_type: noop\nnotify:\n  on-complete:\n    message: done\n    routes: [ops]\n",
	}
	for name := range triggers {
		files["own/rules/"+ruleOn(name)+".yaml"] = fmt.Sprintf("name: %s\nenabled: true\ntrigger: {type: %s}\naction: {ref: core.noop}\n", ruleOn(name), name)
	}
	// A rule on the end of executions would hear of what it requests itself.
	files["own/rules/st2_generic_actiontrigger.yaml"] = "name: st2_generic_actiontrigger\nenabled: true\ntrigger: {type: core.st2.generic.actiontrigger}\ncriteria:\n  trigger.action_name: {type: eq, pattern: own.asking}\naction: {ref: core.noop}\n"
	writeFiles(t, dir, files)
	if err := os.Chmod(filepath.Join(dir, "own/sensors/brief.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Packs.Dirs = append(c.Packs.Dirs, dir)
	url, _ := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	a := newFlowClient(t, c, url)
	send := func(method, path, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", a.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, path, resp.Status)
		}
	}
	send("PUT", "/keys/site", `{"name":"site","value":"north"}`)
	send("PUT", "/keys/site", `{"name":"site","value":"south"}`)
	send("DELETE", "/keys/site", "")
	send("POST", "/actions", `{"name":"made","pack":"own","runner_type":"local-shell-script","entry_point":"made.sh","data_files":[{"file_path":"made.sh","content":"echo hi\n"}]}`)
	send("POST", "/executions", `{"action":"core.ask","parameters":{"route":"ops"}}`)
	send("POST", "/executions", `{"action":"own.asking"}`)

	for name, members := range triggers {
		var list []struct {
			ID      string
			Payload map[string]any
		}
		for deadline := time.Now().Add(time.Minute); len(list) == 0; time.Sleep(20 * time.Millisecond) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/triggerinstances?trigger_type="+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.do(t, req, &list)
			if time.Now().After(deadline) {
				t.Fatalf("%s was not fired", name)
			}
		}
		if got := slices.Sorted(maps.Keys(list[0].Payload)); !slices.Equal(got, members) {
			t.Errorf("%s has %v, its schema names %v", name, got, members)
		}
		var heard []struct{ ID string }
		for deadline := time.Now().Add(time.Minute); len(heard) == 0; time.Sleep(20 * time.Millisecond) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/ruleenforcements?rule_ref=own."+ruleOn(name), nil)
			if err != nil {
				t.Fatal(err)
			}
			a.do(t, req, &heard)
			if time.Now().After(deadline) {
				t.Fatalf("no rule heard of %s", name)
			}
		}
	}
}
