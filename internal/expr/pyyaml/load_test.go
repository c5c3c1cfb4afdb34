package pyyaml

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"squall/internal/expr/value"
)

// loadCase is a text with what PyYAML's CSafeLoader made of it.
type loadCase struct {
	Source string          `json:"s"`
	Value  json.RawMessage `json:"v"`
	Err    [2]string       `json:"e"`
}

// TestLoadLikePyYAML compares with a recorded table. PYYAML_TABLE names
// another table, for wider comparisons by hand.
func TestLoadLikePyYAML(t *testing.T) {
	file := "testdata/load.json"
	if f := os.Getenv("PYYAML_TABLE"); f != "" {
		file = f
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []loadCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, c := range cases {
		kind, why := checkLoad(c)
		if why == "" {
			continue
		}
		kinds[kind]++
		if kinds[kind] <= 25 {
			t.Errorf("%s: %q\n   %s", kind, c.Source, why)
		}
	}
	t.Logf("%d texts, differences: %v", len(cases), kinds)
}

func checkLoad(c loadCase) (kind, why string) {
	v, err := SafeLoad(value.NewBudget(context.Background(), 10_000_000, 1<<30, 0), c.Source)
	if c.Err[0] != "" {
		if err == nil {
			return "accepted", fmt.Sprintf("want %q, got %s", c.Err, encode(v, nil))
		}
		if value.ClassOf(err) != c.Err[0] {
			return "class", fmt.Sprintf("want %q, got %v", c.Err, err)
		}
		if value.MessageOf(err) != c.Err[1] {
			return "message", fmt.Sprintf("want %q, got %v", c.Err, err)
		}
		return "", ""
	}
	if err != nil {
		return "refused", fmt.Sprintf("want %s, got %v", c.Value, err)
	}
	var want any
	if err := json.Unmarshal(c.Value, &want); err != nil {
		return "table", err.Error()
	}
	a, _ := json.Marshal(want)
	var got any
	_ = json.Unmarshal([]byte(encode(v, nil)), &got)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		return "value", fmt.Sprintf("want %s, got %s", a, b)
	}
	return "", ""
}

// encode writes a value the way the table does.
func encode(v any, path []any) string {
	obj := func(kind, text string) string {
		quoted, _ := json.Marshal(text)
		return fmt.Sprintf(`{"$":%q,"v":%s}`, kind, quoted)
	}
	switch v.(type) {
	case *value.List, *value.Dict:
		if slices.Contains(path, v) {
			return `{"$":"cycle"}`
		}
		path = append(slices.Clone(path), v)
	}
	list := func(items []any) string {
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = encode(item, path)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	switch x := v.(type) {
	case nil, bool, string:
		data, _ := json.Marshal(x)
		return string(data)
	case float64:
		return obj("float", value.FloatRepr(x))
	case value.Bytes:
		return obj("bytes", hex.EncodeToString([]byte(x)))
	case value.DateTime, value.Date:
		s, _ := value.Str(nil, x)
		return obj(strings.TrimPrefix(value.TypeName(x), "datetime."), s)
	case *value.List:
		return list(x.Items)
	case value.Tuple:
		return `{"$":"tuple","v":` + list(x) + "}"
	case *value.Set:
		parts := []string{}
		for _, item := range x.Items() {
			parts = append(parts, encode(item, path))
		}
		slices.Sort(parts)
		return `{"$":"set","v":[` + strings.Join(parts, ",") + "]}"
	case *value.Dict:
		parts := []string{}
		for k, item := range x.All() {
			parts = append(parts, "["+encode(k, path)+","+encode(item, path)+"]")
		}
		return `{"$":"dict","v":[` + strings.Join(parts, ",") + "]}"
	}
	s, _ := value.Str(nil, v)
	return obj("int", s)
}
