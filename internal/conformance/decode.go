package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"

	"squall/internal/expr/value"
)

// Typed stands in expectations for values that cannot be written as such:
// it is compared by kind, not by value.
type Typed struct {
	Kind string // the corpus's $t: datetime, timespan, opaque, undefined, markup
	Text string
	Num  int64
}

// wantSet and wantMap stand for expected sets and dicts with typed members,
// which cannot be made as such.
type (
	wantSet []any
	wantMap [][2]any
)

// decode reads JSON into values: integers of any size, floats where a point
// or exponent is written, objects in their order, $t forms as what they mean.
func decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decodeValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

func decodeValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			l := value.NewList()
			for dec.More() {
				v, err := decodeValue(dec)
				if err != nil {
					return nil, err
				}
				l.Items = append(l.Items, v)
			}
			_, err := dec.Token()
			return l, err
		}
		d := value.NewDict(4)
		for dec.More() {
			k, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			d.SetStr(k.(string), v)
		}
		if _, err := dec.Token(); err != nil {
			return nil, err
		}
		return fromTyped(d)
	case json.Number:
		return number(t.String())
	default:
		return tok, nil
	}
}

func number(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, _, err := big.ParseFloat(s, 10, 53, big.ToNearestEven)
		if err != nil {
			return nil, err
		}
		x, _ := f.Float64()
		return x, nil
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, fmt.Errorf("bad number %q", s)
	}
	return value.NormInt(n), nil
}

// fromTyped turns a $t object into what it stands for.
func fromTyped(d *value.Dict) (any, error) {
	kind, ok := d.GetStr("$t")
	if !ok {
		return d, nil
	}
	v, _ := d.GetStr("v")
	switch kind {
	case "set":
		items := v.(*value.List).Items
		if s, err := value.SetFrom(items); err == nil {
			return s, nil
		}
		return wantSet(items), nil
	case "tuple":
		return value.Tuple(v.(*value.List).Items), nil
	case "map":
		m := value.NewDict(4)
		var pairs wantMap
		for _, pair := range v.(*value.List).Items {
			kv := pair.(*value.List).Items
			pairs = append(pairs, [2]any{kv[0], kv[1]})
			if m != nil && m.SetChecked(kv[0], kv[1]) != nil {
				m = nil
			}
		}
		if m == nil {
			return pairs, nil
		}
		return m, nil
	case "float":
		switch v {
		case "nan":
			return math.NaN(), nil
		case "inf":
			return math.Inf(1), nil
		case "-inf":
			return math.Inf(-1), nil
		}
	case "timespan":
		us, _ := d.GetStr("us")
		n, _ := us.(int64)
		return Typed{Kind: "timespan", Num: n}, nil
	case "datetime", "opaque", "undefined", "markup", "bytes":
		text, _ := v.(string)
		return Typed{Kind: kind.(string), Text: text}, nil
	}
	return nil, fmt.Errorf("unknown typed value %v", kind)
}
