package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestScheduleListReadsAllPages: a server that answers with a hundred rules at most
// has schedules among the last of them.
func TestScheduleListReadsAllPages(t *testing.T) {
	const rules, most = 230, 100
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/timers", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"ref":"core.t7","next_runs":[]},{"ref":"core.t229","next_runs":[]}]`)
	})
	mux.HandleFunc("GET /api/v1/rules/views", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		var docs []string
		for i := from; i < min(from+most, rules); i++ {
			docs = append(docs, fmt.Sprintf(`{"ref":"ops.r%d","enabled":true,"trigger":{"ref":"core.t%[1]d","type":"core.st2.IntervalTimer","parameters":{}},"action":{"ref":"core.noop"}}`, i))
		}
		fmt.Fprint(w, "["+strings.Join(docs, ",")+"]")
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	var out, errText bytes.Buffer
	p := &IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errText, Home: t.TempDir(), Env: func(name string) string {
		return map[string]string{"SQUALL_URL": srv.URL, "SQUALL_TOKEN": "t"}[name]
	}}
	if code := Main(t.Context(), New(p, "test"), p, []string{"schedule", "list"}); code != 0 {
		t.Fatalf("exit %d: %s", code, errText.String())
	}
	if got := out.String(); !strings.Contains(got, "ops.r7 ") || !strings.Contains(got, "ops.r229 ") || strings.Contains(got, "ops.r8 ") {
		t.Errorf("it lists\n%s", got)
	}
}
