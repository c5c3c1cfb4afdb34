package jinja

import (
	"sync"
)

// Options are the flags of a Jinja environment that StackStorm changes.
type Options struct {
	TrimBlocks   bool // drop the newline after a block or comment tag
	LstripBlocks bool // drop the blanks before one at the start of a line
	Strict       bool // undefined values fail when used, and not only when looked into
}

// environment is what a set of programs shares: flags, filters, tests, global
// functions and named templates. It does not change after construction.
type environment struct {
	opts      Options
	filters   map[string]*builtin
	tests     map[string]*builtin
	globals   map[string]*builtin
	ctx       *builtin // the workflow function ctx, which has a short cut
	hasLoader bool
	templates map[string]string

	mu       sync.Mutex
	compiled map[string]*program // of templates
}

// undefinedAttr is the value of a failed lookup of name in obj.
func (e *environment) undefinedAttr(obj, name any) *undefined {
	return &undefined{strict: e.opts.Strict, obj: obj, hasObj: true, name: name}
}

// undefinedName is the value of a name nothing defines.
func (e *environment) undefinedName(name string) *undefined {
	return &undefined{strict: e.opts.Strict, name: name}
}

// undefinedHint is an undefined value with a message of its own.
func (e *environment) undefinedHint(hint string) *undefined {
	return &undefined{strict: e.opts.Strict, hint: hint}
}

// load returns the named template, compiled.
func (e *environment) load(name any) (*program, error) {
	if !e.hasLoader {
		return nil, errNoLoader()
	}
	if u, ok := name.(*undefined); ok {
		return nil, u.fail()
	}
	key, ok := plainString(name)
	src, found := e.templates[key]
	if !ok || !found {
		return nil, errTemplateNotFound(name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.compiled[key]; p != nil {
		return p, nil
	}
	body, perr := parseTemplate(src, e.opts)
	if perr != nil {
		return nil, perr
	}
	p, err := compileTemplate(e, body, key, true)
	if err != nil {
		return nil, err
	}
	if e.compiled == nil {
		e.compiled = make(map[string]*program)
	}
	e.compiled[key] = p
	return p, nil
}
