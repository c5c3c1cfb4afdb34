package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/squalltest"
)

// TestLocalActionsSurvive: a hundred commands run, or twenty Python actions, the
// server is killed, and the next one has as many real results, with all they printed; also when the
// next one is another build of the program, and when they ended while no server
// was there.
func TestLocalActionsSurvive(t *testing.T) {
	for _, c := range []struct {
		name    string
		python  bool
		upgrade bool
		orderly bool
		pause   time.Duration
	}{
		{name: "killed"},
		{name: "killed, and away until they have ended", pause: 4 * time.Second},
		{name: "upgraded", upgrade: true, orderly: true},
		{name: "killed and upgraded", upgrade: true},
		{name: "killed, Python", python: true},
		{name: "upgraded, Python", python: true, upgrade: true, orderly: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			n := newNode(t, "n1", "")
			n.Set("scheduler.slots=120")
			l := begin(t, n)

			count := 100
			if c.python {
				count = 20
			}
			ids := make([]squall.ID, count)
			var requests sync.WaitGroup
			for i := range count {
				requests.Go(func() {
					cmd := fmt.Sprintf("echo >>%s.begun; for n in 1 2 3 4 5 6; do echo line $n of %d; echo on the other side $n >&2; sleep 0.5; done; echo $SQUALL_IDEMPOTENCY_KEY >>%s; exit %d", l.file, i, l.file, i%3)
					request := map[string]any{"action": "core.local", "parameters": map[string]any{"cmd": cmd}}
					if c.python {
						request = map[string]any{"action": "crash.python", "parameters": map[string]any{"file": l.file, "number": i}}
					}
					id, _, err := n.call(ctx, http.MethodPost, "/api/v1/executions", request)
					if err != nil {
						t.Errorf("request: %v", err)
					}
					ids[i] = id
				})
			}
			requests.Wait()
			if t.Failed() {
				t.FailNow()
			}
			for begun := 0; begun < count; time.Sleep(20 * time.Millisecond) {
				info, err := os.Stat(l.file + ".begun") // a byte from each
				switch {
				case ctx.Err() != nil:
					t.Fatalf("%d of %d have begun", begun, count)
				case err == nil:
					begun = int(info.Size())
				}
			}
			if c.orderly {
				n.Stop(t)
			} else {
				n.Kill()
			}
			time.Sleep(c.pause)
			if c.upgrade {
				n.Args[0] = squalltest.Other(t, "newer")
			}
			if err := n.Start(ctx); err != nil {
				t.Fatal(err)
			}
			drain(t, n)

			for i, id := range ids {
				status, result := n.outcome(t, ctx, id)
				want := squall.Succeeded
				if i%3 != 0 {
					want = squall.Failed
				}
				if c.python {
					if status != want || result.Result.Number != i {
						t.Errorf("execution %d: %s, %+v; want %s", i, status, result, want)
						continue
					}
					result.Stdout, result.Stderr = strings.TrimSuffix(result.Stdout, "\n"), strings.TrimSuffix(result.Stderr, "\n")
				} else if status != want || result.ReturnCode != i%3 {
					t.Errorf("execution %d (%s): %s, return code %d; want %s, %d", i, id, status, result.ReturnCode, want, i%3)
					continue
				}
				var out, errs, live []string
				for k := 1; k <= 6; k++ {
					out = append(out, fmt.Sprintf("line %d of %d", k, i))
					errs = append(errs, fmt.Sprintf("on the other side %d", k))
				}
				if result.Stdout != strings.Join(out, "\n") || result.Stderr != strings.Join(errs, "\n") {
					t.Errorf("execution %d printed %q and %q", i, result.Stdout, result.Stderr)
				}
				live = strings.Split(strings.TrimSpace(n.printed(t, ctx, id, "stdout")), "\n")
				if strings.Join(live, "\n") != strings.Join(out, "\n") {
					t.Errorf("execution %d: the stream of output is %q", i, live)
				}
			}
			starts, err := os.ReadFile(l.file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(string(starts), "\n"); got != count {
				t.Errorf("%d commands came to their end, want %d", got, count)
			}
			left, _ := filepath.Glob(filepath.Join(n.Dir, "runs", "ended-*"))
			if len(left) > 0 {
				t.Errorf("%d results are kept although they are stored", len(left))
			}
		})
	}
}

// localResult is the result of a command, or of the pack's Python action.
type localResult struct {
	Stdout, Stderr string
	ReturnCode     int `json:"return_code"`
	Result         struct{ Number int }
}

// outcome reads how an execution ended.
func (n *node) outcome(t *testing.T, ctx context.Context, id squall.ID) (squall.Status, localResult) {
	t.Helper()
	var answer struct {
		Status squall.Status
		Result localResult
	}
	body := n.read(t, ctx, "/api/v1/executions/"+string(id))
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Errorf("%s: %v: %s", id, err, body)
	}
	return answer.Status, answer.Result
}

// printed reads the stored output of an execution.
func (n *node) printed(t *testing.T, ctx context.Context, id squall.ID, stream string) string {
	t.Helper()
	return string(n.read(t, ctx, "/api/v1/executions/"+string(id)+"/output?output_format=raw&output_type="+stream))
}
