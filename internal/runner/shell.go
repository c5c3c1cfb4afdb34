package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// AppendStream writes what a shell's output stream held as a JSON value: itself,
// if it is a JSON document, also after a failure (st2), a string otherwise. One
// trailing newline goes, then one carriage return. Invalid UTF-8 is replaced;
// the original fails there and loses all output of the command. total is how
// many bytes were printed; when kept is less, the text says so.
func AppendStream(b *bytes.Buffer, kept []byte, total, limit int64) {
	if total > int64(len(kept)) {
		AppendText(b, Text(kept)+CutMark(total, limit))
		return
	}
	text := bytes.TrimSuffix(kept, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if !utf8.Valid(text) {
		text = []byte(Text(text))
	}
	if mayBeJSON(text) {
		before := b.Len()
		if err := json.Compact(b, text); err == nil {
			return
		}
		b.Truncate(before)
	}
	AppendText(b, text)
}

// mayBeJSON looks at the first character only, so that plain text, which is
// nearly all output, is not scanned for nothing.
func mayBeJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && strings.IndexByte(`{["-0123456789tfn`, text[0]) >= 0
}

var (
	wrongPassword = regexp.MustCompile(`sudo: \d+ incorrect password attempt`)
	passwordOf    = regexp.MustCompile(`\[sudo\] password for (.+?):`)
)

// RefusedPassword recognises sudo's complaint about the password it was given,
// and words it as st2 does.
func RefusedPassword(stderr []byte) (string, bool) {
	if !wrongPassword.Match(stderr) {
		return "", false
	}
	who := "unknown"
	if m := passwordOf.FindSubmatch(stderr); m != nil {
		who = Text(m[1])
	}
	return fmt.Sprintf("Invalid sudo password provided or sudo is not configured for this user (%s)", who), true
}
