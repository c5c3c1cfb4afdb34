package jinja

import (
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// Error classes of Jinja's own.
const (
	classSyntax    = "TemplateSyntaxError"
	classAssertion = "TemplateAssertionError"
)

// maxNesting bounds how deep constructs nest in a template. CPython gives up
// near 100 nested parentheses; this is generous and still far from our stack.
const maxNesting = 250

// parser builds the tree from tokens. Errors inside travel as a panic of type
// parseError and are turned into an error at the entry points: a recursive
// descent without them would be twice as long and no clearer.
type parser struct {
	toks  []token
	pos   int
	cur   token
	depth int

	tags []string   // open statements, for the hint in error messages
	ends [][]string // end tags looked for, innermost last
}

type parseError struct{ err *syntaxError }

// syntaxError is an error in the text of a template.
type syntaxError struct {
	class string
	msg   string
	line  int
	// atStart marks an error in the very first token, which Jinja reports
	// from a place where str() of it also shows the line.
	atStart bool
}

func (e *syntaxError) Error() string { return e.class + ": " + e.msg }

// Unwrap gives the error as a Python exception.
func (e *syntaxError) Unwrap() error { return &value.Error{Class: e.class, Msg: e.msg, Line: e.line} }

// parseTemplate parses a whole template.
func parseTemplate(src string, opts Options) (body []stmt, err *syntaxError) {
	p := &parser{toks: lexTemplate(src, opts)}
	defer p.recover(&err)
	p.start()
	return p.statements(nil), nil
}

// parseExpression parses a bare expression; whole demands that nothing follows it.
func parseExpression(src string, opts Options, whole bool) (e node, err *syntaxError) {
	p := &parser{toks: lexExpression(src, opts)}
	defer p.recover(&err)
	p.start()
	e = p.expression(true)
	if whole && p.cur.typ != tokEOF {
		p.failAt("chunk after expression", p.cur.line)
	}
	return e, nil
}

func (p *parser) recover(err **syntaxError) {
	switch r := recover().(type) {
	case nil:
	case parseError:
		*err = r.err
	default:
		panic(r)
	}
}

func (p *parser) start() {
	p.cur = p.toks[0]
	if p.cur.typ == tokError {
		p.raise(classSyntax, p.cur.text, p.cur.line, true)
	}
}

func (p *parser) raise(class, msg string, line int, atStart bool) {
	panic(parseError{&syntaxError{class, msg, line, atStart}})
}

func (p *parser) fail(msg string) { p.failAt(msg, p.cur.line) }

func (p *parser) failAt(msg string, line int) { p.raise(classSyntax, msg, line, false) }

// enter guards the recursion of the descent; its result is called on return.
func (p *parser) enter() func() {
	p.depth++
	if p.depth > maxNesting {
		p.raise("RecursionError", "maximum recursion depth exceeded", p.cur.line, false)
	}
	return p.leave
}

func (p *parser) leave() { p.depth-- }

// next moves on and returns the token that was current. A lexical error is
// raised when its token becomes current.
func (p *parser) next() token {
	t := p.cur
	if p.pos < len(p.toks)-1 {
		p.pos++
		p.cur = p.toks[p.pos]
		if p.cur.typ == tokError {
			p.failAt(p.cur.text, p.cur.line)
		}
	}
	return t
}

// look returns the token after the current one.
func (p *parser) look() token {
	t := p.toks[min(p.pos+1, len(p.toks)-1)]
	if t.typ == tokError {
		p.failAt(t.text, t.line)
	}
	return t
}

func (p *parser) skipIf(typ tokenType) bool {
	if p.cur.typ != typ {
		return false
	}
	p.next()
	return true
}

func (p *parser) skipName(name string) bool {
	if !p.cur.isName(name) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(typ tokenType) token {
	if p.cur.typ != typ {
		p.unexpected(tokenText[typ])
	}
	return p.next()
}

func (p *parser) expectName(name string) token {
	if !p.cur.isName(name) {
		p.unexpected(name)
	}
	return p.next()
}

func (p *parser) unexpected(want string) {
	if p.cur.typ == tokEOF {
		p.fail("unexpected end of template, expected " + reprString(want) + ".")
	}
	p.fail("expected token " + reprString(want) + ", got " + reprString(p.cur.describe()))
}

// unknownTag reports a tag nobody asked for; name is empty at the end of the
// template.
func (p *parser) unknownTag(name string, line int, ends [][]string) {
	var looking string
	expected := false
	if len(ends) > 0 {
		quoted := make([]string, 0, 3)
		for _, tag := range ends[len(ends)-1] {
			quoted = append(quoted, reprString(tag))
		}
		looking = strings.Join(quoted, " or ")
		expected = slices.ContainsFunc(ends, func(tags []string) bool { return slices.Contains(tags, name) })
	}
	msg := "Unexpected end of template."
	if name != "" {
		msg = "Encountered unknown tag " + reprString(name) + "."
	}
	switch {
	case looking == "":
	case name != "" && expected:
		msg += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + looking + "."
	default:
		msg += " Jinja was looking for the following tags: " + looking + "."
	}
	if len(p.tags) > 0 {
		msg += " The innermost block that needs to be closed is " + reprString(p.tags[len(p.tags)-1]) + "."
	}
	p.failAt(msg, line)
}
