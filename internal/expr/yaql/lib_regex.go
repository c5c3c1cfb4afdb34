package yaql

import (
	"errors"
	"strconv"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// regexValue is a compiled pattern.
type regexValue struct {
	re     *pyre.Regex
	source string
	flags  pyre.Flags
}

// TypeName implements value.Object.
func (*regexValue) TypeName() string { return "re.Pattern" }

// ReprText implements value.Reprer.
func (r *regexValue) ReprText() (string, error) {
	text := "re.compile(" + value.StrRepr(r.source)
	sep := ", "
	for _, f := range []struct {
		flag pyre.Flags
		name string
	}{{pyre.IgnoreCase, "re.IGNORECASE"}, {pyre.MultiLine, "re.MULTILINE"}, {pyre.DotAll, "re.DOTALL"}, {pyre.Verbose, "re.VERBOSE"}, {pyre.ASCII, "re.ASCII"}} {
		if r.re.Flags&f.flag != 0 {
			text += sep + f.name
			sep = "|"
		}
	}
	return text + ")", nil
}

// EqualTo implements value.Equaler: patterns compare by text and flags.
func (r *regexValue) EqualTo(other any) (eq, known bool, err error) {
	o, ok := other.(*regexValue)
	return ok && o.source == r.source && o.re.Flags == r.re.Flags, true, nil
}

// HashCode implements value.Hasher.
func (r *regexValue) HashCode() (uint64, error) { return value.Hash(r.source) }

// compileRegex compiles and charges a pattern.
func (c *call) compileRegex(pattern string, flags pyre.Flags) (*regexValue, error) {
	if err := c.ev.steps(1 + len(pattern)); err != nil {
		return nil, err
	}
	re, err := pyre.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	return &regexValue{re: re, source: pattern, flags: flags}, nil
}

func addRegex(l *library) {
	l.add("regex", asFunction, "pattern: String, ignoreCase: bool? = false, multiLine: bool? = false, dotAll: bool? = false", func(c *call) (any, error) {
		var flags pyre.Flags
		for i, f := range []pyre.Flags{pyre.IgnoreCase, pyre.MultiLine, pyre.DotAll} {
			if c.args[i+1] == true {
				flags |= f
			}
		}
		return c.compileRegex(c.str(0), flags)
	})
	// found searches the text of argument s with the pattern of argument r.
	found := func(r, s int, want bool) func(*call) (any, error) {
		return func(c *call) (any, error) {
			re, err := c.pattern(r)
			if err != nil {
				return nil, err
			}
			m, err := re.Search(c.ev.budget, c.str(s))
			return (m != nil) == want, err
		}
	}
	l.add("matches", asMethod, "regexp: regex, string: String", found(0, 1, true))
	l.add("matches", asMethod, "string: String, regexp: String", found(1, 0, true))
	l.add("#operator_=~", asFunction, "string: String, regexp: regex", found(1, 0, true))
	l.add("#operator_=~", asFunction, "string: String, pattern: String", found(1, 0, true))
	l.add("#operator_!~", asFunction, "string: String, regexp: regex", found(1, 0, false))
	l.add("#operator_!~", asFunction, "string: String, pattern: String", found(1, 0, false))
	l.add("search", asMethod, "regexp: regex, string: String, selector: LambdaCtx = null", search)
	l.add("searchAll", asMethod, "regexp: regex, string: String, selector: LambdaCtx = null", searchAll)
	split := func(r, s int) func(*call) (any, error) {
		return func(c *call) (any, error) {
			re, err := c.pattern(r)
			if err != nil {
				return nil, err
			}
			n, err := c.ssize(2)
			if err != nil {
				return nil, err
			}
			items, err := re.Split(c.ev.budget, c.str(s), n)
			return &list{items}, err
		}
	}
	l.add("split", asMethod, "regexp: regex, string: String, maxSplit: int = 0", split(0, 1))
	l.add("split", asMethod, "string: String, regexp: regex, maxSplit: int = 0", split(1, 0))
	replace := func(r, s int) func(*call) (any, error) {
		return func(c *call) (any, error) {
			re, err := c.pattern(r)
			if err != nil {
				return nil, err
			}
			n, err := c.ssize(3)
			if err != nil {
				return nil, err
			}
			text, _, err := re.Sub(c.ev.budget, c.str(s), c.str(2), n)
			return text, err
		}
	}
	l.add("replace", asMethod, "regexp: regex, string: String, repl: String, count: int = 0", replace(0, 1))
	l.add("replace", asMethod, "string: String, regexp: regex, repl: String, count: int = 0", replace(1, 0))
	l.add("replaceBy", asMethod, "regexp: regex, string: String, repl: LambdaCtx, count: int = 0", replaceBy(0, 1))
	l.add("replaceBy", asMethod, "string: String, regexp: regex, repl: LambdaCtx, count: int = 0", replaceBy(1, 0))
	l.add("escapeRegex", asFunction, "string: String", func(c *call) (any, error) { return pyre.Escape(c.str(0)), nil })
	l.add("isRegex", asFunction, "value: any", func(c *call) (any, error) {
		_, ok := c.args[0].(*regexValue)
		return ok, nil
	})
}

// pattern gives argument i, a pattern or the text of one.
func (c *call) pattern(i int) (*pyre.Regex, error) {
	if r, ok := c.args[i].(*regexValue); ok {
		return r.re, nil
	}
	r, err := c.compileRegex(c.str(i), 0)
	if err != nil {
		return nil, err
	}
	return r.re, nil
}

// publish binds $1 to the whole match and $2... to its groups. Named groups
// fail as they do in the original, which takes the text of each apart as if it
// were a pair.
func publish(c *call, f *frame, m *pyre.Match) error {
	record := func(v any, start, end int) any {
		d := value.NewDict(3)
		d.SetStr("value", v)
		d.SetStr("start", int64(start))
		d.SetStr("end", int64(end))
		return &dict{d: d}
	}
	groups := m.Groups()
	if err := c.ev.alloc(200 * int64(len(groups)+1)); err != nil {
		return err
	}
	for g := range len(groups) + 1 {
		f.set(strconv.Itoa(g+1), record(m.Group(g), m.Start(g), m.End(g)))
	}
	for _, v := range m.GroupDict().All() {
		s, ok := v.(string)
		if !ok {
			return value.TypeErrorf("cannot unpack non-iterable NoneType object")
		}
		switch n := value.StrLen(s); {
		case n < 2:
			return value.ValueErrorf("not enough values to unpack (expected 2, got %d)", n)
		case n > 2:
			return value.ValueErrorf("too many values to unpack (expected 2)")
		}
		key, name := value.Substring(s, 0, 1), value.Substring(s, 1, 2)
		g, ok := m.Regex().GroupIndex(name)
		if !ok {
			return value.IndexErrorf("no such group")
		}
		f.set(key, record(name, m.Start(g), m.End(g)))
	}
	return nil
}

func search(c *call) (any, error) {
	re, err := c.pattern(0)
	if err != nil {
		return nil, err
	}
	m, err := re.Search(c.ev.budget, c.str(1))
	if err != nil || m == nil {
		return nil, err
	}
	return c.selectMatch(m)
}

// selectMatch gives the text of a match, or what the selector makes of it.
func (c *call) selectMatch(m *pyre.Match) (any, error) {
	l := c.lambda(2)
	if l == nil {
		return m.Text(0), nil
	}
	f := c.child()
	if err := publish(c, f, m); err != nil {
		return nil, err
	}
	return l.in(f, nil, nil)
}

func searchAll(c *call) (any, error) {
	return c.lazy(func() (iteration, error) {
		re, err := c.pattern(0)
		if err != nil {
			return nil, err
		}
		all, err := re.FindIter(c.ev.budget, c.str(1))
		if err != nil {
			return nil, err
		}
		i := 0
		return func() (any, bool, error) {
			if i == len(all) {
				return nil, false, nil
			}
			i++
			v, err := c.selectMatch(all[i-1])
			return v, true, err
		}, nil
	})
}

func replaceBy(r, s int) func(*call) (any, error) {
	return func(c *call) (any, error) {
		re, err := c.pattern(r)
		if err != nil {
			return nil, err
		}
		n, err := c.ssize(3)
		if err != nil {
			return nil, err
		}
		// All matches publish into one context: a group that a later match
		// does not have keeps its last value only if it is not a group.
		f := c.child()
		text, _, err := re.SubFunc(c.ev.budget, c.str(s), func(m *pyre.Match) (string, error) {
			if err := publish(c, f, m); err != nil {
				return "", err
			}
			v, err := c.lambda(2).in(newFrame(f), nil, nil)
			if err != nil {
				return "", err
			}
			if v == nil {
				return "", nil // Python drops None from the parts
			}
			t, ok := v.(string)
			if !ok {
				return "", &notText{v}
			}
			return t, nil
		}, n)
		if bad, ok := errors.AsType[*notText](err); ok {
			return nil, value.TypeErrorf("sequence item 0: expected str instance, %s found", typeName(bad.v))
		}
		return text, err
	}
}

// notText carries a replacement that is no text out of the callback.
type notText struct{ v any }

func (*notText) Error() string { return "replacement is not text" }
