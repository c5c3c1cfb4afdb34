package cli

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestItemNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parameters []string
		want       []string
	}{
		"a value that differs":      {[]string{`{"cmd":"df","path":"/"}`, `{"cmd":"df","path":"/tmp"}`}, []string{"/", "/tmp"}},
		"a name inside":             {[]string{`{"a":1,"group":{"host":{"name":"hv1"}}}`, `{"a":2,"group":{"host":{"name":"hv2"}}}`}, []string{"hv1", "hv2"}},
		"numbers":                   {[]string{`{"n":1}`, `{"n":2.5}`}, []string{"1", "2.5"}},
		"lists of one":              {[]string{`{"hosts":["a"]}`, `{"hosts":["b"]}`}, []string{"a", "b"}},
		"twice the same":            {[]string{`{"n":1}`, `{"n":1}`}, []string{"", ""}},
		"masked":                    {[]string{`{"n":"********"}`, `{"n":"a"}`}, []string{"", ""}},
		"not in all":                {[]string{`{"n":1}`, `{}`}, []string{"", ""}},
		"no parameters":             {[]string{``, ``}, []string{"", ""}},
		"one item has nothing else": {[]string{`{"path":"/"}`}, []string{"/"}},
	} {
		var list []*tree
		for i, p := range c.parameters {
			list = append(list, &tree{ID: fmt.Sprint(i), Task: "t", Item: &i, parameters: []byte(p)})
		}
		list = append(list, &tree{ID: "other", Task: "u"})
		names := itemNames(list)
		var got []string
		for i := range c.parameters {
			got = append(got, names[fmt.Sprint(i)])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
