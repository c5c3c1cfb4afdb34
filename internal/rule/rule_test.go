package rule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

var testNow = time.Date(2024, 3, 15, 12, 30, 45, 0, time.UTC)

func newSet() *expr.Set { return expr.NewSet(expr.Limits{}, jinja.New()) }

func compileText(t testing.TB, set *expr.Set, criteria string) *Rule {
	t.Helper()
	r, err := Compile(set, &squall.Rule{
		Ref: squall.Ref{Pack: "ops", Name: "disk"}, Enabled: true, Type: squall.RuleStandard, Criteria: json.RawMessage(criteria),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, doc string) any {
	t.Helper()
	v, err := value.FromJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const diskEvent = `{"host": "web1", "free": 7, "mounts": [{"path": "/", "free": 7}, {"path": "/home", "free": 60}],
	"headers": {"X-Source": "nagios"}, "at": "2024-03-15T12:30:35Z"}`

func TestExplain(t *testing.T) {
	for _, tc := range []struct{ name, criteria, want string }{
		{
			"match", `{"trigger.host": {"type": "matchwildcard", "pattern": "web*"}, "trigger.headers['X-Source']": {"type": "iequals", "pattern": "NAGIOS"}}`,
			"ops.disk matches: the criteria decided\n" +
				"  trigger.host matchwildcard: true: value 'web1', pattern 'web*'\n" +
				"  trigger.headers['X-Source'] iequals: true: value 'nagios', pattern 'NAGIOS'\n",
		},
		{
			"first false one ends it", `{"trigger.free": {"type": "lt", "pattern": 5}, "trigger.host": {"type": "exists", "pattern": true}}`,
			"ops.disk does not match: the criteria decided\n  trigger.free lt: false: value 7, pattern 5\n",
		},
		{
			"search", `{"trigger.mounts": {"type": "search", "condition": "any", "pattern": {"item.path": {"type": "eq", "pattern": "/home"}, "item.free#low": {"type": "lt", "pattern": 10}}}}`,
			"ops.disk does not match: the criteria decided\n" +
				"  trigger.mounts search: false: value [{'path': '/', 'free': 7}, {'path': '/home', 'free': 60}], pattern {'item.path': {'type': 'eq', 'pattern': '/home'}, 'item.free#low': {'type': 'lt', 'pattern': 10}}\n" +
				"    item.path eq: false: value '/', pattern '/home'\n" +
				"    item.free#low lt: true: value 7, pattern 10\n" +
				"    item.path eq: true: value '/home', pattern '/home'\n" +
				"    item.free#low lt: false: value 60, pattern 10\n",
		},
		{
			"failure", `{"trigger.host": {"type": "lt", "pattern": 3}}`,
			"ops.disk does not match: the criteria decided\n" +
				"  trigger.host lt: failed: There might be a problem with the criteria in rule ops.disk ('<' not supported between instances of 'str' and 'int')\n",
		},
		{
			"unknown operator", `{"trigger.host": {"type": "like", "pattern": "w%"}}`,
			"ops.disk does not match: the criteria decided\n" +
				"  trigger.host like: false: value 'web1', pattern 'w%'\n    the rule is broken: Invalid operator: like\n",
		},
		{
			"no operator", `{"trigger.host": {"pattern": "x"}}`,
			"ops.disk does not match: the criteria decided\n  trigger.host: false: no operator\n",
		},
		{"no criteria", `{}`, "ops.disk matches: there are no criteria\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := compileText(t, newSet(), tc.criteria).Match(t.Context(), Event{parse(t, diskEvent)}, Env{Now: testNow})
			if d := cmp.Diff(tc.want, v.Explain()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatDecidesBeforeCriteria(t *testing.T) {
	set := newSet()
	doc := json.RawMessage(`{"trigger.x": {"type": "nexists", "pattern": true}}`)
	ref := squall.Ref{Pack: "ops", Name: "disk"}
	full := parse(t, `{"y": 1}`)
	for _, tc := range []struct {
		name    string
		rule    squall.Rule
		payload any
		env     Env
		match   bool
		why     Why
	}{
		{"disabled", squall.Rule{Ref: ref, Criteria: doc}, full, Env{}, false, BecauseDisabled},
		{"nothing at all", squall.Rule{Ref: ref, Enabled: true}, nil, Env{}, true, BecauseNoCriteria},
		{"null criteria", squall.Rule{Ref: ref, Enabled: true, Criteria: json.RawMessage("null")}, full, Env{}, true, BecauseNoCriteria},
		{"empty payload", squall.Rule{Ref: ref, Enabled: true, Criteria: doc}, value.NewDict(0), Env{}, false, BecauseEmptyPayload},
		{"criteria", squall.Rule{Ref: ref, Enabled: true, Criteria: doc}, full, Env{}, true, BecauseCriteria},
		{"backstop late", squall.Rule{Ref: ref, Enabled: true, Type: squall.RuleBackstop}, full, Env{StandardMatched: true}, false, BecauseStandardMatched},
		{"backstop", squall.Rule{Ref: ref, Enabled: true, Type: squall.RuleBackstop, Criteria: doc}, full, Env{}, true, BecauseCriteria},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := Compile(set, &tc.rule)
			if err != nil {
				t.Fatal(err)
			}
			if v := r.Match(t.Context(), Event{tc.payload}, tc.env); v.Matched != tc.match || v.Why != tc.why {
				t.Errorf("matched %v because %q, want %v because %q", v.Matched, v.Why, tc.match, tc.why)
			}
		})
	}
}

func TestCompileRefusesOnlyWhatIsNoObject(t *testing.T) {
	for doc, want := range map[string]string{
		`[1]`:      "compile rule ops.disk: criteria: want an object, got list",
		`"x"`:      "compile rule ops.disk: criteria: want an object, got str",
		`{"a": {`:  "compile rule ops.disk: criteria: ",
		`{"[": 1}`: "",
	} {
		_, err := Compile(newSet(), &squall.Rule{Ref: squall.Ref{Pack: "ops", Name: "disk"}, Criteria: json.RawMessage(doc)})
		if err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", doc, err, want)
		}
	}
}

func TestFailureText(t *testing.T) {
	v := compileText(t, newSet(), `{"trigger.host": {"type": "regex", "pattern": "("}}`).Match(t.Context(), Event{parse(t, diskEvent)}, Env{})
	if len(v.Failures) != 1 {
		t.Fatalf("%d failures, want 1", len(v.Failures))
	}
	want := `Failed to match rule "ops.disk" against trigger instance "5f": There might be a problem with the criteria in rule ops.disk: missing ), unterminated subpattern at position 0`
	if got := v.Failures[0].Text("ops.disk", "5f"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestValidateMessages(t *testing.T) {
	for _, tc := range []struct{ doc, want string }{
		{``, ""},
		{`{"trigger.a": {"type": "equals", "pattern": 0}}`, ""},
		{`{"trigger.a": {"type": "regex", "pattern": "("}}`, ""}, // fails only at an event
		{`{"trigger.a": {"type": "equals"}}`, "For field: trigger.a, no pattern specified for operator equals"},
		{`{"trigger.a": {"type": "exists", "pattern": null}}`, "For field: trigger.a, no pattern specified for operator exists"},
		{`{"trigger.a": {}}`, "Operator not specified for field: trigger.a"},
		{`{"trigger.a": 5}`, "Operator not specified for field: trigger.a"},
		{`{"a": {"type": "eq", "pattern": 1}, "b": {"type": "EQ", "pattern": 1}, "c": {}}`, "For field: b, operator EQ not in list of allowed operators: ['matchwildcard', "},
		{`[]`, "criteria: want an object, got list"},
	} {
		err := Validate([]byte(tc.doc))
		if err == nil && tc.want != "" || err != nil && (tc.want == "" || !strings.HasPrefix(value.MessageOf(err), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.doc, err, tc.want)
		}
		if err != nil && value.ClassOf(err) != ValidationClass {
			t.Errorf("%s: class %s", tc.doc, value.ClassOf(err))
		}
	}
}

func TestThirtyThreeOperators(t *testing.T) {
	if n := len(OperatorNames()); n != 33 || len(operators) != n {
		t.Errorf("%d names, %d operators, want 33 of each", n, len(operators))
	}
	for _, name := range OperatorNames() {
		if operators[name] == nil {
			t.Errorf("%s has no operator", name)
		}
	}
}
