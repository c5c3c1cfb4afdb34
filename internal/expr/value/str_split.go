package value

import (
	"slices"
	"strings"
)

// SplitSpace is s.split(None, max): fields separated by Unicode white space; a
// negative max means no limit.
func SplitSpace(s string, max int64) []string {
	var out []string
	for max != 0 {
		s = trimLeftSpace(s)
		if s == "" {
			return out
		}
		i := indexSpace(s)
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		s = s[i:]
		max--
	}
	if s = trimLeftSpace(s); s != "" {
		out = append(out, s)
	}
	return out
}

// RSplitSpace is s.rsplit(None, max).
func RSplitSpace(s string, max int64) []string {
	var out []string
	for max != 0 {
		s = trimRightSpace(s)
		if s == "" {
			slices.Reverse(out)
			return out
		}
		i := lastIndexSpace(s)
		out = append(out, s[i:])
		s = s[:i]
		if i == 0 {
			break
		}
		max--
	}
	if s = trimRightSpace(s); s != "" {
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

func indexSpace(s string) int { return strings.IndexFunc(s, isSpace) }

// lastIndexSpace returns where the last run without white space begins.
func lastIndexSpace(s string) int {
	for i := len(s); i > 0; {
		r, n := decodeLastRune(s[:i])
		if isSpace(r) {
			return i
		}
		i -= n
	}
	return 0
}

func trimLeftSpace(s string) string  { return strings.TrimLeftFunc(s, isSpace) }
func trimRightSpace(s string) string { return strings.TrimRightFunc(s, isSpace) }

// splitOn is s.split(sep, max); sep is not empty.
func splitOn(s, sep string, max int64) []string {
	if max < 0 || max >= int64(len(s)) {
		return strings.Split(s, sep)
	}
	return strings.SplitN(s, sep, int(max)+1)
}

// rsplitOn is s.rsplit(sep, max).
func rsplitOn(s, sep string, max int64) []string {
	var out []string
	for max != 0 {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out = append(out, s[i+len(sep):])
		s = s[:i]
		max--
	}
	out = append(out, s)
	slices.Reverse(out)
	return out
}

// Splitlines is s.splitlines(keep).
func Splitlines(s string, keep bool) []string {
	var out []string
	for s != "" {
		end, next := len(s), len(s)
		for i := 0; i < len(s); {
			r, n := decodeRune(s[i:])
			if isLineBreak(r) {
				end, next = i, i+n
				if r == '\r' && next < len(s) && s[next] == '\n' {
					next++
				}
				break
			}
			i += n
		}
		if keep {
			end = next
		}
		out = append(out, s[:end])
		s = s[next:]
	}
	return out
}

func isLineBreak(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

// stringList makes a list of strings, charging its slots.
func stringList(b *Budget, parts []string) (any, error) {
	if err := b.Alloc(int64(len(parts)) * 32); err != nil {
		return nil, err
	}
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return &List{Items: items}, nil
}

func mSplit(c *call) (any, error) {
	return splitMethod(c, SplitSpace, splitOn)
}

func mRSplit(c *call) (any, error) {
	return splitMethod(c, RSplitSpace, rsplitOn)
}

func splitMethod(c *call, space func(string, int64) []string, on func(s, sep string, max int64) []string) (any, error) {
	s, _ := AsString(c.self)
	limit, err := c.size(1, -1)
	if err != nil {
		return nil, err
	}
	// The parts are charged as if there were one per two bytes at most.
	if err := c.b.Step(int64(len(s)) >> 5); err != nil {
		return nil, err
	}
	sep := c.or(0, nil)
	if sep == nil {
		return stringList(c.b, space(s, limit))
	}
	text, ok := AsString(sep)
	if !ok {
		return nil, TypeErrorf("must be str or None, not %s", TypeName(sep))
	}
	if text == "" {
		return nil, ValueErrorf("empty separator")
	}
	return stringList(c.b, on(s, text, limit))
}

func mSplitlines(c *call) (any, error) {
	s, _ := AsString(c.self)
	keep, err := c.cInt(0, 0)
	if err != nil {
		return nil, err
	}
	return stringList(c.b, Splitlines(s, keep != 0))
}

func mPartition(c *call) (any, error) {
	s, _ := AsString(c.self)
	sep, err := wantStr(c.args[0])
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, ValueErrorf("empty separator")
	}
	if c.name == "rpartition" {
		if i := strings.LastIndex(s, sep); i >= 0 {
			return Tuple{s[:i], sep, s[i+len(sep):]}, nil
		}
		return Tuple{"", "", s}, nil
	}
	if before, after, ok := strings.Cut(s, sep); ok {
		return Tuple{before, sep, after}, nil
	}
	return Tuple{s, "", ""}, nil
}

func wantStr(v any) (string, error) {
	s, ok := AsString(v)
	if !ok {
		return "", TypeErrorf("must be str, not %s", TypeName(v))
	}
	return s, nil
}
