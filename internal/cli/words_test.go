package cli

import (
	"bytes"
	"strings"
	"testing"

	"squall/internal/api/wire"
)

// Words that Cobra would let pass are refused before anything happens: no server
// answers here.
func TestWrongWords(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"execution rerun last":              "did you mean squall execution re-run?",
		"execution logs last":               "did you mean squall execution tail?",
		"action core.local":                 `there is no command "core.local" below squall action; see squall action --help`,
		"run core.local ls -a":              "for the command: squall run core.local -- ls -a\n",
		"run --wait 5s core.local df -h x":  "for the command: squall run core.local -- df -h x\n",
		"node run web ls -a":                "for the command: squall node run web -- ls -a\n",
		"run core.local ls --all":           "flags for the command that is run stand behind --",
		"schedule create x core.noop":       "when? give one of --cron, --every and --at",
		"run core.local -- ls -a":           "cannot reach the server",
		"run -k stdout core.local ls x=1":   "cannot reach the server",
		"run core.local cmd=ls -j":          "cannot reach the server",
		"run --url http://127.0.0.1:1 -q p": "cannot reach the server",
	} {
		io := &IO{Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Env: func(string) string { return "" }}
		errs := io.Stderr.(*bytes.Buffer)
		args := append([]string{"--url", "http://127.0.0.1:1"}, strings.Fields(words)...)
		if code := Main(t.Context(), New(io, "test"), io, args); !strings.Contains(errs.String(), want) || code != ExitUsage && code != ExitUnavailable {
			t.Errorf("squall %s: exit %d, %s", words, code, errs)
		}
	}
}

func TestNearestAction(t *testing.T) {
	t.Parallel()
	list := []wire.Action{{Ref: "core.local", Name: "local"}, {Ref: "core.remote", Name: "remote"}}
	for ref, want := range map[string]string{"local": "core.local", "core.locl": "core.local", "corelocal": "core.local", "core.nothing": ""} {
		if got := nearestAction(ref, list); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}
