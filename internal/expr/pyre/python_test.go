package pyre

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"squall/internal/expr/value"
)

// pythonCase is a pattern with what CPython 3.11 made of it.
type pythonCase struct {
	Pattern string    `json:"p"`
	Flags   int       `json:"f"`
	Err     [2]string `json:"e"` // class and message
	Texts   []struct {
		Text   string     `json:"s"`
		Search [][2]int   `json:"search"`
		Match  [][2]int   `json:"match"`
		Full   [][2]int   `json:"full"`
		All    []any      `json:"all"`
		Iter   [][][2]int `json:"iter"`
		Split  []any      `json:"split"`
		Split1 []any      `json:"split1"`
		Repl   string     `json:"repl"`
		Sub    []any      `json:"sub"`
		SubErr [2]string  `json:"suberr"`
	} `json:"t"`
}

// TestPython compares with a table recorded from CPython. PYRE_TABLE names
// another table, for wider comparisons by hand.
func TestPython(t *testing.T) {
	file := "testdata/python.json"
	if f := os.Getenv("PYRE_TABLE"); f != "" {
		file = f
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []pythonCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, c := range cases {
		if why := checkPython(c); why != "" {
			if bad++; bad <= 40 {
				t.Errorf("%q flags %d: %s", c.Pattern, c.Flags, why)
			}
		}
	}
	t.Logf("%d patterns, %d differ", len(cases), bad)
}

func checkPython(c pythonCase) string {
	r, err := Compile(c.Pattern, Flags(c.Flags))
	if c.Err[0] != "" || err != nil {
		if got := [2]string{value.ClassOf(err), value.MessageOf(err)}; got != c.Err {
			return fmt.Sprintf("compile: want %q, got %q", c.Err, got)
		}
		return ""
	}
	for _, x := range c.Texts {
		same := func(what string, want, got any) string {
			a, b := asJSON(want), asJSON(got)
			if a != b {
				return fmt.Sprintf("%s of %q: want %s, got %s", what, x.Text, a, b)
			}
			return ""
		}
		b := value.NewBudget(context.Background(), 50_000_000, 0, 0)
		search, err1 := r.Search(b, x.Text)
		match, err2 := r.Match(b, x.Text)
		full, err3 := r.FullMatch(b, x.Text)
		all, err4 := r.FindAll(b, x.Text)
		iter, err5 := r.FindIter(b, x.Text)
		split, err6 := r.Split(b, x.Text, 0)
		split1, err7 := r.Split(b, x.Text, 1)
		for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
			if err != nil {
				return fmt.Sprintf("%q: %v", x.Text, err)
			}
		}
		var spans [][][2]int
		for _, m := range iter {
			spans = append(spans, span(m))
		}
		for _, why := range []string{
			same("search", x.Search, span(search)), same("match", x.Match, span(match)), same("fullmatch", x.Full, span(full)),
			same("findall", emptyNil(x.All), emptyNil(all)), same("finditer", x.Iter, append([][][2]int{}, spans...)),
			same("split", x.Split, split), same("split 1", x.Split1, split1),
		} {
			if why != "" {
				return why
			}
		}
		got, n, err := r.Sub(b, x.Text, x.Repl, 0)
		if x.SubErr[0] != "" || err != nil {
			if e := [2]string{value.ClassOf(err), value.MessageOf(err)}; e != x.SubErr {
				return fmt.Sprintf("sub %q: want %q, got %q", x.Repl, x.SubErr, e)
			}
		} else if why := same("sub "+x.Repl, x.Sub, []any{got, n}); why != "" {
			return why
		}
	}
	return ""
}

func emptyNil(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func span(m *Match) [][2]int {
	if m == nil {
		return nil
	}
	var out [][2]int
	for g := range m.re.Groups + 1 {
		out = append(out, [2]int{m.Start(g), m.End(g)})
	}
	return out
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
