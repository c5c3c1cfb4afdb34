package runner

import (
	"testing"
	"unicode/utf8"
)

func TestTextReplacesAsPythonDoes(t *testing.T) {
	// Expected values: bytes.decode("utf-8", errors="replace") of Python 3.11.
	for in, want := range map[string]string{
		"":                     "",
		"plain":                "plain",
		"h\u00e9 \u2713":       "h\u00e9 \u2713",
		"a\xff\xfeb":           "a\ufffd\ufffdb",
		"ab\xc3":               "ab\ufffd",
		"\xe2\x9cx":            "\ufffdx",
		"\xe2\x9c":             "\ufffd",
		"\xf0\x9f\x98":         "\ufffd",
		"\xf0\x9f\x98a\xf0":    "\ufffda\ufffd",
		"\xed\xa0\x80":         "\ufffd\ufffd\ufffd", // a surrogate: not even its start is legal
		"\xc0\xaf":             "\ufffd\ufffd",
		"\xf4\x90\x80\x80":     "\ufffd\ufffd\ufffd\ufffd",
		"\xe0\x9f\xbf":         "\ufffd\ufffd\ufffd",
		"already \ufffd there": "already \ufffd there",
	} {
		if got := Text([]byte(in)); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\xff\xe2\x9cb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Text(b)
		if !utf8.ValidString(got) {
			t.Fatalf("Text(%q) = %q is not valid UTF-8", b, got)
		}
		if utf8.Valid(b) && got != string(b) {
			t.Fatalf("Text(%q) = %q changed valid text", b, got)
		}
		if utf8.RuneCountInString(got) > len(b) {
			t.Fatalf("Text(%q) = %q has more characters than bytes came in", b, got)
		}
	})
}
