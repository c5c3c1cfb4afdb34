package rule

import (
	"sync"
	"testing"
)

// TestRuleIsShared matches one compiled rule from several goroutines; the race
// detector watches.
func TestRuleIsShared(t *testing.T) {
	r := compileText(t, newSet(), `{
		"trigger.host": {"type": "regex", "pattern": "^{{ trigger.host }}$"},
		"trigger.headers['X-Source']": {"type": "matchwildcard", "pattern": "n*s"},
		"trigger.mounts": {"type": "search", "condition": "any", "pattern": {"item.path": {"type": "iregex", "pattern": "^/HOME"}}}}`)
	ev := Event{parse(t, diskEvent)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if v := r.Match(t.Context(), ev, Env{Now: testNow}); !v.Matched {
					t.Error(v.Explain())
					return
				}
			}
		})
	}
	wg.Wait()
}
