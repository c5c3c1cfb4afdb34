package value

import "strings"

// window cuts s to [start:end] as find and friends take them, in bytes; before
// is the number of characters cut off. ok is false when start is beyond the end.
func (c *call) window(s string) (part string, before int64, ok bool, err error) {
	if len(c.args) < 2 {
		return s, 0, true, nil
	}
	n := int64(StrLen(s))
	bound := func(i int, def int64) (int64, error) {
		v := c.or(i, nil)
		if v == nil {
			return def, nil
		}
		k, err := slicePart(v)
		if err != nil {
			return 0, err
		}
		if k < 0 {
			k = max(k+n, 0)
		}
		return k, nil
	}
	start, err := bound(1, 0)
	if err != nil {
		return "", 0, false, err
	}
	end, err := bound(2, n)
	if err != nil {
		return "", 0, false, err
	}
	end = min(end, n)
	if start > end {
		return "", 0, false, nil
	}
	return Substring(s, int(start), int(end)), start, true, nil
}

func mFind(c *call) (any, error) {
	s, _ := AsString(c.self)
	part, before, ok, err := c.window(s)
	if err != nil {
		return nil, err
	}
	sub, err := wantStr(c.args[0])
	if err != nil {
		return nil, err
	}
	if c.name == "count" {
		if !ok {
			return int64(0), nil
		}
		if sub == "" {
			return int64(StrLen(part)) + 1, nil
		}
		return int64(strings.Count(part, sub)), nil
	}
	at := -1
	if ok {
		if c.name[0] == 'r' {
			at = strings.LastIndex(part, sub)
		} else {
			at = strings.Index(part, sub)
		}
	}
	if at >= 0 {
		return before + int64(StrLen(part[:at])), nil
	}
	if strings.HasSuffix(c.name, "index") {
		return nil, ValueErrorf("substring not found")
	}
	return int64(-1), nil
}

func mStartsWith(c *call) (any, error) {
	s, _ := AsString(c.self)
	part, _, ok, err := c.window(s)
	if err != nil {
		return nil, err
	}
	has := strings.HasPrefix
	if c.name == "endswith" {
		has = strings.HasSuffix
	}
	if options, isTuple := c.args[0].(Tuple); isTuple {
		for _, o := range options {
			text, isText := AsString(o)
			if !isText {
				return nil, TypeErrorf("tuple for %s must only contain str, not %s", c.name, TypeName(o))
			}
			if ok && has(part, text) {
				return true, nil
			}
		}
		return false, nil
	}
	text, isText := AsString(c.args[0])
	if !isText {
		return nil, TypeErrorf("%s first arg must be str or a tuple of str, not %s", c.name, TypeName(c.args[0]))
	}
	return ok && has(part, text), nil
}
