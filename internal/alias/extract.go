package alias

import (
	"context"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// ParseClass is the class of the error of a command that does not match.
const ParseClass = "ParseException"

// command is a command with its pairs cut off.
type command struct {
	original string
	rest     string
	pairs    []pair
}

func parseCommand(b *value.Budget, text string) (*command, error) {
	pairs, rest, err := cutPairs(b, text)
	if err != nil {
		return nil, err
	}
	return &command{original: text, rest: rest, pairs: pairs}, nil
}

// Extract takes the parameters out of a command: texts, or null for a group of
// the format that took no part. A command that does not match is an error of
// class ParseClass.
func (p *Pattern) Extract(ctx context.Context, text string) (*value.Dict, error) {
	b := newBudget(ctx)
	c, err := parseCommand(b, text)
	if err != nil {
		return nil, err
	}
	return p.extract(b, c)
}

func (p *Pattern) extract(b *value.Budget, c *command) (*value.Dict, error) {
	m, err := p.regex.Search(b, c.rest)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, value.Errorf(ParseClass, `Command "%s" doesn't match format string "%s"`, c.original, p.format)
	}
	return p.params(m, c)
}

// ExtractAll takes the parameters of every place that matches, from left to
// right: what match_multiple asks for. No match is an empty list.
func (p *Pattern) ExtractAll(ctx context.Context, text string) ([]*value.Dict, error) {
	b := newBudget(ctx)
	c, err := parseCommand(b, text)
	if err != nil {
		return nil, err
	}
	var out []*value.Dict
	err = p.regex.Each(b, c.rest, 0, func(m *pyre.Match) (bool, error) {
		if err := b.Alloc(int64(len(c.pairs)+m.Regex().Groups)*64 + 64); err != nil {
			return false, err
		}
		params, err := p.params(m, c)
		out = append(out, params)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// params puts the parameters together: what the format took, defaults where that
// is empty, and pairs over both.
func (p *Pattern) params(m *pyre.Match, c *command) (*value.Dict, error) {
	out := m.GroupDict()
	for _, o := range p.optional {
		taken, known := out.GetStr(o.name)
		if !known {
			// A default that goes over several lines is no part of the pattern.
			return nil, value.KeyError(o.name)
		}
		if text, _ := value.AsString(taken); text == "" {
			out.SetStr(o.name, o.value)
		}
	}
	for _, pair := range c.pairs {
		out.SetStr(pair.key, pair.value)
	}
	if p.format != "" && len(value.SplitSpace(c.rest, -1)) == 0 && !anyText(out) {
		return nil, value.Errorf(ParseClass, "No value supplied and no default value found.")
	}
	return out, nil
}

func anyText(d *value.Dict) bool {
	for _, v := range d.All() {
		if text, _ := value.AsString(v); text != "" {
			return true
		}
	}
	return false
}
