package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os/user"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"squall/internal/expr/value"
)

// The tiers in which the corpus wants to be compared.
const (
	tierStatus = 1 // answers, states, logs
	tierResult = 2 // results
	tierTexts  = 3 // wording
)

// verdict collects the differences of one case.
type verdict struct {
	varies bool // a second recording gave another result
	found  []string
}

func (v *verdict) add(tier int, text string) {
	v.found = append(v.found, fmt.Sprintf("tier %d: %s", tier, text))
}

// err is all differences; nil when there is none.
func (v *verdict) err() error {
	if len(v.found) == 0 {
		return nil
	}
	return disagreement(strings.Join(v.found, "\n    "))
}

func (v *verdict) equal(tier int, where string, want, got any) {
	v.note(tier, recordedDifference(where, want, got))
}

// note adds a difference; "" is none.
func (v *verdict) note(tier int, difference string) {
	if difference != "" {
		v.add(tier, difference)
	}
}

// text compares a refusal's text.
func (v *verdict) text(where string, want, got any) {
	w, ok := want.(string)
	g, ok2 := got.(string)
	if !ok || !ok2 {
		v.equal(tierTexts, where, want, got)
		return
	}
	if !sameWords(w, g) {
		v.add(tierTexts, fmt.Sprintf("%s: want %q, got %q", where, w, g))
	}
}

// result compares a result: without tracebacks, and of what Python actions wrote
// to stderr only the last line.
func (v *verdict) result(where string, want, got any) {
	if !v.varies {
		v.equal(tierResult, where, reducedResult(want), reducedResult(got))
	}
}

func reducedResult(v any) any {
	switch x := v.(type) {
	case *value.Dict:
		out := value.NewDict(x.Len())
		python := hasKeys(x, "stdout", "stderr", "exit_code", "result")
		for k, item := range x.All() {
			text, isText := item.(string)
			switch {
			case k == "traceback":
			case k == "stderr" && python && isText:
				out.Set(k, lastLine(text))
			case k == "error" && isText:
				out.Set(k, foreignText(text))
			case isLongString(item):
				out.Set(k, item)
			default:
				out.Set(k, reducedResult(item))
			}
		}
		return out
	case *value.List:
		out := value.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, reducedResult(item))
		}
		return out
	}
	return v
}

func hasKeys(d *value.Dict, names ...string) bool {
	for _, n := range names {
		if _, ok := d.GetStr(n); !ok {
			return false
		}
	}
	return true
}

func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// foreignText is an error's text, to be compared by sameWords.
type foreignText string

func isLongString(v any) bool {
	d, ok := v.(*value.Dict)
	return ok && dictAt(d, "$long_string") != nil
}

// foreign begins texts of Python's libraries, which are imitated in their first
// line at most, or not at all.
var (
	notImitated = regexp.MustCompile(`^(HTTPS?ConnectionPool\(|\('Connection aborted|Invalid URL|Failed to parse|No connection adapters|No schema supplied|` +
		`malformed node|invalid syntax|unexpected EOF|unterminated|unindent|'[\[{(]' was never closed|Invalid leading whitespace|` +
		`expected str, bytes|invalid literal for int|Value "[^"]*" could not be parsed|could not convert)`)
)

// violated is what a JSON-schema library shows below its message.
const violated = "\n\nFailed validating "

// sameWords compares the words of a refusal or an error, as far as they are
// imitated. Where the place in a schema is told, it must be the recorded one.
func sameWords(want, got string) bool {
	if matchesRecorded(want, got) {
		return true
	}
	if notImitated.MatchString(want) {
		return got != ""
	}
	first, _, more := strings.Cut(want, "\n")
	gotFirst, _, _ := strings.Cut(got, "\n")
	return more && strings.Contains(want, violated) && !strings.Contains(got, violated) && matchesRecorded(first, gotFirst)
}

