package yaql

import (
	"strings"
	"unicode/utf8"

	"squall/internal/expr/value"
)

func addStrings(l *library) {
	compare := func(test func(a, b string) bool) func(c *call) (any, error) {
		return func(c *call) (any, error) { return test(c.str(0), c.str(1)), nil }
	}
	l.add("#operator_>", asFunction, "left: String, right: String", compare(func(a, b string) bool { return a > b }))
	l.add("#operator_<", asFunction, "left: String, right: String", compare(func(a, b string) bool { return a < b }))
	l.add("#operator_>=", asFunction, "left: String, right: String", compare(func(a, b string) bool { return a >= b }))
	l.add("#operator_<=", asFunction, "left: String, right: String", compare(func(a, b string) bool { return a <= b }))
	l.add("#operator_in", asFunction, "left: String, right: String", compare(func(a, b string) bool { return strings.Contains(b, a) }))
	l.add("concat #operator_+", asFunction, "*args: String", concatStrings)
	l.add("#operator_*", asFunction, "left: String, right: int", func(c *call) (any, error) {
		return c.repeat(c.args[0], c.args[1], int64(utf8.RuneCountInString(c.str(0))))
	})
	l.add("#operator_*", asFunction, "left: int, right: String", func(c *call) (any, error) {
		return c.repeat(c.args[1], c.args[0], int64(utf8.RuneCountInString(c.str(1))))
	})

	l.add("len", extension, "string: String", func(c *call) (any, error) { return int64(value.StrLen(c.str(0))), nil })
	l.add("toUpper", asMethod, "string: String", strMethod("upper"))
	l.add("toLower", asMethod, "string: String", strMethod("lower"))
	l.add("split", asMethod, "string: String, separator: String? = null, maxSplits: int = -1", splitMethod("split"))
	l.add("rightSplit", asMethod, "string: String, separator: String? = null, maxSplits: int = -1", splitMethod("rsplit"))
	l.add("join", asMethod, "sequence: Iterable, separator: String", func(c *call) (any, error) { return joinStrings(c, c.args[0], c.str(1)) })
	l.add("join", asMethod, "separator: String, sequence: Iterable", func(c *call) (any, error) { return joinStrings(c, c.args[1], c.str(0)) })
	l.add("str", asFunction, "value: any", func(c *call) (any, error) { return c.ev.yaqlStr(c.args[0]) })
	l.add("trim", asMethod, "string: String, chars: String? = null", strMethod("strip"))
	l.add("trimLeft", asMethod, "string: String, chars: String? = null", strMethod("lstrip"))
	l.add("trimRight", asMethod, "string: String, chars: String? = null", strMethod("rstrip"))
	l.add("norm", extension, "string: String?, chars: String? = null", norm)
	l.add("isEmpty", extension, "string: String?, trim: bool = true, chars: String? = null", isEmpty)
	l.add("replace", asMethod, "string: String, old: String, new: String, count: int = -1", strMethod("replace"))
	l.add("replace", asMethod, "string: String, replacements: dict, count: int = -1", replaceDict)
	l.add("substring", asMethod, "string: String, start: int, length: int = -1", substring)
	l.add("indexOf", asMethod, "string: String, sub: String, start: int = 0", strMethod("find"))
	l.add("lastIndexOf", asMethod, "string: String, sub: String, start: int = 0", strMethod("rfind"))
	l.add("indexOf", asMethod, "string: String, sub: String, start: int, length: int", indexIn("find"))
	l.add("lastIndexOf", asMethod, "string: String, sub: String, start: int, length: int", indexIn("rfind"))
	l.add("toCharArray", asMethod, "string: String", func(c *call) (any, error) { return c.chars(c.str(0)) })
	l.add("characters", asFunction, "digits: bool? = false, hexdigits: bool? = false, asciiLowercase: bool? = false, "+
		"asciiUppercase: bool? = false, asciiLetters: bool? = false, letters: bool? = false, octdigits: bool? = false, "+
		"punctuation: bool? = false, printable: bool? = false, lowercase: bool? = false, uppercase: bool? = false, "+
		"whitespace: bool? = false", characters)
	l.add("isString", asFunction, "arg: any", func(c *call) (any, error) { return value.IsString(c.args[0]), nil })
	l.add("startsWith", asMethod, "string: String, *prefixes: String", anyAffix(strings.HasPrefix))
	l.add("endsWith", asMethod, "string: String, *suffixes: String", anyAffix(strings.HasSuffix))
	l.add("hex", asFunction, "num: Number?", hex)
}

// callStr calls a method of Python's str.
func (ev *evaluation) callStr(s, name string, args ...any) (any, error) {
	m, ok := value.Method(ev.budget, s, name)
	if !ok {
		return nil, value.AttributeErrorf("'str' object has no attribute '%s'", name)
	}
	return m.Call(args, nil)
}

// strMethod passes all arguments to a method of Python's str.
func strMethod(name string) func(c *call) (any, error) {
	return func(c *call) (any, error) { return c.ev.callStr(c.str(0), name, c.args[1:]...) }
}

// splitMethod also makes the list one of the expression's own.
func splitMethod(name string) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		v, err := c.ev.callStr(c.str(0), name, c.args[1:]...)
		if l, ok := v.(*value.List); ok {
			return &list{l.Items}, err
		}
		return v, err
	}
}

func concatStrings(c *call) (any, error) {
	n := 0
	for _, a := range c.rest {
		n += len(a.(string))
	}
	if err := c.ev.alloc(int64(n)); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(n)
	for _, a := range c.rest {
		b.WriteString(a.(string))
	}
	return b.String(), nil
}

