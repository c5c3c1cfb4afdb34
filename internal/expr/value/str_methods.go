package value

import (
	"strings"
)

var strMethods = map[string]*method{
	"capitalize":   noArgs(textMap(Capitalize)),
	"casefold":     noArgs(textMap(Casefold)),
	"center":       unpack(1, 2, mJustify),
	"count":        parsed(1, 3, mFind),
	"encode":       keywords(0, mEncode, "encoding", "errors"),
	"endswith":     parsed(1, 3, mStartsWith),
	"expandtabs":   keywords(0, mExpandTabs, "tabsize"),
	"find":         parsed(1, 3, mFind),
	"index":        parsed(1, 3, mFind),
	"isalnum":      noArgs(textTest(isAlnum)),
	"isalpha":      noArgs(textTest(isAlpha)),
	"isascii":      noArgs(func(c *call) (any, error) { s, _ := AsString(c.self); return isASCII(s), nil }),
	"isdecimal":    noArgs(textTest(isDecimal)),
	"isdigit":      noArgs(textTest(isDigit)),
	"isidentifier": noArgs(func(c *call) (any, error) { s, _ := AsString(c.self); return IsIdentifier(s), nil }),
	"islower":      noArgs(caseTest(isLower)),
	"isnumeric":    noArgs(textTest(isNumericRune)),
	"isprintable":  noArgs(func(c *call) (any, error) { s, _ := AsString(c.self); return IsPrintable(s), nil }),
	"isspace":      noArgs(textTest(isSpace)),
	"istitle":      noArgs(mIsTitle),
	"isupper":      noArgs(caseTest(isUpper)),
	"join":         oneArg(mJoin),
	"ljust":        unpack(1, 2, mJustify),
	"lower":        noArgs(textMap(Lower)),
	"lstrip":       unpack(0, 1, mStrip),
	"maketrans":    unpack(1, 3, mMakeTrans),
	"partition":    oneArg(mPartition),
	"removeprefix": oneArg(mRemoveAffix),
	"removesuffix": oneArg(mRemoveAffix),
	"replace":      unpack(2, 3, mReplace),
	"rfind":        parsed(1, 3, mFind),
	"rindex":       parsed(1, 3, mFind),
	"rjust":        unpack(1, 2, mJustify),
	"rpartition":   oneArg(mPartition),
	"rsplit":       keywords(0, mRSplit, "sep", "maxsplit"),
	"rstrip":       unpack(0, 1, mStrip),
	"split":        keywords(0, mSplit, "sep", "maxsplit"),
	"splitlines":   keywords(0, mSplitlines, "keepends"),
	"startswith":   parsed(1, 3, mStartsWith),
	"strip":        unpack(0, 1, mStrip),
	"swapcase":     noArgs(textMap(Swapcase)),
	"title":        noArgs(textMap(Title)),
	"translate":    oneArg(mTranslate),
	"upper":        noArgs(textMap(Upper)),
	"zfill":        oneArg(mZfill),
}

// textMap makes a method of a text to text function. Case mapping at most
// triples the bytes of a text.
func textMap(f func(string) string) methodFunc {
	return func(c *call) (any, error) {
		s, _ := AsString(c.self)
		if err := c.b.Alloc(int64(len(s))); err != nil {
			return nil, err
		}
		return f(s), nil
	}
}

// textTest makes the methods that ask something of every character.
func textTest(f func(rune) bool) methodFunc {
	return func(c *call) (any, error) {
		s, _ := AsString(c.self)
		if s == "" {
			return false, nil
		}
		for _, r := range s {
			if !f(r) {
				return false, nil
			}
		}
		return true, nil
	}
}

// caseTest makes islower and isupper: some cased character, none of another case.
func caseTest(want func(rune) bool) methodFunc {
	return func(c *call) (any, error) {
		s, _ := AsString(c.self)
		found := false
		for _, r := range s {
			if want(r) {
				found = true
			} else if isCased(r) {
				return false, nil
			}
		}
		return found, nil
	}
}

// IsPrintable is s.isprintable().
func IsPrintable(s string) bool {
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		if !isPrintable(r) {
			return false
		}
		i += n
	}
	return true
}

func mIsTitle(c *call) (any, error) {
	s, _ := AsString(c.self)
	found, inWord := false, false
	for _, r := range s {
		switch {
		case isUpper(r) || isTitle(r):
			if inWord {
				return false, nil
			}
			found, inWord = true, true
		case isLower(r):
			if !inWord {
				return false, nil
			}
			found, inWord = true, true
		default:
			inWord = false
		}
	}
	return found, nil
}

