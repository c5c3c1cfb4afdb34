package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// furnish brings to the server the packs that the recorded one had and that are
// not built in: from the files in recorded answers and, where there are none,
// from the documents of what they hold.
func (r *replay) furnish(ctx context.Context) error {
	packs := map[string]map[string][]byte{} // pack -> file -> text
	add := func(pack, file string, text []byte) {
		if packs[pack] == nil {
			packs[pack] = map[string][]byte{}
		}
		if packs[pack][file] == nil {
			packs[pack][file] = text
		}
	}
	created := map[string]bool{} // by requests of the recording
	for _, p := range r.all {
		if doc, ok := p.Response.Body.(map[string]any); ok && p.Request.Method == "POST" && p.Response.Status == 201 && doc["uid"] != nil {
			created[fmt.Sprint(doc["uid"])] = true
		}
		if strings.Contains(p.Request.Path, "/packs/views/files/") {
			pack := filepath.Base(p.Request.Path)
			for _, f := range objects(p.Response.Body) {
				add(pack, fmt.Sprint(f["file_path"]), []byte(fmt.Sprint(f["content"])))
			}
		}
		if pack, file, ok := strings.Cut(strings.TrimPrefix(p.Request.Path, "/v1/packs/views/file/"), "/"); ok && strings.HasSuffix(file, ".png") {
			add(pack, file, []byte("\x89PNG\r\n\x1a\n"))
		}
	}
	for _, p := range r.all {
		for _, doc := range objects(p.Response.Body) {
			uid, _ := doc["uid"].(string)
			kind, ref, _ := strings.Cut(uid, ":")
			if text := manifest(kind, doc); text != nil && builtinPacks[ref] {
				add(ref, "pack.yaml", text)
			}
			pack, _, _ := strings.Cut(ref, ":")
			if attributes, ok := doc["attributes"].(map[string]any); ok && doc["pack"] != nil {
				if text, err := json.Marshal(attributes); err == nil {
					add(fmt.Sprint(doc["pack"]), "config.schema.yaml", text)
				}
			}
			if name, _, _ := strings.Cut(strings.TrimPrefix(ref, pack+":"), ":"); kind == "trigger" && pack == "examples" && !triggerName.MatchString(name) {
				add(pack, "triggers/"+name+".yaml", fmt.Appendf(nil, "name: %s\n", name))
			}
			file := fmt.Sprint(doc["metadata_file"])
			if created[uid] || builtinPacks[pack] && pack != "examples" || packs["hello_st2"] != nil && pack == "hello_st2" || doc["metadata_file"] == nil || file == "" {
				continue
			}
			if text := metadata(kind, doc); text != nil {
				add(pack, file, text)
			}
			if name := fmt.Sprint(doc["entry_point"]); kind == "action" && doc["entry_point"] != nil && name != "" {
				if text := r.entryPoint(fmt.Sprint(doc["ref"])); text != "" {
					add(pack, "actions/"+name, []byte(text))
				}
			}
		}
	}
	for _, pack := range slices.Sorted(maps.Keys(packs)) {
		dir := filepath.Join(r.data, "packs", pack)
		if builtinPacks[pack] {
			dir = filepath.Join(r.data, "builtin", pack)
		} else if packs[pack]["pack.yaml"] == nil {
			packs[pack]["pack.yaml"] = fmt.Appendf(nil, "name: %s\ndescription: %s pack\nversion: 1.0.0\nauthor: x\nemail: info@example.com\n", pack, pack)
		}
		for name, text := range packs[pack] {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
		}
	}
	if err := r.register(ctx, slices.Sorted(maps.Keys(packs))); err != nil {
		return err
	}
	if err := r.strip(ctx); err != nil {
		return err
	}
	if err := r.listen(ctx); err != nil {
		return err
	}
	return r.switchOff(ctx)
}

