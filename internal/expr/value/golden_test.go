package value

import (
	"bufio"
	"os"
	"strings"
	"testing"
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
	return nil, Errorf("UnknownOperation", "%s", op)
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
