package pack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"squall/internal/pack"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/packs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mapFS makes a file system of an archive's files.
func mapFS(a *txtar.Archive) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range a.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

// Every archive in testdata is a malformed pack; its last file, "problems",
// is what Read says to it, line by line.
func TestMalformedPacks(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".txtar")
		t.Run(name, func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			last := &a.Files[len(a.Files)-1]
			if last.Name != "problems" {
				t.Fatalf("the last file is %s, want problems", last.Name)
			}
			reader := pack.Reader{Runners: types.Builtin().RunnerType, Triggers: builtinTriggers(t)}
			_, problems := reader.Read(mapFS(&txtar.Archive{Files: a.Files[:len(a.Files)-1]}), name)
			var b strings.Builder
			for _, p := range problems {
				b.WriteString(p.String() + "\n")
				if !p.Warning && p.Do == "" {
					t.Errorf("%s: says nothing about what to do", p)
				}
			}
			if *update {
				last.Data = []byte(b.String())
				if err := os.WriteFile(archive, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(last.Data), b.String()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if len(problems) == 0 {
				t.Error("nothing is wrong with it")
			}
		})
	}
}

func TestReadKeepsWhatTheFileSays(t *testing.T) {
	at := func(i int) *int { return &i }
	fsys := fstest.MapFS{
		"pack.yaml": {Data: []byte("name: Good Pack\nversion: 1.2.3\nauthor: me\ndescription: d\nunknown_key: fine\n")},
		"actions/a.yaml": {Data: []byte(`
name: with.dots
runner_type: run-local-script
entry_point: scripts/a.sh
repeatable: true
labels: {zone: dmz}
tags: [{name: a, value: b}]
notify:
  on-complete: {message: m, routes: [r]}
base: &base
  type: string
  secret: yes
parameters:
  zeta: {type: integer, default: 010, position: 1}
  alpha: {<<: *base, description: first, position: 0, enum: [b, a]}
  timeout: {default: 5}
  none: {default: null}
  order: {default: {z: 1, a: {y: [true, "é"], b: 1.5}}}
`)},
		"actions/config.yaml":   {Data: []byte("not: an action\n")},
		"actions/lib/deep.yaml": {Data: []byte("not: an action\n")},
		"actions/b.json":        {Data: []byte(`{"name": "b", "runner_type": "noop", "enabled": false, "entry_point": null, "parameters": null}`)},
	}
	// The key base is not allowed in an action; anchors must sit somewhere that is.
	fsys["actions/a.yaml"].Data = []byte(strings.Replace(string(fsys["actions/a.yaml"].Data),
		"base: &base\n  type: string\n  secret: yes\n", "", 1))
	fsys["actions/a.yaml"].Data = []byte(strings.Replace(string(fsys["actions/a.yaml"].Data),
		"  zeta:", "  origin: &base {type: string, secret: yes}\n  zeta:", 1))

	content, problems := pack.Reader{Runners: types.Builtin().RunnerType}.Read(fsys, "good")
	for _, p := range problems {
		t.Errorf("unexpected: %s", p)
	}
	want := &pack.Content{
		Pack: &squall.Pack{Ref: "good", Name: "Good Pack", Version: "1.2.3", Author: "me", Description: "d"},
		Actions: []*squall.Action{
			{
				Ref: squall.Ref{Pack: "good", Name: "with.dots"}, Runner: "local-shell-script", Enabled: true,
				EntryPoint: "scripts/a.sh", Repeatable: true, Labels: map[string]string{"zone": "dmz"},
				Tags: []squall.Tag{{Name: "a", Value: "b"}}, Notify: json.RawMessage(`{"on-complete":{"message":"m","routes":["r"]}}`),
				MetadataFile: "actions/a.yaml",
				Parameters: squall.Schema{
					{Name: "origin", Type: json.RawMessage(`"string"`), Secret: true},
					{Name: "zeta", Type: json.RawMessage(`"integer"`), Default: json.RawMessage(`8`), Position: at(1)},
					{Name: "alpha", Type: json.RawMessage(`"string"`), Secret: true, Description: "first", Position: at(0), Rest: json.RawMessage(`{"enum":["b","a"]}`)},
					{Name: "timeout", Default: json.RawMessage(`5`)},
					{Name: "none", Default: json.RawMessage(`null`)},
					{Name: "order", Default: json.RawMessage(`{"z":1,"a":{"y":[true,"é"],"b":1.5}}`)},
				},
			},
			{Ref: squall.Ref{Pack: "good", Name: "b"}, Runner: "noop", MetadataFile: "actions/b.json"},
		},
		Files: map[string]pack.Files{"actions": {Seen: 2, Right: 2}},
	}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestLabelsOfAPackAreForItsActions(t *testing.T) {
	read := func(labels string) (*pack.Content, []pack.Problem) {
		return pack.Reader{Runners: types.Builtin().RunnerType}.Read(fstest.MapFS{
			"pack.yaml":      {Data: []byte("name: p\nversion: 1.0.0\nlabels: " + labels + "\n")},
			"actions/a.yaml": {Data: []byte("name: a\nrunner_type: noop\n")},
			"actions/b.yaml": {Data: []byte("name: b\nrunner_type: noop\nlabels: {zone: core, gpu: yes-please}\n")},
		}, "p")
	}
	content, problems := read("{zone: dmz}")
	if len(problems) > 0 {
		t.Error(problems)
	}
	want := map[string]map[string]string{"a": {"zone": "dmz"}, "b": {"zone": "core", "gpu": "yes-please"}}
	for _, a := range content.Actions {
		if diff := cmp.Diff(want[a.Ref.Name], a.Labels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a.Ref, diff)
		}
	}
	if content.Actions[0].Labels["zone"] = "x"; content.Pack.Labels["zone"] != "dmz" {
		t.Error("pack and action share their labels")
	}
	if content, problems = read("[stable, beta]"); len(problems) > 0 || content.Pack.Labels != nil {
		t.Errorf("what is a key of somebody else's tools: %v", problems)
	}
	if _, problems = read(`{zone: "a,b"}`); len(problems) != 1 {
		t.Errorf("a comma: %v", problems)
	}
}

