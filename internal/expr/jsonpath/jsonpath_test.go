package jsonpath

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"squall/internal/expr/value"
)

// TestLikeJSONPathRW compares with a table recorded from jsonpath-rw 1.4.
// JSONPATH_TABLE names another table.
func TestLikeJSONPathRW(t *testing.T) {
	file := "testdata/jsonpath_rw.json"
	if f := os.Getenv("JSONPATH_TABLE"); f != "" {
		file = f
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Docs  []json.RawMessage `json:"docs"`
		Cases []struct {
			Query   string    `json:"q"`
			Err     [2]string `json:"e"`
			Results []struct {
				Values json.RawMessage `json:"v"`
				Err    [2]string       `json:"e"`
			} `json:"r"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	bad := 0
	differs := func(format string, args ...any) {
		if bad++; bad <= 30 {
			t.Errorf(format, args...)
		}
	}
	for _, c := range table.Cases {
		p, err := Parse(c.Query)
		if c.Err[0] != "" || err != nil {
			if got := [2]string{value.ClassOf(err), value.MessageOf(err)}; got != c.Err {
				differs("%q: want %q, got %q", c.Query, c.Err, got)
			}
			continue
		}
		for i, r := range c.Results {
			if r.Err[0] == "skip" {
				continue
			}
			doc, err := value.FromJSON(table.Docs[i])
			if err != nil {
				t.Fatal(err)
			}
			found, err := p.Find(value.NewBudget(t.Context(), 1_000_000, 64<<20, 0), doc)
			if r.Err[0] != "" || err != nil {
				if got := [2]string{value.ClassOf(err), value.MessageOf(err)}; got != r.Err {
					differs("%q in %s: want %q, got %q", c.Query, table.Docs[i], r.Err, got)
				}
				continue
			}
			want, err := value.FromJSON(r.Values)
			if err != nil {
				t.Fatal(err)
			}
			got := value.NewList(found...)
			a, _ := value.Repr(nil, want)
			b, _ := value.Repr(nil, got)
			if a != b {
				differs("%q in %s: want %s, got %s", c.Query, table.Docs[i], a, b)
			}
		}
	}
	t.Logf("%d queries, %d differences", len(table.Cases), bad)
}

func TestFindFrozen(t *testing.T) {
	doc := value.DictOf("a", value.DictOf("b", int64(1)), "l", value.NewList(int64(1), int64(2)))
	for _, c := range []struct{ query, want string }{
		{"a.b", "[1]"}, {"$..b", "[]"}, {"l[*]", "[1, 2]"}, {"*", "[{'b': 1}, [1, 2]]"},
	} {
		p, err := Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		found, err := p.FindFrozen(nil, doc)
		if got, _ := value.Repr(nil, value.NewList(found...)); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.query, got, err, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	wide := value.NewList()
	for range 200 {
		wide.Items = append(wide.Items, value.DictOf("a", value.NewList(int64(1), int64(2), int64(3))))
	}
	p, err := Parse("$" + strings.Repeat("..*", 30))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find(value.NewBudget(t.Context(), 200_000, 64<<20, 0), wide); err != nil && !errors.Is(err, value.ErrLimit) {
		t.Errorf("got %v", err)
	}
	union := "$..*"
	for range 12 {
		union = "(" + union + "|" + union + ")"
	}
	if p, err = Parse(union); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find(value.NewBudget(t.Context(), 200_000, 64<<20, 0), wide); !errors.Is(err, value.ErrLimit) {
		t.Errorf("union: got %v, want the limit's error", err)
	}
	if _, err := Parse(strings.Repeat("(", 10_000)); value.ClassOf(err) != "RecursionError" {
		t.Errorf("nesting: got %v", err)
	}
}