// recordedDifference tells how got differs from what was recorded, "" when it
// does not. Placeholders match anything of their kind; an absent member is null.
func recordedDifference(where string, want, got any) string {
	wrong := func() string { return fmt.Sprintf("%s: want %s, got %s", where, show(plain(want)), show(plain(got))) }
	switch w := want.(type) {
	case someText:
		if g, ok := got.(string); !ok || g == "" {
			return fmt.Sprintf("%s: want some text, got %s", where, show(plain(got)))
		}
		return ""
	case unread:
		return w.difference(where, got)
	case foreignText:
		g, ok := got.(foreignText)
		if !ok || !sameWords(string(w), string(g)) {
			return wrong()
		}
		return ""
	case *value.Dict:
		if long := dictAt(w, "$long_string"); long != nil {
			return longDifference(where, long, got)
		}
		if n, ok := w.GetStr("$number"); ok {
			f, isFloat := got.(float64)
			if !isFloat || !sameNumber(n, f) {
				return wrong()
			}
			return ""
		}
		g, ok := got.(*value.Dict)
		if !ok {
			return wrong()
		}
		return dictDifference(where, w, g)
	case *value.List:
		g, ok := got.(*value.List)
		if !ok || len(g.Items) != len(w.Items) {
			return wrong()
		}
		for i := range w.Items {
			if d := recordedDifference(fmt.Sprintf("%s[%d]", where, i), w.Items[i], g.Items[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		g, ok := got.(string)
		if f, isForeign := got.(foreignText); isForeign {
			g, ok = string(f), true
		}
		if !ok || !matchesRecorded(w, g) {
			return wrong()
		}
		return ""
	case float64:
		if g, ok := got.(int64); ok && float64(g) == w {
			return "" // JSON has one kind of number
		}
	case int64:
		if g, ok := got.(float64); ok && g == float64(w) {
			return ""
		}
	}
	if d := difference(want, got, where); d != "" {
		return d
	}
	return ""
}

// plain makes values that show knows.
func plain(v any) any {
	if t, ok := v.(foreignText); ok {
		return string(t)
	}
	return v
}

// ofEcho are headers that depend on the length of others, or on the client.
var ofEcho = map[any]bool{"Content-Length": true, "accept-encoding": true, "content-length": true}

func dictDifference(where string, want, got *value.Dict) string {
	for k, w := range want.All() {
		g, ok := got.Get(k)
		if ofEcho[k] && ok {
			continue
		}
		if !ok && w != nil {
			return fmt.Sprintf("%s has no %v, want %s", where, k, show(plain(w)))
		}
		if d := recordedDifference(fmt.Sprintf("%s.%v", where, k), w, g); d != "" {
			return d
		}
	}
	for k, g := range got.All() {
		if _, ok := want.Get(k); !ok && g != nil {
			return fmt.Sprintf("%s has %v too: %s", where, k, show(plain(g)))
		}
	}
	return ""
}

func longDifference(where string, long *value.Dict, got any) string {
	s, ok := got.(string)
	sum := sha256.Sum256([]byte(s))
	if n, _ := value.AsInt(at(long, "length")); !ok || int64(utf8.RuneCountInString(s)) != n || hex.EncodeToString(sum[:]) != at(long, "sha256_utf8") {
		return fmt.Sprintf("%s: %.60v..., want a text of %v characters", where, got, at(long, "length"))
	}
	return ""
}

func sameNumber(name any, f float64) bool {
	switch name {
	case "NaN":
		return math.IsNaN(f)
	case "Infinity":
		return math.IsInf(f, 1)
	case "-Infinity":
		return math.IsInf(f, -1)
	}
	return false
}

var placeholder = regexp.MustCompile(`<(ID|UUID|TIME|ADDR|PID|RANDOM|DB|INDEX|KEY)>|(?m:^  <frames>\n?)`)

// The user that shell commands ran as when they were recorded. Here they run as the
// server's.
const recordedRunUser = "stanley"

var runUser = sync.OnceValue(func() string {
	u, err := user.Current()
	if err != nil {
		return recordedRunUser
	}
	return u.Username
})

// matchesRecorded compares a text with placeholders.
func matchesRecorded(want, got string) bool {
	want = strings.ReplaceAll(want, recordedRunUser, runUser())
	if want == got {
		return true
	}
	found := placeholder.FindAllStringIndex(want, -1)
	if found == nil {
		return false
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	last := 0
	for _, f := range found {
		b.WriteString(regexp.QuoteMeta(want[last:f[0]]))
		if strings.Contains(want[f[0]:f[1]], "frames") {
			b.WriteString(`(?:[ \t][^\n]*(?:\n|\z))*`)
		} else {
			b.WriteString(`\s*[^\s"',]+`)
		}
		last = f[1]
	}
	b.WriteString(regexp.QuoteMeta(want[last:]) + `\z`)
	re, err := regexp.Compile(b.String())
	return err == nil && re.MatchString(got)
}