func TestBuiltInPacksAreRight(t *testing.T) {
	reader := pack.Reader{Runners: types.Builtin().RunnerType, Triggers: builtinTriggers(t)}
	read := func(fsys fs.FS, name string, want ...string) {
		t.Helper()
		content, problems := reader.Read(fsys, name)
		for _, p := range problems {
			t.Errorf("%s: %s", name, p)
		}
		var got []string
		for _, a := range content.Actions {
			got = append(got, a.Ref.Name)
			if a.Description == "" {
				t.Errorf("%s has no description", a.Ref)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", name, diff)
		}
	}
	actions := map[string][]string{
		"core": {"announcement", "ask", "echo", "error", "http", "inject_trigger", "local", "local_sudo", "noop", "pause", "remote", "remote_sudo", "uuid", "winrm_cmd", "winrm_ps_cmd"},
		"linux": {
			"check_loadavg", "check_processes", "cp", "diag_loadavg", "dig", "file_touch", "lsof", "lsof_pids", "mv", "netstat",
			"netstat_grep", "pkill", "rm", "rsync", "scp", "service", "traceroute", "vmstat", "wait_for_ssh",
		},
		"default": nil,
		"std":     {"echo", "fail", "node_run", "noop", "test_dict"},
		"chatops": {"format_execution_result", "match", "match_and_execute", "post_message"},
		"packs":   {"get", "install", "load", "search", "setup_virtualenv", "show", "uninstall"},
		"backup": {
			"agent_commit", "agent_compress", "agent_dump", "agent_files", "agent_hold", "agent_list", "agent_mount", "agent_prepare",
			"agent_quarantine", "agent_reap", "agent_remove", "agent_restic", "agent_restore", "agent_scan", "agent_unmount",
			"agent_verify", "agent_verify_keys", "alarm", "catalog_rebuild", "check", "cleanup", "cleanup_end", "cleanup_host",
			"cleanup_plan", "directory", "drill", "drill_one", "drill_plan", "drill_record", "drill_summary", "forget", "hold",
			"hold_plan", "hold_record", "host", "host_command", "judge", "plan", "prune", "prune_plan", "rebuild", "rebuild_plan",
			"record", "record_directory", "report", "restore", "restore_plan", "restore_summary", "run", "select_hosts", "standing",
			"summary", "verify", "verify_plan", "verify_record", "verify_summary", "vm",
		},
		"examples": {"chain", "count", "disk_usage", "fail", "greet", "sleep", "workflow_items", "workflow_parallel", "workflow_sequence"},
	}
	if len(packs.Names()) != len(actions) {
		t.Errorf("packs %v", packs.Names())
	}
	for _, name := range packs.Names() {
		sub, err := fs.Sub(packs.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		read(sub, name, actions[name]...)
	}
}

// The archive in testdata/good holds one right pack with every kind; its last
// file is what is read from it.
func TestReadEveryKind(t *testing.T) {
	const archive = "testdata/good/kinds.txtar"
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	last := &a.Files[len(a.Files)-1]
	reader := pack.Reader{Runners: types.Builtin().RunnerType, Triggers: builtinTriggers(t)}
	content, problems := reader.Read(mapFS(&txtar.Archive{Files: a.Files[:len(a.Files)-1]}), "kinds")
	for _, p := range problems {
		t.Errorf("unexpected: %s", p)
	}
	got, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		last.Data = append(got, '\n')
		if err := os.WriteFile(archive, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(last.Data), string(got)+"\n"); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	var back pack.Content
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatalf("the content's JSON does not read back: %v", err)
	}
	if again, _ := json.MarshalIndent(back, "", "  "); !bytes.Equal(again, got) {
		t.Errorf("content after JSON (-want +got):\n%s", cmp.Diff(string(got), string(again)))
	}
}

func FuzzRead(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(file.Data)
		}
	}
	reader := pack.Reader{Runners: types.Builtin().RunnerType}
	f.Fuzz(func(t *testing.T, doc []byte) {
		fsys := fstest.MapFS{"pack.yaml": {Data: []byte("name: fuzz\nversion: 1.0.0\n")}}
		for _, dir := range pack.Dirs {
			fsys[dir+"/a.yaml"] = &fstest.MapFile{Data: doc}
		}
		content, problems := reader.Read(fsys, "fuzz")
		broken := map[string]bool{}
		for _, p := range problems {
			if p.File == "" || p.What == "" || p.Line < 0 || !p.Warning && p.Do == "" {
				t.Errorf("poor problem %+v", p)
			}
			broken[p.File] = broken[p.File] || !p.Warning
		}
		for _, dir := range pack.Dirs {
			if right := content.Files[dir].Right == 1; right == broken[dir+"/a.yaml"] {
				t.Errorf("%s: counted as right: %t, but the problems are %v", dir, right, problems)
			}
		}
		if _, err := json.Marshal(content); err != nil {
			t.Errorf("what was read has no JSON: %v", err)
		}
		// The same text as the pack's own files.
		reader.Read(fstest.MapFS{"pack.yaml": {Data: doc}, "config.schema.yaml": {Data: doc}}, "fuzz")
		for _, a := range content.Actions {
			_ = a.Version() // panics when a part is no JSON
		}
	})
}
