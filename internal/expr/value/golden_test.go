package value

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"
)

// TestCPython compares with what CPython 3.11 answered; see
// testdata/generate.py for the format and the cases.
func TestCPython(t *testing.T) {
	file, err := os.Open("testdata/cpython.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	failed, total := 0, 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		op, rest, _ := strings.Cut(lines.Text(), "\t")
		input, want, ok := strings.Cut(rest, "\t")
		if !ok {
			t.Fatalf("malformed line %q", lines.Text())
		}
		total++
		if got := runGolden(t, op, input); got != want {
			if failed++; failed <= 40 {
				t.Errorf("%s %s\n got %s\nwant %s", op, input, got, want)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if failed > 0 {
		t.Errorf("%d of %d cases differ", failed, total)
	}
}

func runGolden(t *testing.T, op, input string) string {
	t.Helper()
	v, err := Literal(nil, input)
	if err != nil {
		t.Fatalf("arguments of %s %s: %v", op, input, err)
	}
	args := v.(Tuple)
	result, err := golden(op, args)
	if err != nil {
		return goldenError(err)
	}
	text, err := ASCII(nil, result)
	if err != nil {
		return goldenError(err)
	}
	return text
}

func goldenError(err error) string {
	text := "!" + ClassOf(err) + ": " + MessageOf(err)
	if strings.Contains(text, "<ast.") {
		text = strings.TrimSuffix(text, " object>") // followed by an address in Python
	}
	text = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(text)
	out := []byte(nil)
	for _, r := range runes(text) {
		if r < 0x80 {
			out = append(out, byte(r))
		} else {
			out = appendUnicodeEscape(out, r)
		}
	}
	return string(out)
}

// golden runs one operation of generate.py.
func golden(op string, args Tuple) (any, error) {
	arg := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	kind, name, _ := strings.Cut(op, ":")
	switch kind {
	case "m":
		return CallMethod(nil, args[0], name, args[1:], nil)
	case "mm":
		v, err := CallMethod(nil, args[0], name, args[1:], nil)
		return Tuple{v, args[0]}, err
	case "ms":
		s, err := SetFrom(args[0].(*List).Items)
		if err != nil {
			return nil, err
		}
		v, err := CallMethod(nil, s, name, args[1:], nil)
		return Tuple{v, s}, err
	case "b":
		return BinaryOp(nil, name, args[0], args[1])
	case "c":
		return Compare(nil, name, args[0], args[1])
	case "in":
		return Contains(nil, args[1], args[0])
	case "item":
		return GetItem(nil, args[0], args[1])
	case "slice":
		return Slice(nil, args[0], args[1], args[2], args[3])
	case "repr":
		return Repr(nil, args[0])
	case "ascii":
		return ASCII(nil, args[0])
	case "len":
		n, err := Length(args[0])
		return int64(n), err
	case "truth":
		return Truth(args[0])
	case "abs":
		return Abs(nil, args[0])
	case "neg":
		return Neg(nil, args[0])
	case "invert":
		return Invert(nil, args[0])
	case "int":
		if len(args) > 1 {
			return ToIntBase(nil, args[0], args[1])
		}
		return ToInt(nil, args[0])
	case "float":
		return ToFloat(args[0])
	case "round":
		return Round(nil, args[0], arg(1))
	case "divmod":
		q, m, err := DivMod(nil, args[0], args[1])
		return Tuple{q, m}, err
	case "sorted":
		return Sorted(nil, args[0], nil, arg(1) == true)
	case "format":
		return FormatSpec(nil, args[0], args[1].(string))
	case "printf":
		return Printf(nil, args[0].(string), args[1])
	case "strformat":
		kw := &Kwargs{}
		for k, v := range args[2].(*Dict).All() {
			kw.Set(k.(string), v)
		}
		return Format(nil, args[0].(string), args[1].(Tuple), kw, nil)
	case "formatmap":
		return FormatMap(nil, args[0].(string), args[1], nil)
	case "dumps":
		o := JSONOptions{SortKeys: args[2].(bool), KeepUnicode: !args[3].(bool)}
		if err := o.IndentOf(args[1]); err != nil {
			return nil, err
		}
		return DumpJSON(nil, args[0], o)
	case "dumpsep":
		return DumpJSON(nil, args[0], JSONOptions{ItemSep: args[1].(string), KeySep: args[2].(string)})
	case "loads":
		return LoadJSON(nil, args[0].(string))
	case "literal":
		return Literal(nil, args[0].(string))
	case "setorder":
		return goldenSetOrder(args[0].(*List).Items, args[1].(*List).Items)
	case "setop":
		a, err := SetFrom(args[0].(*List).Items)
		if err != nil {
			return nil, err
		}
		b, err := SetFrom(args[1].(*List).Items)
		if err != nil {
			return nil, err
		}
		v, err := BinaryOp(nil, name, a, b)
		if err != nil {
			return nil, err
		}
		return &List{Items: v.(*Set).Items()}, nil
	}
	return goldenDates(kind, name, args)
}

// goldenDates runs the operations on dates and spans, and calls with keywords.
func goldenDates(kind, name string, args Tuple) (any, error) {
	moment := func(i int) DateTime {
		a := args[i].(Tuple)
		n := make([]int64, 7)
		for k := range n {
			n[k] = a[k].(int64)
		}
		var zone *time.Location
		if off, ok := a[7].(int64); ok {
			zone = FixedZone(TimeSpan(off) * Second)
		}
		d, err := MakeDateTime(n[0], n[1], n[2], n[3], n[4], n[5], n[6], zone)
		if err != nil {
			panic(err)
		}
		return d
	}
	text := func(v any, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		return Str(nil, v)
	}
	span := func(i int) TimeSpan { return TimeSpan(args[i].(int64)) }
	switch kind {
	case "dattr":
		return GetAttr(nil, moment(0), name)
	case "tdattr":
		return GetAttr(nil, span(0), name)
	case "dt":
		return text(CallMethod(nil, moment(0), name, args[1:], nil))
	case "dtrepr":
		return moment(0).repr() + moment(0).String(), nil
	case "tdrepr":
		return span(0).String() + span(0).repr(), nil
	case "dtshift":
		return text(Add(nil, moment(0), span(1)))
	case "dtdiff":
		return text(Sub(nil, moment(0), moment(1)))
	case "dtless":
		return Less(nil, moment(0), moment(1))
	case "dtequal":
		return Equal(moment(0), moment(1)), nil
	case "tdnum":
		return text(BinaryOp(nil, name, span(0), args[1]))
	case "tdtd":
		return text(BinaryOp(nil, name, span(0), span(1)))
	case "kw", "kwm":
		kw := &Kwargs{}
		for k, v := range args[2].(*Dict).All() {
			kw.Set(k.(string), v)
		}
		v, err := CallMethod(nil, args[0], name, args[1].(Tuple), kw)
		if kind == "kwm" && err == nil {
			return Tuple{v, args[0]}, nil
		}
		return v, err
	}
	return nil, Errorf("UnknownOperation", "%s", kind)
}

func goldenSetOrder(seq, drop []any) (any, error) {
	s, err := SetFrom(seq)
	if err != nil {
		return nil, err
	}
	for _, v := range drop {
		if _, err := s.Discard(v); err != nil {
			return nil, err
		}
	}
	for _, v := range seq[:len(seq)/3] {
		if err := s.Add(v); err != nil {
			return nil, err
		}
	}
	return &List{Items: s.Items()}, nil
}
