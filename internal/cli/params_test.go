package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/api/wire"
)

func TestParseParams(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(file, []byte("[1,2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	shell := &wire.RunnerType{Name: "local-shell-cmd", Parameters: map[string]json.RawMessage{
		"cmd": raw(`{"type":"string"}`), "timeout": raw(`{"type":"integer"}`), "sudo": raw(`{"type":"boolean"}`), "env": raw(`{"type":"object"}`),
	}}
	action := &wire.Action{Ref: "p.a", Parameters: map[string]json.RawMessage{
		"hosts": raw(`{"type":"array"}`), "ratio": raw(`{"type":"number"}`), "any": raw(`{}`),
		"maybe": raw(`{"type":["integer","null"]}`), "either": raw(`{"type":["integer","boolean"]}`), "text": raw(`{"type":"string"}`),
	}}
	for _, tc := range []struct {
		words string // separated by |
		want  string
		fail  string
	}{
		{"", `{}`, ""},
		{"uname|-a", `{"cmd":"uname -a"}`, ""},
		{"cmd=echo a=b", `{"cmd":"echo a=b"}`, ""},
		{"ls|timeout=5|sudo=yes", `{"cmd":"ls","sudo":true,"timeout":5}`, ""},
		{"env=A:1,B:two", `{"env":{"A":1,"B":"two"}}`, ""},
		{`env={"A": "x,y"}`, `{"env":{"A":"x,y"}}`, ""},
		{"hosts=a,b, c", `{"hosts":["a","b","c"]}`, ""},
		{"hosts=1,true,null", `{"hosts":[1,true,null]}`, ""},
		{"hosts=", `{"hosts":[]}`, ""},
		{"hosts=@" + file, `{"hosts":[1,2]}`, ""},
		{"text=@nobody", `{"text":"@nobody"}`, ""},
		{"text=5", `{"text":"5"}`, ""},
		{"any=5|unknown=6", `{"any":"5","unknown":"6"}`, ""},
		{`any:={"a":[1]}`, `{"any":{"a":[1]}}`, ""},
		{"maybe=null|either=true", `{"either":true,"maybe":null}`, ""},
		{"timeout={{ 5 }}", `{"timeout":"{{ 5 }}"}`, ""},
		{"ratio=0.5", `{"ratio":0.5}`, ""},
		{"timeout=soon|sudo=maybe|ratio=x", "", "timeout: \"soon\" is not a whole number\nsudo: \"maybe\" is neither true nor false\nratio: \"x\" is not a number\nsee what"},
		{"hosts=[1", "", `hosts: "[1" is not a JSON array`},
		{"env=a", "", `env: "a" is neither JSON nor key:value,key:value`},
		{"any:={", "", `any: "{" is not JSON`},
		{"ls|cmd=pwd", "", `"ls" and cmd= both give a command`},
		{"hosts=@/nowhere", "", "hosts: open /nowhere: no such file or directory"},
	} {
		var words []string
		if tc.words != "" {
			words = strings.Split(tc.words, "|")
		}
		got, err := parseParams(action, shell, words)
		switch {
		case tc.fail != "":
			if err == nil || !strings.HasPrefix(err.Error(), tc.fail) || ExitCode(err) != ExitUsage {
				t.Errorf("%q: error %v, want %q", tc.words, err, tc.fail)
			}
		case err != nil:
			t.Errorf("%q: %v", tc.words, err)
		case string(got) != tc.want:
			t.Errorf("%q = %s, want %s", tc.words, got, tc.want)
		}
	}

	noCommand := &wire.RunnerType{Name: "noop"}
	if _, err := parseParams(action, noCommand, []string{"word"}); err == nil || !strings.HasPrefix(err.Error(), `"word" is not of the form name=value`) {
		t.Errorf("error %v", err)
	}
}

func TestShortDurations(t *testing.T) {
	t.Parallel()
	for in, want := range map[int64]string{350: "350ms", 1350: "1.35s", 3000: "3s", 12_000: "12s", 192_000: "3m12s", 18_420_000: "5h07m", 273_600_000: "3d4h"} {
		if got := short(time.Duration(in) * time.Millisecond); got != want {
			t.Errorf("short(%d ms) = %s, want %s", in, got, want)
		}
	}
}
