package conformance

import (
	"cmp"
	"strings"
	"testing"

	"squall/internal/expr/value"
)

// Every rule accepts what is right, and neither what was recorded nor what is
// merely different from it.
func TestCorrectedRecordings(t *testing.T) {
	const python = `{"stdout": "", "stderr": "", "exit_code": 0, "result": %}`
	const shell = `{"failed": false, "succeeded": true, "return_code": 0, "stdout": %, "stderr": ""}`
	for _, c := range []struct {
		name, kind, caveat string
		want               string // recorded
		right, wrong       []string
		status             string // the right one; "" when the recorded one is
	}{
		{name: "text", kind: "python-script", want: put(python, `"{1}, 'status': None}"`),
			right: []string{put(python, `"{1}"`)}, wrong: []string{put(python, `"{1}, 'status': None}"`), put(python, `null`)}},
		{name: "text of several lines", kind: "python-script", want: put(python, `"{'result': a\nb, 'status': True}"`),
			right: []string{put(python, `"a\nb"`)}, wrong: []string{put(python, `"b"`)}},
		{name: "text and a failure", kind: "python-script", want: put(python, `"{1}, 'status': False}"`), status: "failed",
			right: []string{put(python, `"{1}"`)}},
		{name: "number returned", kind: "python-script", caveat: "json-library", want: put(python, `{"x": [{"$number": "NaN"}]}`),
			right: []string{put(python, `{"x": [null]}`)}, wrong: []string{put(python, `{"x": ["NaN"]}`)}},
		{name: "number printed", kind: "local-shell-cmd", caveat: "json-library", want: put(shell, `[1, {"$number": "-Infinity"}]`),
			right: []string{put(shell, `"[1, -Infinity]"`)}, wrong: []string{put(shell, `"-Infinity"`), put(shell, `[1, null]`), put(shell, `"[1, Infinity]"`)}},
		{name: "number without the caveat", kind: "local-shell-cmd", want: put(shell, `{"$number": "NaN"}`),
			wrong: []string{put(shell, `"NaN"`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := value.DictOf("caveat", c.caveat, "expect", value.DictOf("http_status", int64(201), "status", "succeeded", "result", read(t, c.want)))
			right, _ := correctedRun(c.kind, raw)
			if got := str(right, "status"); got != cmp.Or(c.status, "succeeded") {
				t.Errorf("status %q", got)
			}
			for _, text := range c.right {
				if d := recordedDifference("result", at(right, "result"), read(t, text)); d != "" {
					t.Errorf("%s is right: %s", text, d)
				}
			}
			for _, text := range c.wrong {
				if d := recordedDifference("result", at(right, "result"), read(t, text)); d == "" {
					t.Errorf("%s is not right", text)
				}
			}
			if d := difference(read(t, c.want), at(dictAt(raw, "expect"), "result"), ""); d != "" {
				t.Errorf("the recording was changed: %s", d)
			}
		})
	}
}

func TestCorrectedRefusal(t *testing.T) {
	raw := value.DictOf("expect", value.DictOf("http_status", int64(500), "faultstring", "Internal Server Error"))
	right, reason := correctedRun("parameters", raw)
	if n, _ := value.AsInt(at(right, "http_status")); n != 400 || reason == "" {
		t.Errorf("status %d, %q", n, reason)
	}
	v := &verdict{}
	v.text("faultstring", at(right, "faultstring"), nil)
	v.text("faultstring", at(right, "faultstring"), "")
	if len(v.found) != 2 {
		t.Error("a refusal without words passes")
	}
	v = &verdict{}
	v.text("faultstring", at(right, "faultstring"), "no object")
	if err := v.err(); err != nil {
		t.Error(err)
	}
}

func TestCorrectedOutput(t *testing.T) {
	recorded := value.DictOf("error", "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte", "traceback", "")
	bad, reason := lost("local-shell-cmd", recorded)
	if reason == "" {
		t.Fatal("not recognised")
	}
	for text, same := range map[string]bool{
		`{"return_code": 0, "stdout": "", "stderr": "a\ufffdb"}`: true,
		`{"exit_code": 0, "stdout": "a\ufffdb", "stderr": ""}`:   true,
		`{"return_code": 1, "stdout": "a\ufffd", "stderr": ""}`:  false, // and succeeded
		`{"return_code": 0, "stdout": "ab", "stderr": "ab"}`:     false,
		`{"return_code": 0, "stdout": "\ufffd", "stderr": ""}`:   false,
		`{"error": "lost"}`: false,
	} {
		if d := bad.difference("result", read(t, text), "succeeded"); (d == "") != same {
			t.Errorf("%s: %q", text, d)
		}
	}
	if d := bad.difference("result", recorded, "failed"); d == "" {
		t.Error("what was recorded passes")
	}
}

func TestCorrectedSigns(t *testing.T) {
	printed, reason := lost("python-script", value.DictOf("error", "The result length should be 3, was 4.", "traceback", ""))
	if reason == "" {
		t.Fatal("a printed delimiter is not recognised")
	}
	exited, reason := lost("python-script", value.DictOf("error", "", "traceback", ""))
	if reason == "" {
		t.Fatal("the exit status is not recognised")
	}
	for _, kind := range []string{"local-shell-cmd", "http-request"} {
		if _, reason := lost(kind, value.DictOf("error", "")); reason != "" {
			t.Errorf("%s: %s", kind, reason)
		}
	}
	for _, c := range []struct {
		want   rescued
		result string
		status string
		same   bool
	}{
		{printed, `{"stdout": "a%%%%%~=~=~=************=~=~=~%%%%\n", "stderr": "", "exit_code": 0, "result": 1}`, "succeeded", true},
		{printed, `{"stdout": "a", "stderr": "", "exit_code": 0, "result": 1}`, "succeeded", false},
		{exited, `{"stdout": "out", "stderr": "", "exit_code": 220, "result": "None"}`, "failed", true},
		{exited, `{"stdout": "out", "stderr": "", "exit_code": 1, "result": "None"}`, "failed", false},
		{exited, `{"stdout": "out", "stderr": "", "exit_code": 220, "result": "None"}`, "succeeded", false},
	} {
		if d := c.want.difference("result", read(t, c.result), c.status); (d == "") != c.same {
			t.Errorf("%s: %q", c.result, d)
		}
	}
}

func put(form, member string) string { return strings.Replace(form, "%", member, 1) }

func read(t *testing.T, text string) any {
	t.Helper()
	v, err := value.FromJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
