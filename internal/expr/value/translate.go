package value

import "slices"

func mTranslate(c *call) (any, error) {
	s, _ := AsString(c.self)
	if err := c.b.Step(int64(len(s))); err != nil {
		return nil, err
	}
	var out []byte
	charged := 0
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		v, err := GetItem(c.b, c.args[0], int64(r))
		switch {
		case IsClass(err, "LookupError"):
			out = append(out, s[i:i+n]...)
		case err != nil:
			return nil, err
		default:
			if out, err = appendTranslated(out, v); err != nil {
				return nil, err
			}
		}
		i += n
		if len(out)-charged > 4096 {
			if err := c.b.Alloc(int64(len(out) - charged)); err != nil {
				return nil, err
			}
			charged = len(out)
		}
	}
	return string(out), nil
}

func appendTranslated(out []byte, v any) ([]byte, error) {
	if v == nil {
		return out, nil
	}
	if t, ok := AsString(v); ok {
		return append(out, t...), nil
	}
	if !isIntLike(v) {
		return nil, TypeErrorf("character mapping must return integer, None or str")
	}
	n, ok := asInt(v)
	if !ok || n < 0 || n > 0x10ffff {
		return nil, ValueErrorf("character mapping must be in range(0x110000)")
	}
	return appendRune(out, rune(n)), nil
}

func mMakeTrans(c *call) (any, error) {
	out := NewDict(0)
	if len(c.args) == 1 {
		d, ok := c.args[0].(*Dict)
		if !ok {
			return nil, TypeErrorf("if you give only one argument to maketrans it must be a dict")
		}
		for k, v := range d.All() {
			if text, ok := AsString(k); ok {
				if StrLen(text) != 1 {
					return nil, ValueErrorf("string keys in translate table must be of length 1")
				}
				r, _ := decodeRune(text)
				k = int64(r)
			} else if !IsInt(k) {
				return nil, TypeErrorf("keys in translate table must be strings or integers")
			}
			out.Set(k, v)
		}
		return out, nil
	}
	var texts [3][]rune
	for i, a := range slices.Backward(c.args) {
		text, ok := AsString(a)
		switch {
		case ok:
			texts[i] = runes(text)
		case i == 0:
			return nil, TypeErrorf("first maketrans argument must be a string if there is a second argument")
		case i == 2 && !IsString(c.args[1]):
		default:
			return nil, TypeErrorf("maketrans() argument %d must be str, not %s", i+1, argType(a))
		}
	}
	if len(texts[0]) != len(texts[1]) {
		return nil, ValueErrorf("the first two maketrans arguments must have equal length")
	}
	for i, r := range texts[0] {
		out.Set(int64(r), int64(texts[1][i]))
	}
	for _, r := range texts[2] {
		out.Set(int64(r), nil)
	}
	return out, nil
}
