package alias

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// word draws a value that needs no quotes.
func word() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9_.:/-]{1,8}`).Filter(func(s string) bool { return s != "to" })
}

// TestSaidIsUnderstood: a format filled with values gives these values back,
// with quotes around them also when they hold blanks.
func TestSaidIsUnderstood(t *testing.T) {
	p, err := Compile("deploy {{what}} to {{where}} {{how=fast}}")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		what := word().Draw(t, "what")
		if rapid.Bool().Draw(t, "quoted") {
			what += " " + word().Draw(t, "more")
		}
		where := word().Draw(t, "where")
		command := `deploy "` + what + `" to ` + where
		want := value.DictOf("what", what, "where", where, "how", "fast")
		if rapid.Bool().Draw(t, "how") {
			how := word().Draw(t, "value")
			command += " " + how
			want.SetStr("how", how)
		}
		for range rapid.IntRange(0, 3).Draw(t, "pairs") {
			k, v := rapid.StringMatching(`[a-z]{2,6}`).Draw(t, "key"), word().Draw(t, "given")
			command += " " + k + "=" + v
			want.SetStr(k, v)
		}
		if strings.Contains(where, "=") {
			return
		}
		got, err := p.Extract(t.Context(), command)
		if err != nil || !value.Equal(got, want) {
			t.Fatalf("%q: %v, %v, want %v", command, got, err, want)
		}
	})
}

// TestHostileFormatsEnd: formats and commands made to take for ever end soon,
// and hurt no other alias.
func TestHostileFormatsEnd(t *testing.T) {
	aliases := []*squall.Alias{
		plain("nested", "(a+)+(?=b)$"),
		plain("many", "{{x}} (?:(?:a|a)*)*(?=c)"),
		plain("parameters", "{{a}} {{b}} {{c}} {{d}} {{e}} {{f}} never"),
		plain("good", "^\\s*a+!\\s*$"),
	}
	b := NewBook(aliases)
	for _, command := range []string{
		strings.Repeat("a", 40) + "!",
		strings.Repeat("a ", 500),
		strings.Repeat(`a="`, 2000),
		strings.Repeat(`a='b' `, 2000) + "x",
		strings.Repeat(" ", 20_000) + "=",
		strings.Repeat("{{", 5000),
	} {
		start := time.Now()
		hits, _, err := b.Match(t.Context(), command)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%.20q took %s", command, d)
		}
		if strings.HasSuffix(command, "a!") && (err != nil || len(hits) != 1 || hits[0].Alias.Ref.Name != "good") {
			t.Errorf("%.20q: %v, %v", command, hits, err)
		}
	}
	if _, _, err := b.Match(t.Context(), strings.Repeat("x", maxCommand+1)); !value.IsClass(err, "LimitError") {
		t.Errorf("long command: %v", err)
	}
	if _, err := Compile(strings.Repeat("x", maxFormat+1)); !value.IsClass(err, "LimitError") {
		t.Errorf("long format: %v", err)
	}
}

// FuzzExtract: no format and no command make it panic or hang, and what it gives
// are texts and nulls.
func FuzzExtract(f *testing.F) {
	f.Add("run {{cmd}} on {{hosts = 'a b'}}", `run "ls -l" on web1 k={"a": 1} x=''`)
	f.Add(`(please )?(?P<k>[A-Z]+-\d+)($|\s)|^never`, "A-1 B-2")
	f.Add("{{a={{b}} }}{{c=d}}", "")
	f.Add("^foo|bar$ {{\na\n}}", "foo\nbar a=1 ")
	f.Fuzz(func(t *testing.T, format, command string) {
		p, err := Compile(format)
		if err != nil {
			return
		}
		all, err := p.ExtractAll(t.Context(), command)
		if err != nil {
			return
		}
		one, err := p.Extract(t.Context(), command)
		if err == nil {
			all = append(all, one)
		}
		for _, params := range all {
			for k, v := range params.All() {
				if !value.IsString(k) || v != nil && !value.IsString(v) {
					t.Errorf("%v = %v", k, v)
				}
			}
		}
	})
}

// BenchmarkMatch is a command against a hundred aliases.
func BenchmarkMatch(b *testing.B) {
	var aliases []*squall.Alias
	for i := range 100 {
		name := "verb" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		aliases = append(aliases, plain(name, name+" {{what}} on {{where=all}}"))
	}
	book := NewBook(aliases)
	b.ReportAllocs()
	for b.Loop() {
		hits, _, err := book.Match(b.Context(), "verbca disk on web1 timeout=5")
		if err != nil || len(hits) != 1 {
			b.Fatal(hits, err)
		}
	}
}