// manifest is the pack.yaml of a recorded pack.
func manifest(kind string, doc map[string]any) []byte {
	if kind != "pack" || doc["author"] == nil {
		return nil
	}
	out := map[string]any{}
	for _, k := range []string{"ref", "name", "description", "keywords", "version", "python_versions", "author", "email", "contributors", "dependencies"} {
		if list, ok := doc[k].([]any); !ok || len(list) > 0 {
			out[k] = doc[k]
		}
	}
	text, err := json.Marshal(out) // which is YAML
	if err != nil {
		return nil
	}
	return text
}

// strip removes from the built-in packs what the recorded server had not: the
// packs that it did not have at all, and rules and aliases of its own examples.
func (r *replay) strip(ctx context.Context) error {
	recorded := map[string]bool{}
	for _, p := range r.all {
		for _, doc := range objects(p.Response.Body) {
			uid, _ := doc["uid"].(string)
			recorded[uid] = true
		}
	}
	for _, resource := range []string{"rules", "actionalias", "actions"} {
		a, err := r.request(ctx, "GET", "/v1/"+resource+"?limit=-1", "", nil)
		if err != nil {
			return err
		}
		var docs []struct{ UID, Ref, Pack string }
		if err := json.Unmarshal([]byte(a.text), &docs); err != nil {
			return fmt.Errorf("list %s: %s", resource, a.text)
		}
		for _, doc := range docs {
			foreign := !builtinPacks[doc.Pack] && strings.HasPrefix(r.packDir(doc.Pack), filepath.Join(r.data, "builtin"))
			if !foreign && (resource == "actions" || doc.Pack != "examples" || recorded[doc.UID]) {
				continue
			}
			if a, err := r.request(ctx, "DELETE", "/v1/"+resource+"/"+doc.Ref, "", nil); err != nil || a.status != 204 {
				return errors.Join(fmt.Errorf("remove %s: %v", doc.Ref, a), err)
			}
		}
	}
	return nil
}

