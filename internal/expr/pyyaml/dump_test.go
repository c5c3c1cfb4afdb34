package pyyaml

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"testing"
	"time"

	"squall/internal/expr/value"
)

// TestDumpLikePyYAML compares with a table recorded from PyYAML's CSafeDumper.
// PYYAML_DUMP_TABLE names another table.
func TestDumpLikePyYAML(t *testing.T) {
	file := "testdata/dump.json"
	if f := os.Getenv("PYYAML_DUMP_TABLE"); f != "" {
		file = f
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Value   any    `json:"v"`
		Text    string `json:"s"`
		Options struct {
			Indent  int   `json:"indent"`
			Unicode *bool `json:"allow_unicode"`
		} `json:"o"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, c := range cases {
		o := DumpOptions{Indent: c.Options.Indent, AllowUnicode: c.Options.Unicode == nil || *c.Options.Unicode}
		got, err := SafeDump(nil, decodeTable(t, c.Value), o)
		if err != nil || got != c.Text {
			if bad++; bad <= 20 {
				t.Errorf("%s %+v\nwant %q\n got %q (%v)", asJSON(c.Value), o, c.Text, got, err)
			}
		}
	}
	t.Logf("%d values, %d differ", len(cases), bad)
}

func asJSON(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func decodeTable(t *testing.T, v any) any {
	t.Helper()
	switch x := v.(type) {
	case []any:
		l := value.NewList()
		for _, item := range x {
			l.Items = append(l.Items, decodeTable(t, item))
		}
		return l
	case map[string]any:
		text, _ := x["v"].(string)
		switch x["$"] {
		case "int":
			n, _ := new(big.Int).SetString(text, 10)
			return value.NormInt(n)
		case "float":
			f, err := value.ParseFloat(text)
			if err != nil {
				t.Fatal(err)
			}
			return f
		case "bytes":
			b, _ := hex.DecodeString(text)
			return value.Bytes(b)
		case "tuple":
			out := value.Tuple{}
			for _, item := range x["v"].([]any) {
				out = append(out, decodeTable(t, item))
			}
			return out
		case "dict":
			d := value.NewDict(4)
			for _, pair := range x["v"].([]any) {
				kv := pair.([]any)
				d.Set(decodeTable(t, kv[0]), decodeTable(t, kv[1]))
			}
			return d
		case "date":
			d, err := time.Parse(time.DateOnly, text)
			if err != nil {
				t.Fatal(err)
			}
			return value.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}
		case "datetime":
			if d, err := time.Parse(time.RFC3339Nano, text); err == nil {
				return value.NewDateTime(d)
			}
			d, err := time.Parse("2006-01-02T15:04:05", text)
			if err != nil {
				t.Fatal(err)
			}
			return value.NewNaive(d)
		}
		t.Fatal("unknown value " + strconv.Quote(asJSON(v)))
	}
	return v
}

func TestDumpSharedAndRecursive(t *testing.T) {
	x := value.NewList(int64(1), value.DictOf("a", int64(2)))
	y := value.DictOf("k", x, "l", x, "m", value.NewList(x, x))
	z := value.NewList(int64(1))
	z.Items = append(z.Items, z)
	set, err := value.SetFrom([]any{"b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{y, "k: &id001\n- 1\n- a: 2\nl: *id001\nm:\n- *id001\n- *id001\n"},
		{z, "&id001\n- 1\n- *id001\n"},
		{value.DictOf("s", set), "s: !!set\n  a: null\n  b: null\n"},
		{value.NewList(value.NewList(), value.NewDict(0), value.Tuple{}), "- []\n- {}\n- []\n"},
		{"x", "x\n"},
	} {
		got, err := SafeDump(nil, c.v, DumpOptions{AllowUnicode: true})
		if err != nil || got != c.want {
			t.Errorf("want %q, got %q (%v)", c.want, got, err)
		}
	}
}

func TestDumpRefusesForeignObjects(t *testing.T) {
	_, err := SafeDump(nil, value.NewList(value.Markup("<b>")), DumpOptions{})
	if value.ClassOf(err) != "RepresenterError" {
		t.Errorf("got %v, want a RepresenterError", err)
	}
}