// repeat is seq * n; the memory quota counts the size of seq n times.
func (c *call) repeat(seq, n any, length int64) (any, error) {
	if q := c.ev.eng.opts.MemoryQuota; q > 0 {
		k := int64(clampInt(n))
		if k > 0 && objectSize(seq) > (q+49*(k-1))/k {
			return nil, value.Errorf(classMemory, "Expression consumed too much memory")
		}
	}
	if items, ok := seqItems(seq); ok {
		l, err := value.Repeat(c.ev.budget, &value.List{Items: items}, n)
		if err != nil {
			return nil, err
		}
		return likeSeq(seq, l.(*value.List).Items), nil
	}
	return value.Repeat(c.ev.budget, seq, n)
}

// yaqlStr is the function str: like Python's but for null and booleans.
func (ev *evaluation) yaqlStr(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case string:
		return v, nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	}
	return strOf(ev.budget, v)
}

// delegateStr calls str by name, so that an expression may have redefined it.
func (ev *evaluation) delegateStr(f *frame, v any) (any, error) {
	if f.hasFuncs {
		return ev.callValues("str", f, v)
	}
	return ev.yaqlStr(v)
}

func joinStrings(c *call, seq any, sep string) (any, error) {
	it, err := c.ev.iterate(seq)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i := 0; ; i++ {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return b.String(), nil
		}
		if v, err = c.ev.delegateStr(c.frame, v); err != nil {
			return nil, err
		}
		s, ok := v.(string)
		if !ok {
			return nil, value.TypeErrorf("sequence item %d: expected str instance, %s found", i, typeName(v))
		}
		if err := c.ev.alloc(int64(len(s) + len(sep))); err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
}

func norm(c *call) (any, error) {
	if c.args[0] == nil {
		return nil, nil
	}
	v, err := c.ev.callStr(c.str(0), "strip", c.args[1])
	if v == "" {
		return nil, err
	}
	return v, err
}

func isEmpty(c *call) (any, error) {
	if c.args[0] == nil {
		return true, nil
	}
	var v any = c.str(0)
	if c.args[1] == true {
		var err error
		if v, err = c.ev.callStr(c.str(0), "strip", c.args[2]); err != nil {
			return nil, err
		}
	}
	return v == "", nil
}

func replaceDict(c *call) (any, error) {
	var s any = c.str(0)
	for k, v := range c.dict(1).All() {
		old, err := c.ev.delegateStr(c.frame, k)
		if err != nil {
			return nil, err
		}
		with, err := c.ev.delegateStr(c.frame, v)
		if err != nil {
			return nil, err
		}
		if s, err = c.ev.callStr(s.(string), "replace", old, with, c.args[2]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func substring(c *call) (any, error) {
	s := c.str(0)
	n := value.StrLen(s)
	start, length := c.small(1), c.small(2)
	if length < 0 {
		length = n
	}
	if start < 0 {
		start += n
	}
	end := start + length
	if end < start { // overflow
		end = maxInt
	}
	// A slice whose bounds may still be negative counts from the end.
	return value.Substring(s, clampIndex(start, n), clampIndex(end, n)), nil
}

// clampIndex resolves a slice bound as Python does.
func clampIndex(i, n int) int {
	if i < 0 {
		i += n
	}
	return max(0, min(i, n))
}

func indexIn(name string) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		n := value.StrLen(c.str(0))
		start, length := c.small(2), c.small(3)
		if start < 0 {
			start += n
		}
		if length < 0 {
			length = n - start
		}
		end := start + length
		if end < start && length > 0 {
			end = maxInt
		}
		return c.ev.callStr(c.str(0), name, c.args[1], int64(start), int64(end))
	}
}

func (c *call) chars(s string) (any, error) {
	if err := c.ev.alloc(32 * int64(len(s))); err != nil {
		return nil, err
	}
	out := make(value.Tuple, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out, nil
}

const (
	digits      = "0123456789"
	lowerCase   = "abcdefghijklmnopqrstuvwxyz"
	upperCase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	whitespace  = " \t\n\r\v\f"
)

// characters gives the distinct characters of the wanted classes. Three of the
// names exist in Python 2 only; asking for them fails upstream, too.
func characters(c *call) (any, error) {
	classes := [...]struct{ name, chars string }{
		{"digits", digits}, {"hexdigits", digits + "abcdefABCDEF"}, {"ascii_lowercase", lowerCase},
		{"ascii_uppercase", upperCase}, {"ascii_letters", lowerCase + upperCase}, {"letters", ""},
		{"octdigits", "01234567"}, {"punctuation", punctuation},
		{"printable", digits + lowerCase + upperCase + punctuation + whitespace},
		{"lowercase", ""}, {"uppercase", ""}, {"whitespace", whitespace},
	}
	out := value.Tuple{}
	var seen [128]bool
	for i, class := range classes {
		if c.args[i] != true {
			continue
		}
		if class.chars == "" {
			return nil, value.AttributeErrorf("module 'string' has no attribute '%s'", class.name)
		}
		for j := range len(class.chars) {
			if ch := class.chars[j]; !seen[ch] {
				seen[ch] = true
				out = append(out, class.chars[j:j+1])
			}
		}
	}
	return out, nil
}

func anyAffix(test func(s, affix string) bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		for _, a := range c.rest {
			if test(c.str(0), a.(string)) {
				return true, nil
			}
		}
		return false, nil
	}
}

func hex(c *call) (any, error) {
	if !value.IsInt(c.args[0]) {
		return nil, value.TypeErrorf("'%s' object cannot be interpreted as an integer", typeName(c.args[0]))
	}
	return value.Printf(c.ev.budget, "%#x", c.args[0])
}
