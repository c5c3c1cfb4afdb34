package rule

import (
	"context"
	"errors"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

type mapStore map[string]string

func (s mapStore) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	if key.Scope != expr.ScopeSystem {
		return "", false, errors.New("a rule read a user's entry")
	}
	v, ok := s[key.Name]
	return v, ok, nil
}

// TestDatastorePatterns shows what never matches in StackStorm, or never ends.
func TestDatastorePatterns(t *testing.T) {
	store := mapStore{"host": "web1", "limit": "10", "net.core.host": "web1", "net": "x", "hosts": `["web1", "web2"]`}
	set := newSet()
	for _, tc := range []struct {
		criteria string
		match    bool
		failures int
	}{
		{`{"trigger.host": {"type": "eq", "pattern": "{{ st2kv.system.host }}"}}`, true, 0},
		{`{"trigger.host": {"type": "eq", "pattern": "{{ system.host }}"}}`, true, 0},
		{`{"trigger.host": {"type": "eq", "pattern": "{{ st2kv.system.net.core.host }}"}}`, true, 0},
		{`{"trigger.free": {"type": "lt", "pattern": "{{ st2kv.system.limit | int }}"}}`, true, 0},
		{`{"trigger.free": {"type": "lt", "pattern": "{{ st2kv.system.limit }}"}}`, false, 1}, // a text
		{`{"trigger.host": {"type": "in", "pattern": "{{ st2kv.system.hosts | from_json_string }}"}}`, true, 0},
		{`{"trigger.host": {"type": "eq", "pattern": "{{ st2kv.system.missing }}"}}`, false, 1},
		{`{"trigger.host": {"type": "eq", "pattern": "{{ st2kv.user.host }}"}}`, false, 1},
		{`{"system.host": {"type": "contains", "pattern": "eb"}}`, true, 0},
		{`{"system.net.core.host": {"type": "eq", "pattern": "{{ trigger.host }}"}}`, true, 0},
		{`{"system['host']": {"type": "eq", "pattern": "web1"}}`, true, 0},
		{`{"system.missing": {"type": "nexists", "pattern": true}}`, true, 0},
		{`{"trigger.mounts": {"type": "search", "condition": "any", "pattern": {"item.path": {"type": "ne", "pattern": 1}}}}`, false, 1},
		{`{"trigger.mounts": {"type": "search", "condition": "all", "pattern": {"system.host": {"type": "eq", "pattern": "web1"}}}}`, true, 0},
		// Criteria that come out of the event work, without the datastore.
		{`{"trigger.mounts": {"type": "search", "condition": "any", "pattern": "{{ trigger.ask }}"}}`, true, 0},
		{`{"trigger.mounts[0]": {"type": "search", "condition": "any", "pattern": "{{ trigger.spy }}"}}`, false, 1},
		{`{"trigger.mounts": {"type": "search", "condition": "any", "pattern": "{{ trigger.peek }}"}}`, false, 0},
	} {
		payload := parse(t, diskEvent).(*value.Dict)
		payload.SetStr("ask", parse(t, `{"item.path": {"type": "eq", "pattern": "/home"}}`))
		payload.SetStr("spy", parse(t, `{"item.path": {"type": "eq", "pattern": "{{ st2kv.system.host }}"}}`))
		payload.SetStr("peek", parse(t, `{"system.host": {"type": "exists", "pattern": 1}}`))
		v := compileText(t, set, tc.criteria).Match(t.Context(), Event{payload}, Env{Store: store, Now: testNow})
		if v.Matched != tc.match || len(v.Failures) != tc.failures {
			t.Errorf("%s: matched %v with %d failures, want %v with %d\n%s", tc.criteria, v.Matched, len(v.Failures), tc.match, tc.failures, v.Explain())
		}
	}
}

func TestBrokenDatastoreIsAFailure(t *testing.T) {
	v := compileText(t, newSet(), `{"trigger.host": {"type": "eq", "pattern": "{{ st2kv.system.x }}"}}`).
		Match(t.Context(), Event{parse(t, diskEvent)}, Env{Store: brokenStore{}})
	if v.Matched || len(v.Failures) != 1 || !errors.Is(v.Failures[0].Err, errBroken) {
		t.Errorf("got %+v", v)
	}
}

var errBroken = errors.New("the datastore is away")

type brokenStore struct{}

func (brokenStore) Get(context.Context, expr.KeyRef) (string, bool, error) {
	return "", false, errBroken
}
