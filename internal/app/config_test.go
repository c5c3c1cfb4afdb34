package app

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoadConfigTellsEveryProblemWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		file  string
		env   map[string]string
		flags map[string]string
		want  []string // without the file's directory
	}{
		{name: "empty file", file: ""},
		{name: "comments only", file: "# nothing\n"},
		{name: "empty section", file: "server:\n"},
		{
			name: "not YAML",
			file: "server:\n  data: [\n",
			want: []string{"squall.yaml: is not YAML: line 2: did not find expected node content"},
		},
		{
			name: "not a mapping",
			file: "- server\n",
			want: []string{"squall.yaml:1:1: must be a mapping of sections such as `server:`"},
		},
		{
			name: "section without settings",
			file: "server: 9101\n",
			want: []string{"squall.yaml:1:9: server: must be a mapping of settings, as in\n    server:\n      key: value"},
		},
		{
			name: "everything at once",
			file: "server:\n  lisen: 127.0.0.1:9101\n  shutdown_timeout: soon\nscheduler:\n  slots: many\n  slots: 8\nlog:\n  level: loud\nfoo:\n  bar: 1\n",
			env:  map[string]string{"SQUALL_API_MAX_BODY": "much"},
			want: []string{
				"squall.yaml:2:3: server.lisen: there is no such setting; did you mean server.listen?",
				`squall.yaml:3:21: server.shutdown_timeout: "soon" is not a duration such as 500ms, 30s, 5m, 12h or 90d`,
				`squall.yaml:5:10: scheduler.slots: "many" is not a whole number`,
				"squall.yaml:6:3: scheduler.slots: is set twice (first in line 5)",
				"squall.yaml:10:3: foo.bar: there is no such setting; `squall config show` lists them all",
				`environment SQUALL_API_MAX_BODY: api.max_body: "much" is not a size such as 4096, 512KiB or 10MiB`,
				`squall.yaml:8:10: log.level: "loud" is not one of debug, info, warn, error`,
			},
		},
		{
			name:  "rules between settings",
			flags: map[string]string{"scheduler.lease_ttl": "1s", "auth.token_max_ttl": "1h", "server.listen": "9101", "database.url": "mysql://x"},
			want: []string{
				`flag: server.listen: "9101" is not of the form host:port`,
				"flag: database.url: must begin with postgres:// (leave it empty for the embedded database)",
				"flag: auth.token_max_ttl: must not be shorter than auth.token_ttl (24h0m0s)",
				"flag: scheduler.lease_ttl: must be at least twice scheduler.heartbeat (5s), or one late heartbeat loses the node",
			},
		},
		{
			name: "nested value",
			file: "packs:\n  dirs: {a: b}\n",
			want: []string{"squall.yaml:2:9: packs.dirs: must be a plain value or a list"},
		},
		{
			name: "out of range",
			env:  map[string]string{"SQUALL_SCHEDULER_SLOTS": "0", "SQUALL_TRACING_RATIO": "2", "SQUALL_METRICS_PUBLIC": "maybe", "SQUALL_SERVER_DATA": " ", "SQUALL_SERVER_SHUTDOWN_TIMEOUT": "-3s"},
			want: []string{
				`environment SQUALL_SERVER_SHUTDOWN_TIMEOUT: server.shutdown_timeout: "-3s" is negative`,
				`environment SQUALL_METRICS_PUBLIC: metrics.public: "maybe" is neither true nor false`,
				`environment SQUALL_TRACING_RATIO: tracing.ratio: "2" is not a number from 0 to 1`,
				"environment SQUALL_SERVER_DATA: server.data: must not be empty",
				"environment SQUALL_SCHEDULER_SLOTS: scheduler.slots: must be at least 1",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "squall.yaml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			env := func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok }
			_, _, err := LoadConfig(Sources{File: path, Env: env, Flags: tc.flags})
			var got []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range joined.Unwrap() {
					got = append(got, strings.ReplaceAll(e.Error(), dir+"/", ""))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadConfigLaterSourcesWin(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "squall.yaml")
	text := "scheduler:\n  slots: 5\n  heartbeat: 2s\n  queues: [gpu, dmz]\nretention:\n  executions: 7d\ndatabase:\n  url: postgres://u:geheim@h/d\napi:\n  max_body: 2MiB\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SQUALL_SCHEDULER_SLOTS": "6", "SQUALL_SCHEDULER_POLL": "250ms"}
	c, settings, err := LoadConfig(Sources{
		File:  path,
		Env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Flags: map[string]string{"scheduler.poll": "2s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Scheduler.Slots != 6 || c.Scheduler.Heartbeat != 2*time.Second || c.Scheduler.Poll != 2*time.Second ||
		c.Retention.Executions != 7*24*time.Hour || c.API.MaxBody != 2<<20 || !cmp.Equal(c.Scheduler.Queues, []string{"gpu", "dmz"}) {
		t.Errorf("configuration = %+v", c)
	}

	origins := map[string]string{}
	values := map[string]string{}
	for _, s := range settings {
		origins[s.Key], values[s.Key] = s.Origin, s.Value
		if strings.Contains(s.Value, "geheim") {
			t.Errorf("%s shows the secret: %q", s.Key, s.Value)
		}
	}
	want := map[string]string{
		"scheduler.slots":     "environment SQUALL_SCHEDULER_SLOTS",
		"scheduler.poll":      "flag",
		"scheduler.heartbeat": path + ":3:14",
		"log.level":           "default",
	}
	for key := range maps.Keys(want) {
		if origins[key] != want[key] {
			t.Errorf("origin of %s = %q, want %q", key, origins[key], want[key])
		}
	}
	if values["retention.executions"] != "7d" || values["api.max_body"] != "2MiB" || values["database.url"] != masked {
		t.Errorf("values = %v", values)
	}
}

func TestMissingConfigFileIsAProblem(t *testing.T) {
	t.Parallel()
	_, _, err := LoadConfig(Sources{File: "/nowhere/squall.yaml"})
	if err == nil || err.Error() != "/nowhere/squall.yaml: there is no such file" {
		t.Errorf("error = %v", err)
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add("server:\n  listen: 127.0.0.1:1\n")
	f.Add("scheduler: {slots: 1, slots: &a [*a]}")
	f.Add("a: &a {b: *a}\n")
	f.Add("? [server]\n: {}\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{options: DefaultConfig().options(), origins: map[string]string{}}
		l.file("f", []byte(text)) // must not panic or hang
		l.check()
	})
}
