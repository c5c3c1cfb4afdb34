package rule

import "testing"

// BenchmarkMatch is what one rule costs an event.
func BenchmarkMatch(b *testing.B) {
	for _, tc := range []struct{ name, criteria string }{
		{"equals", `{"trigger.host": {"type": "equals", "pattern": "web1"}}`},
		{"three", `{"trigger.host": {"type": "matchwildcard", "pattern": "web*"}, "trigger.headers['X-Source']": {"type": "iequals", "pattern": "NAGIOS"}, "trigger.free": {"type": "lt", "pattern": 10}}`},
		{"regex", `{"trigger.host": {"type": "regex", "pattern": "^web[0-9]+$"}}`},
		{"template", `{"trigger.host": {"type": "equals", "pattern": "{{ trigger.host }}"}}`},
		{"timediff", `{"trigger.at": {"type": "timediff_lt", "pattern": 60}}`},
		{"search", `{"trigger.mounts": {"type": "search", "condition": "any", "pattern": {"item.path": {"type": "eq", "pattern": "/"}, "item.free": {"type": "lt", "pattern": 10}}}}`},
	} {
		b.Run(tc.name, func(b *testing.B) {
			r := compileText(b, newSet(), tc.criteria)
			ev, env := Event{parse(b, diskEvent)}, Env{Now: testNow}
			b.ReportAllocs()
			for b.Loop() {
				if !r.Match(b.Context(), ev, env).Matched {
					b.Fatal("does not match")
				}
			}
		})
	}
}
