package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"squall/internal/expr/value"
)

// Load reads all cases of a suite below root, sorted by category and id. A
// suite that is not there gives no cases.
func Load(root string, s Suite) ([]*Case, error) {
	if s.Load != nil {
		return s.Load(root)
	}
	dir := filepath.Join(root, s.Name)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	sort.Strings(files)
	var out []*Case
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		v, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		list, ok := v.(*value.List)
		if !ok {
			return nil, fmt.Errorf("%s: not a list of cases", f)
		}
		category := strings.TrimSuffix(filepath.Base(f), ".json")
		for i, item := range list.Items {
			raw, ok := item.(*value.Dict)
			if !ok {
				return nil, fmt.Errorf("%s: case %d is not an object", f, i)
			}
			out = append(out, newCase(s, category, raw))
		}
	}
	return out, nil
}

func newCase(s Suite, category string, raw *value.Dict) *Case {
	text := func(d *value.Dict, key string) string {
		v, _ := d.GetStr(key)
		t, _ := v.(string)
		return t
	}
	dict := func(key string) (*value.Dict, bool) {
		v, _ := raw.GetStr(key)
		d, ok := v.(*value.Dict)
		if !ok {
			d = value.NewDict(0)
		}
		return d, ok
	}
	c := &Case{Suite: s.Name, Category: category, ID: text(raw, "id"), Mode: text(raw, "mode"), Source: text(raw, "source"), Raw: raw}
	for _, key := range s.Input {
		if v, ok := raw.GetStr(key); ok {
			c.Input = v
		}
	}
	c.Context, c.HasContext = dict("context")
	c.Options, _ = dict("options")
	expect, _ := dict("expect")
	c.Expect.Value, _ = expect.GetStr("value")
	c.Expect.Error = text(expect, "error")
	c.Expect.Message = text(expect, "message")
	c.Expect.Origin = text(expect, "origin")
	c.Expect.Cause = text(expect, "cause")
	return c
}