func mJustify(c *call) (any, error) {
	s, _ := AsString(c.self)
	width, err := c.size(0, 0)
	if err != nil {
		return nil, err
	}
	fill := " "
	if v, ok := c.given(1); ok {
		if fill, ok = AsString(v); !ok {
			return nil, TypeErrorf("The fill character must be a unicode character, not %s", TypeName(v))
		}
		if StrLen(fill) != 1 {
			return nil, TypeErrorf("The fill character must be exactly one character long")
		}
	}
	room := width - int64(StrLen(s))
	if room <= 0 {
		return s, nil
	}
	var left int64
	switch c.name {
	case "rjust":
		left = room
	case "center":
		// CPython puts the odd space on the left when the width is odd.
		left = room/2 + room&width&1
	}
	head, err := repeatText(c.b, fill, left)
	if err != nil {
		return nil, err
	}
	tail, err := repeatText(c.b, fill, room-left)
	if err != nil {
		return nil, err
	}
	return head + s + tail, nil
}

func mZfill(c *call) (any, error) {
	s, _ := AsString(c.self)
	width, err := c.size(0, 0)
	if err != nil {
		return nil, err
	}
	room := width - int64(StrLen(s))
	if room <= 0 {
		return s, nil
	}
	zeros, err := repeatText(c.b, "0", room)
	if err != nil {
		return nil, err
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return s[:1] + zeros + s[1:], nil
	}
	return zeros + s, nil
}

func mStrip(c *call) (any, error) {
	s, _ := AsString(c.self)
	chars := c.or(0, nil)
	inSet := isSpace
	if chars != nil {
		set, ok := AsString(chars)
		if !ok {
			return nil, TypeErrorf("%s arg must be None or str", c.name)
		}
		inSet = func(r rune) bool { return strings.ContainsRune(set, r) }
		if len(set) > 64 {
			members := make(map[rune]bool)
			for _, r := range set {
				members[r] = true
			}
			inSet = func(r rune) bool { return members[r] }
		}
	}
	if c.name != "rstrip" {
		s = strings.TrimLeftFunc(s, inSet)
	}
	if c.name != "lstrip" {
		s = strings.TrimRightFunc(s, inSet)
	}
	return s, nil
}

func mRemoveAffix(c *call) (any, error) {
	s, _ := AsString(c.self)
	affix, ok := AsString(c.args[0])
	if !ok {
		return nil, TypeErrorf("%s() argument must be str, not %s", c.name, argType(c.args[0]))
	}
	if c.name == "removeprefix" {
		return strings.TrimPrefix(s, affix), nil
	}
	return strings.TrimSuffix(s, affix), nil
}

func mReplace(c *call) (any, error) {
	s, _ := AsString(c.self)
	var text [2]string
	for i := range text {
		t, ok := AsString(c.args[i])
		if !ok {
			return nil, TypeErrorf("replace() argument %d must be str, not %s", i+1, argType(c.args[i]))
		}
		text[i] = t
	}
	limit, err := c.size(2, -1)
	if err != nil {
		return nil, err
	}
	return Replace(c.b, s, text[0], text[1], limit)
}

// Replace is s.replace(from, to, limit); a negative limit means all.
func Replace(b *Budget, s, from, to string, limit int64) (string, error) {
	if limit == 0 || from == to {
		return s, nil
	}
	n := int64(strings.Count(s, from))
	if from == "" {
		n = int64(StrLen(s)) + 1
	}
	if limit > 0 {
		n = min(n, limit)
	}
	if grow := int64(len(to) - len(from)); grow > 0 && n > maxAlloc/grow {
		return "", memoryError()
	}
	if err := b.Alloc(int64(len(s)) + n*int64(len(to)-len(from))); err != nil {
		return "", err
	}
	return strings.Replace(s, from, to, int(n)), nil
}

func mJoin(c *call) (any, error) {
	s, _ := AsString(c.self)
	return Join(c.b, s, c.args[0])
}

// Join is sep.join(items).
func Join(b *Budget, sep string, items any) (string, error) {
	if !IsIterable(items) {
		return "", TypeErrorf("can only join an iterable")
	}
	parts, err := Elements(b, items)
	if err != nil {
		return "", err
	}
	total := int64(0)
	for i, p := range parts {
		t, ok := AsString(p)
		if !ok {
			return "", TypeErrorf("sequence item %d: expected str instance, %s found", i, TypeName(p))
		}
		if i > 0 {
			total += int64(len(sep))
		}
		total += int64(len(t))
	}
	if err := b.Alloc(total); err != nil {
		return "", err
	}
	var out strings.Builder
	out.Grow(int(total))
	for i, p := range parts {
		if i > 0 {
			out.WriteString(sep)
		}
		t, _ := AsString(p)
		out.WriteString(t)
	}
	return out.String(), nil
}

func mExpandTabs(c *call) (any, error) {
	s, _ := AsString(c.self)
	size, err := c.cInt(0, 8)
	if err != nil {
		return nil, err
	}
	if err := c.b.Alloc(int64(len(s)) + int64(strings.Count(s, "\t"))*max(size, 0)); err != nil {
		return nil, err
	}
	var out strings.Builder
	col := int64(0)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch r {
		case '\t':
			if size > 0 {
				pad := size - col%size
				out.WriteString(strings.Repeat(" ", int(pad)))
				col += pad
			}
		case '\n', '\r':
			out.WriteByte(s[i])
			col = 0
		default:
			out.WriteString(s[i : i+n])
			col++
		}
		i += n
	}
	return out.String(), nil
}
