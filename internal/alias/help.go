package alias

import (
	"context"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// HelpQuery chooses lines of help.
type HelpQuery struct {
	Filter        string // a regular expression searched in the display, ignoring case; "": any
	Pack          string // "": any
	Limit, Offset int    // 0 or less: no limit, from the start
}

// HelpLine is one wording of an alias for people.
type HelpLine struct{ Pack, Display, Description string }

// Help lists what can be said, in the order of the aliases and a page of it, and
// how many lines there are in all. Disabled aliases and formats without display
// are left out.
func Help(ctx context.Context, aliases []*squall.Alias, q HelpQuery) (page []HelpLine, available int, err error) {
	var filter *pyre.Regex
	b := newBudget(ctx)
	var lines []HelpLine
	for _, a := range aliases {
		if !a.Enabled || q.Pack != "" && q.Pack != a.Ref.Pack {
			continue
		}
		for _, f := range a.Formats {
			if f.Display == "" {
				continue
			}
			if filter == nil {
				// A bad filter is an error only when something is filtered (st2).
				if filter, err = pyre.Compile(q.Filter, pyre.IgnoreCase); err != nil {
					return nil, 0, err
				}
			}
			m, err := filter.Search(b, f.Display)
			if err != nil {
				return nil, 0, err
			}
			if m != nil {
				lines = append(lines, HelpLine{a.Ref.Pack, f.Display, a.Description})
			}
		}
	}
	from := min(max(q.Offset, 0), len(lines))
	to := len(lines)
	if q.Limit > 0 && q.Limit < to-from {
		to = from + q.Limit
	}
	return lines[from:to], len(lines), nil
}

// PageNumber reads a limit or an offset that a client gave as any value.
func PageNumber(v any) (int, error) {
	if v, ok := v.(bool); ok { // true is 1 to Python
		if v {
			return 1, nil
		}
		return 0, nil
	}
	n, ok := value.AsInt(v)
	if !ok {
		return 0, value.TypeErrorf("limit or offset argument is not an integer")
	}
	return int(n), nil
}
