package value

import (
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

var intMethods = map[string]*method{
	"as_integer_ratio": noArgs(func(c *call) (any, error) {
		n, err := Pos(c.self)
		return Tuple{n, int64(1)}, err
	}),
	"bit_count": noArgs(func(c *call) (any, error) {
		z, _ := asBig(c.self)
		n := int64(0)
		for _, w := range z.Bits() {
			n += int64(bits.OnesCount(uint(w)))
		}
		return n, nil
	}),
	"bit_length": noArgs(func(c *call) (any, error) { return int64(bitLen(c.self)), nil }),
	"conjugate":  noArgs(func(c *call) (any, error) { return Pos(c.self) }),
	"from_bytes": keywords(1, mFromBytes, "bytes", "byteorder", "signed"),
	"to_bytes":   keywords(0, mToBytes, "length", "byteorder", "signed"),
}

var floatMethods = map[string]*method{
	"as_integer_ratio": noArgs(mFloatRatio),
	"conjugate":        noArgs(func(c *call) (any, error) { return c.self, nil }),
	"fromhex":          oneArg(mFromHex),
	"hex":              noArgs(func(c *call) (any, error) { return floatHex(c.self.(float64)), nil }),
	"is_integer": noArgs(func(c *call) (any, error) {
		f := c.self.(float64)
		return f == math.Trunc(f) && !math.IsInf(f, 0), nil
	}),
}

func (c *call) byteOrder(i int) (big bool, err error) {
	order, ok := AsString(c.or(i, "big"))
	if !ok {
		return false, TypeErrorf("%s() argument 'byteorder' must be str, not %s", c.name, TypeName(c.or(i, nil)))
	}
	if order != "big" && order != "little" {
		return false, ValueErrorf("byteorder must be either 'little' or 'big'")
	}
	return order == "big", nil
}

func mToBytes(c *call) (any, error) {
	length, err := c.size(0, 1)
	if err != nil {
		return nil, err
	}
	bigEndian, err := c.byteOrder(1)
	if err != nil {
		return nil, err
	}
	signed, err := Truth(c.or(2, false))
	if err != nil {
		return nil, err
	}
	if length < 0 {
		return nil, ValueErrorf("length argument must be non-negative")
	}
	if err := c.b.Alloc(length); err != nil {
		return nil, err
	}
	z, _ := asBig(c.self)
	if z.Sign() < 0 && !signed {
		return nil, OverflowErrorf("can't convert negative int to unsigned")
	}
	// Two's complement: -(n+1) has the same number of significant bits.
	magnitude := z
	if z.Sign() < 0 {
		magnitude = new(big.Int).Not(z)
	}
	room := length * 8
	if signed {
		room--
	}
	if int64(magnitude.BitLen()) > room && !(length == 0 && z.Sign() == 0) {
		return nil, OverflowErrorf("int too big to convert")
	}
	out := magnitude.FillBytes(make([]byte, length))
	if z.Sign() < 0 {
		for i := range out {
			out[i] = ^out[i]
		}
	}
	if !bigEndian {
		slices.Reverse(out)
	}
	return Bytes(out), nil
}

func mFromBytes(c *call) (any, error) {
	var raw []byte
	switch x := c.args[0].(type) {
	case Bytes:
		raw = []byte(x)
	default:
		items, err := Elements(c.b, x)
		if err != nil {
			return nil, TypeErrorf("cannot convert '%s' object to bytes", TypeName(x))
		}
		for _, item := range items {
			n, err := AsIndex(item)
			if err != nil {
				return nil, err
			}
			if n < 0 || n > 255 {
				return nil, ValueErrorf("bytes must be in range(0, 256)")
			}
			raw = append(raw, byte(n))
		}
	}
	bigEndian, err := c.byteOrder(1)
	if err != nil {
		return nil, err
	}
	signed, err := Truth(c.or(2, false))
	if err != nil {
		return nil, err
	}
	if !bigEndian {
		slices.Reverse(raw)
	}
	z := new(big.Int).SetBytes(raw)
	if signed && len(raw) > 0 && raw[0] >= 0x80 {
		z.Sub(z, new(big.Int).Lsh(big.NewInt(1), uint(len(raw)*8)))
	}
	return NormInt(z), nil
}

func mFloatRatio(c *call) (any, error) {
	f := c.self.(float64)
	if math.IsNaN(f) {
		return nil, ValueErrorf("cannot convert NaN to integer ratio")
	}
	if math.IsInf(f, 0) {
		return nil, OverflowErrorf("cannot convert Infinity to integer ratio")
	}
	r := new(big.Rat)
	r.SetFloat64(f)
	return Tuple{NormInt(new(big.Int).Set(r.Num())), NormInt(new(big.Int).Set(r.Denom()))}, nil
}

// floatHex is float.hex: all 52 bits of the fraction, always.
func floatHex(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return FloatRepr(f)
	}
	sign := ""
	if math.Signbit(f) {
		sign = "-"
	}
	b := math.Float64bits(f)
	exp := int(b>>52&0x7ff) - 1023
	frac := b & (1<<52 - 1)
	lead := "1"
	switch {
	case exp == -1023 && frac == 0:
		return sign + "0x0.0p+0"
	case exp == -1023:
		lead, exp = "0", -1022
	}
	digits := strconv.FormatUint(frac, 16)
	digits = strings.Repeat("0", 13-len(digits)) + digits
	e := strconv.Itoa(exp)
	if exp >= 0 {
		e = "+" + e
	}
	return sign + "0x" + lead + "." + digits + "p" + e
}

func mFromHex(c *call) (any, error) {
	text, ok := AsString(c.args[0])
	if !ok {
		return nil, TypeErrorf("fromhex() argument must be str, not %s", TypeName(c.args[0]))
	}
	s := strings.ToLower(strings.TrimFunc(text, isSpace))
	body := strings.TrimLeft(s, "+-")
	switch body {
	case "inf", "infinity", "nan":
		return ParseFloat(s)
	}
	if len(s)-len(body) > 1 || strings.ContainsAny(body, "_+") && !strings.Contains(body, "p+") {
		return nil, ValueErrorf("invalid hexadecimal floating-point string")
	}
	full := s[:len(s)-len(body)] + "0x" + strings.TrimPrefix(body, "0x")
	if !strings.Contains(full, "p") {
		full += "p0"
	}
	f, err := strconv.ParseFloat(full, 64)
	if err != nil {
		if math.IsInf(f, 0) {
			return nil, OverflowErrorf("hexadecimal value too large to represent as a float")
		}
		return nil, ValueErrorf("invalid hexadecimal floating-point string")
	}
	return f, nil
}
