package conformance

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"squall/internal/expr/value"
)

// Some recordings of runs do not show what is right: the original harms its users
// there, or the recording's JSON library was a stand-in, as the corpus says. Their
// expectations are corrected by rules, never case by case, and everything else
// in them is compared as recorded. Reports count such cases apart.
const (
	correctedRefusal = "bad input is refused with 400; the original answers 500"
	correctedText    = "a value that is not JSON becomes the text Python shows for it; the original appends the rest of its own output, and forgets the status"
	correctedOutput  = "output that is not UTF-8 is kept, with the bad bytes replaced; the original fails and loses it"
	correctedPrint   = "nothing that an action prints, and no exit status, is taken for the original's own signs, which loses result and output"
	correctedNumber  = "NaN and infinities are no JSON; the recording's library was a stand-in, the original's own writes null and does not read them"
)

// correctedRun returns what a run should show, and the reason when that is not what
// was recorded. raw stays as it is.
func correctedRun(kind string, raw *value.Dict) (right *value.Dict, reason string) {
	want := dictAt(raw, "expect")
	if want == nil {
		return nil, ""
	}
	if n, _ := value.AsInt(at(want, "http_status")); n == http.StatusInternalServerError {
		right = want.Clone()
		right.Set("http_status", int64(http.StatusBadRequest))
		right.Set("faultstring", someText{})
		return right, correctedRefusal
	}
	if result, reason := lost(kind, at(want, "result")); reason != "" {
		right = want.Clone()
		right.Set("result", result)
		right.Delete("status") // the one the exit code gives: see rescued
		right.Delete("log")
		return right, reason
	}
	if result, status, ok := withoutRest(dictAt(want, "result")); ok {
		right = want.Clone()
		right.Set("result", result)
		if status != "" {
			right.Set("status", status)
			if log, ok := at(want, "log").(*value.List); ok {
				items := append([]any(nil), log.Items...)
				items[len(items)-1] = status
				right.Set("log", value.NewList(items...))
			}
		}
		return right, correctedText
	}
	if at(raw, "caveat") == "json-library" {
		if result, ok := realJSON(kind, at(want, "result")); ok {
			right = want.Clone()
			right.Set("result", result)
			return right, correctedNumber
		}
	}
	return want, ""
}

// someText stands for any text that is not empty.
type someText struct{}

// rescued stands for a result that the original has lost: exit code, both streams,
// and something that is known of them.
type rescued struct {
	position int    // of a byte of one stream that is not UTF-8; -1: not known
	holds    string // what stdout holds
	code     int64  // -1: not known
}

var undecodable = regexp.MustCompile(`^'utf-8' codec can't decode bytes? .* in position (\d+)`)

// The original's signs: what stands in stdout between output and result, and the
// exit status of its wrapper when what run() returned is wrong.
const (
	delimiter     = "%%%%%~=~=~=************=~=~=~%%%%"
	wrapperStatus = 220
)

// lost recognises a result that the original has lost.
func lost(kind string, result any) (right rescued, reason string) {
	d, ok := result.(*value.Dict)
	if !ok || at(d, "error") == nil {
		return rescued{}, ""
	}
	text := str(d, "error")
	if m := undecodable.FindStringSubmatch(text); m != nil {
		position, err := strconv.Atoi(m[1])
		if err != nil {
			return rescued{}, ""
		}
		return rescued{position: position, code: -1}, correctedOutput
	}
	switch {
	case kind != "python-script":
	case strings.HasPrefix(text, "The result length should be 3, was "):
		return rescued{position: -1, holds: delimiter, code: -1}, correctedPrint
	case text == "":
		return rescued{position: -1, code: wrapperStatus}, correctedPrint
	}
	return rescued{}, ""
}

// difference tells what is wrong with an execution's result and status.
func (w rescued) difference(where string, result any, status any) string {
	d, ok := result.(*value.Dict)
	if !ok || at(d, "error") != nil {
		return fmt.Sprintf("%s: want output, got %s", where, show(plain(result)))
	}
	code, ok := value.AsInt(at(d, "return_code"))
	if !ok {
		code, ok = value.AsInt(at(d, "exit_code"))
	}
	if right := map[bool]string{true: "succeeded", false: "failed"}[code == 0]; !ok || status != right || w.code >= 0 && code != w.code {
		return fmt.Sprintf("%s: status %v with exit code %d", where, status, code)
	}
	if !strings.Contains(str(d, "stdout"), w.holds) {
		return fmt.Sprintf("%s: want %q in stdout, got %s", where, w.holds, show(d))
	}
	if w.position < 0 {
		return ""
	}
	for _, stream := range []string{"stdout", "stderr"} {
		text, _ := at(d, stream).(string)
		if at := strings.IndexRune(text, utf8.RuneError); at == w.position {
			return ""
		}
	}
	return fmt.Sprintf("%s: no stream has a replaced byte at %d: %s", where, w.position, show(d))
}

var restOfOutput = regexp.MustCompile(`(?s)^(?:\{'result': )?(.*), 'status': (None|True|False)\}$`)

// withoutRest corrects the result of a Python action. status is the right one when
// the recorded one is wrong.
func withoutRest(result *value.Dict) (right *value.Dict, status string, found bool) {
	if result == nil || !hasKeys(result, "stdout", "stderr", "exit_code", "result") {
		return nil, "", false
	}
	m := restOfOutput.FindStringSubmatch(str(result, "result"))
	if m == nil {
		return nil, "", false
	}
	right = result.Clone()
	right.Set("result", m[1])
	if m[2] == "False" {
		status = "failed"
	}
	return right, status, true
}

// realJSON is a result as the original's own JSON library would have it: it writes
// null for NaN and infinities, and leaves a text that holds them a text.
func realJSON(kind string, result any) (right any, found bool) {
	d, ok := result.(*value.Dict)
	if !ok {
		return nil, false
	}
	out := d.Clone()
	for k, v := range d.All() {
		if !hasNumber(v) {
			continue
		}
		found = true
		if kind == "python-script" {
			out.Set(k, withNull(v))
			continue
		}
		out.Set(k, unread{v})
		if _, ok := d.GetStr("parsed"); ok {
			out.Set("parsed", false)
		}
	}
	return out, found
}

// unread stands for the text that the recording's library read as value.
type unread struct{ value any }

func (w unread) difference(where string, got any) string {
	text, ok := got.(string)
	if !ok {
		return fmt.Sprintf("%s: want a text, got %s", where, show(plain(got)))
	}
	read, err := value.LoadJSON(nil, text)
	if err != nil {
		return fmt.Sprintf("%s: %q: %v", where, text, err)
	}
	return recordedDifference(where, w.value, read)
}

func numberOf(v any) (float64, bool) {
	d, ok := v.(*value.Dict)
	if !ok {
		return 0, false
	}
	name, ok := d.GetStr("$number")
	if !ok {
		return 0, false
	}
	return map[any]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[name], true
}

func hasNumber(v any) bool {
	if _, ok := numberOf(v); ok {
		return true
	}
	switch x := v.(type) {
	case *value.Dict:
		for _, item := range x.All() {
			if hasNumber(item) {
				return true
			}
		}
	case *value.List:
		for _, item := range x.Items {
			if hasNumber(item) {
				return true
			}
		}
	}
	return false
}

func withNull(v any) any {
	if _, ok := numberOf(v); ok {
		return nil
	}
	switch x := v.(type) {
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, item := range x.All() {
			out.Set(k, withNull(item))
		}
		return out
	case *value.List:
		out := value.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, withNull(item))
		}
		return out
	}
	return v
}