// packDir is where a pack lies: those of the recording may have the names of ours.
func (r *replay) packDir(pack string) string {
	for _, dir := range []string{"packs", "builtin"} {
		path := filepath.Join(r.data, dir, pack)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// listen makes a rule that waits for ends of actions and never matches: the
// recorded server kept these events whether a rule waited for them or not.
func (r *replay) listen(ctx context.Context) error {
	return r.makeRule(ctx, `{"name": "listener", "pack": "default", "enabled": true, "trigger": {"type": "core.st2.generic.actiontrigger"},
		"criteria": {"trigger.status": {"type": "equals", "pattern": "never"}}, "action": {"ref": "core.noop"}}`)
}

func (r *replay) makeRule(ctx context.Context, body string) error {
	a, err := r.request(ctx, "POST", "/v1/rules", body, nil)
	if err != nil || a.status != 201 {
		return errors.Join(fmt.Errorf("make a rule: %v", a), err)
	}
	return nil
}

// switchOff switches off the sensors that were off when they were recorded.
func (r *replay) switchOff(ctx context.Context) error {
	for _, p := range r.all {
		for _, doc := range objects(p.Response.Body) {
			if uid, _ := doc["uid"].(string); strings.HasPrefix(uid, "sensor_type:hello_st2:") && doc["enabled"] == false {
				a, err := r.request(ctx, "PUT", "/v1/sensortypes/"+fmt.Sprint(doc["ref"]), `{"enabled":false}`, nil)
				if err != nil || a.status == 200 {
					return err
				}
				return fmt.Errorf("switch off a sensor: %d %s", a.status, a.text)
			}
		}
	}
	return nil
}

// builtinPacks are there anyway; those of the recording are StackStorm's own.
var builtinPacks = map[string]bool{"chatops": true, "core": true, "default": true, "examples": true, "linux": true, "packs": true}

// metadataKeys are what a file of metadata holds of a document.
var metadataKeys = map[string][]string{
	"action":       {"name", "runner_type", "description", "enabled", "entry_point", "parameters", "tags", "notify", "output_schema"},
	"rule":         {"name", "description", "enabled", "type", "trigger", "criteria", "action", "tags"},
	"action_alias": {"name", "description", "enabled", "action_ref", "formats", "ack", "result", "extra", "immutable_parameters"},
	"policy":       {"name", "description", "enabled", "resource_ref", "policy_type", "parameters"},
}

// metadata makes a file out of a document, nil when it cannot be one.
func metadata(kind string, doc map[string]any) []byte {
	keys := metadataKeys[kind]
	if keys == nil || doc["name"] == nil || kind == "action" && (doc["parameters"] == nil || doc["runner_type"] == nil) || kind == "rule" && doc["criteria"] == nil {
		return nil
	}
	out := map[string]any{}
	for _, k := range keys {
		if v, ok := doc[k]; ok {
			out[k] = v
		}
	}
	if action, ok := out["action"].(map[string]any); ok { // views describe it
		out["action"] = map[string]any{"ref": action["ref"], "parameters": action["parameters"]}
	}
	text, err := json.Marshal(out) // which is YAML
	if err != nil {
		return nil
	}
	return text
}

// register makes the server read the packs.
func (r *replay) register(ctx context.Context, packs []string) error {
	body, err := json.Marshal(map[string]any{"packs": packs, "fail_on_failure": false})
	if err != nil {
		return err
	}
	a, err := r.request(ctx, "POST", "/v1/packs/register", string(body), nil)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("register packs: %d %s", a.status, a.text)
	}
	return err
}

// entryPoint is the text of an action's entry point: recorded or, for those
// whose runs were recorded, one that does what they did.
func (r *replay) entryPoint(ref string) string {
	for _, p := range r.all {
		if text, ok := p.Response.Body.(string); ok && p.Request.Path == "/v1/actions/views/entry_point/"+ref && p.Response.Status == 200 {
			return text
		}
	}
	if text, ok := entryPoints[ref]; ok {
		return text
	}
	// The engine of workflows was recorded with the same ones.
	_, name, _ := strings.Cut(ref, ".")
	data, err := os.ReadFile(filepath.Join(r.root, "orquesta", "runs", "st2", "st2-examples-"+name+".json"))
	if err != nil {
		return ""
	}
	var recorded struct{ Workflow string }
	if json.Unmarshal(data, &recorded) != nil {
		return ""
	}
	return recorded.Workflow
}

// entryPoints stand for files that were not recorded: they do what the recorded
// executions show that those did.
var entryPoints = map[string]string{
	"examples.orquesta-sequential": `version: 1.0
input: [name]
vars: [greeting: null]
tasks:
  task1:
    action: core.echo message=<% ctx(name) %>
    next:
      - publish: greeting=<% result().stdout %>
        do: task2
  task2:
    action: core.echo
    input:
      message: "All your base are belong to us!"
    next:
      - publish:
          - greeting: <% ctx(greeting) %>, <% result().stdout %>
        do: task3
  task3:
    action: core.echo message=<% ctx(greeting) %>
output:
  - greeting: <% ctx(greeting) %>
`,
	"examples.orquesta-ask-basic": `version: 1.0
tasks:
  start:
    action: core.echo message="asking"
    next:
      - do: ask
  ask:
    action: core.ask
    input:
      schema: {type: object, properties: {approved: {type: boolean, description: "Continue?", required: true}}}
    next:
      - do: end
  end:
    action: core.echo message="answered"
`,
	"examples.chain-sequential": `chain:
  - name: task1
    ref: core.echo
    parameters: {message: "{{ name }}"}
    publish: {greeting: "{{ task1.stdout }}"}
    on-success: task2
  - name: task2
    ref: core.echo
    parameters: {message: All your base are belong to us!}
    publish: {greeting: "{{ greeting }}, {{ task2.stdout }}"}
    on-success: task3
  - name: task3
    ref: core.echo
    parameters: {message: "{{ greeting }}"}
default: task1
`,
	"bench.items": `version: 1.0
input: [n]
tasks:
  t1:
    with: i in <% range(ctx(n)).toList() %>
    action: core.noop
`,
	"examples.isprime": `from st2common.runners.base_action import Action


class IsPrime(Action):
    def run(self, value=0):
        return value > 1 and all(value % n for n in range(2, value))
`,
	"bench.py": `from st2common.runners.base_action import Action


class Py(Action):
    def run(self, size=0):
        return "ok"
`,
}
