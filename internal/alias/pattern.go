package alias

import (
	"context"
	"strings"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// Limits of one command against one format. They are far beyond what people type.
const (
	maxFormat  = 16 << 10 // bytes of a format
	maxCommand = 64 << 10 // bytes of a command
	maxSteps   = 2_000_000
	maxBytes   = 64 << 20
)

// Pattern is one compiled representation of a format.
type Pattern struct {
	format   string
	regex    *pyre.Regex
	optional []optional
}

// optional is a parameter with a default.
type optional struct{ name, value string }

// Compile prepares a representation. A format that is no regular expression
// once its parameters are put in gives the error of class "error" that Python
// gives for it.
func Compile(format string) (*Pattern, error) {
	if len(format) > maxFormat {
		return nil, value.Errorf("LimitError", "format is longer than %d bytes", maxFormat)
	}
	p := &Pattern{format: format}
	b := newBudget(context.Background())
	var err error
	if p.optional, err = defaults(b, format); err != nil {
		return nil, err
	}
	text, err := expand(b, format)
	if err != nil {
		return nil, err
	}
	begin, end, err := pyre.Anchors(text, pyre.DotAll)
	if err != nil {
		return nil, err
	}
	if !begin {
		text = `^\s*` + text
	}
	if !end {
		text += `\s*$`
	}
	p.regex, err = pyre.Compile(text, pyre.DotAll)
	return p, err
}

func newBudget(ctx context.Context) *value.Budget { return value.NewBudget(ctx, maxSteps, maxBytes, 0) }

// Format is the representation as written.
func (p *Pattern) Format() string { return p.format }

// The forms a default or the value of a pair may have. The first group that
// took part holds the value; empty quotes have none.
const (
	delimited = `""|''|"(.+?)"|'(.+?)'|({.+?})`
	nameForm  = `\s*(\S+?)\s*`
)

// parameter is what a parameter of a format becomes: the value stands between
// quotes, in braces, or is as short as the rest allows.
var parameterForms = strings.Join([]string{`(?<=').+?(?=')`, `(?<=").+?(?=")`, `{.+?}`, `.+?`}, "|")

var (
	optionalForm = `{{` + nameForm + `\s*=\s*(?:` + delimited + `|(.+?))\s*}}`
	requiredForm = `{{` + nameForm + `}}`

	// Defaults are looked for across lines, but only those on one line become
	// part of the pattern (st2).
	defaultRegex  = mustCompile(optionalForm, pyre.DotAll)
	optionalRegex = mustCompile(`(\s*)`+optionalForm, 0)
	requiredRegex = mustCompile(`(\s*)`+requiredForm, 0)
)

func mustCompile(pattern string, flags pyre.Flags) *pyre.Regex {
	r, err := pyre.Compile(pattern, flags)
	if err != nil {
		panic(err) // a constant
	}
	return r
}

// defaults lists the optional parameters of a format.
func defaults(b *value.Budget, format string) ([]optional, error) {
	var out []optional
	err := defaultRegex.Each(b, format, 0, func(m *pyre.Match) (bool, error) {
		out = append(out, optional{m.Text(1), joined(m, 2)})
		return true, nil
	})
	return out, err
}

// joined is the text of the groups from g on, of which at most one took part.
func joined(m *pyre.Match, g int) string {
	var out strings.Builder
	for ; g <= m.Regex().Groups; g++ {
		out.WriteString(m.Text(g))
	}
	return out.String()
}

// expand puts groups in place of the parameters of a format. The blanks before a
// parameter belong to it, so that an optional one may be missing with them.
func expand(b *value.Budget, format string) (string, error) {
	text, _, err := optionalRegex.SubFunc(b, format, func(m *pyre.Match) (string, error) {
		return `(?:` + parameter(m) + `)?`, nil
	}, 0)
	if err != nil {
		return "", err
	}
	text, _, err = requiredRegex.SubFunc(b, text, func(m *pyre.Match) (string, error) { return parameter(m), nil }, 0)
	return text, err
}

func parameter(m *pyre.Match) string {
	return m.Text(1) + `["\']?(?P<` + m.Text(2) + `>(?:` + parameterForms + `))["\']?`
}
