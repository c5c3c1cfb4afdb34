package alias

import (
	"context"
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Book holds compiled aliases in the order in which they are tried.
type Book struct {
	entries  []entry
	problems []Problem
}

// entry is one representation of an alias.
type entry struct {
	hit     Hit
	pattern *Pattern
}

// Hit is a representation that a command matches.
type Hit struct {
	Alias          *squall.Alias
	Format         int // index in Alias.Formats
	Representation string
	MatchMultiple  bool
	// HelpOnly: the format has a display and no representation. It stands for the
	// empty format, which matches a command of nothing but pairs (st2).
	HelpOnly bool
	Params   *value.Dict
}

// Problem is a representation that cannot be matched.
type Problem struct {
	Alias          *squall.Alias
	Representation string
	Err            error
}

// Error tells a person whose format is wrong.
func (p Problem) Error() string {
	return fmt.Sprintf("alias %s: format %q: %s", p.Alias.Ref, p.Representation, value.MessageOf(p.Err))
}

// Unwrap gives the reason.
func (p Problem) Unwrap() error { return p.Err }

// NewBook compiles aliases. Formats that are no patterns are left out and listed
// by Problems. Disabled aliases are the caller's to leave out.
func NewBook(aliases []*squall.Alias) *Book {
	b := &Book{}
	for _, a := range aliases {
		for i, f := range a.Formats {
			if f.Display != "" && len(f.Representation) == 0 {
				b.add(Hit{Alias: a, Format: i, HelpOnly: true})
				continue
			}
			for _, r := range f.Representation {
				b.add(Hit{Alias: a, Format: i, Representation: r, MatchMultiple: f.MatchMultiple})
			}
		}
	}
	return b
}

func (b *Book) add(h Hit) {
	p, err := Compile(h.Representation)
	if err != nil {
		b.problems = append(b.problems, Problem{h.Alias, h.Representation, err})
		return
	}
	b.entries = append(b.entries, entry{h, p})
}

// Problems lists the representations that are no patterns.
func (b *Book) Problems() []Problem { return b.problems }

// Match lists every representation that a command matches, in order, and those
// that could not be tried to the end. An error means that nothing was tried: the
// command is too long, or ctx has ended.
func (b *Book) Match(ctx context.Context, text string) ([]Hit, []Problem, error) {
	c, err := parseCommand(newBudget(ctx), text)
	if err != nil {
		return nil, nil, fmt.Errorf("match command: %w", err)
	}
	var hits []Hit
	var problems []Problem
	for _, e := range b.entries {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("match command: %w", err)
		}
		params, err := e.pattern.extract(newBudget(ctx), c)
		switch {
		case err == nil:
			h := e.hit
			h.Params = params
			hits = append(hits, h)
		case !value.IsClass(err, ParseClass):
			problems = append(problems, Problem{e.hit.Alias, e.hit.Representation, err})
		}
	}
	return hits, problems, nil
}

// Resolve finds the one alias that a command means: the only hit among ordinary
// formats or, without any there, among those marked match_multiple. None and
// several are errors of class NotFoundClass and AmbiguousClass.
func (b *Book) Resolve(ctx context.Context, text string) (Hit, error) {
	hits, _, err := b.Match(ctx, text)
	if err != nil {
		return Hit{}, err
	}
	for _, multiple := range []bool{false, true} {
		var found []Hit
		for _, h := range hits {
			if h.MatchMultiple == multiple {
				found = append(found, h)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return Hit{}, value.Errorf(AmbiguousClass, "Command '%s' matched more than one pattern", text)
		}
	}
	return Hit{}, value.Errorf(NotFoundClass, "Command '%s' matched no patterns", text)
}

// Classes of the errors of Resolve.
const (
	NotFoundClass  = "ActionAliasNotFound"
	AmbiguousClass = "ActionAliasAmbiguityException"
)
