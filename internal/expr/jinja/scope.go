package jinja

import "slices"

// The scoping rules of Jinja come from the Python functions it generates:
// every name is a local variable of some level, and a nested function (macro,
// recursive loop, loop filter, block) sees the variables of the function around
// it by reference. symbols reproduces the assignment of names to variables,
// unit the generated function with its variables as slots.

// unit is one function of the program: the template's body, a block, a macro,
// a recursive loop or the filter of a loop.
type unit struct {
	up    *unit
	depth int
	slots map[slotKey]int
	work  *int // what analysing the template has cost so far
}

type slotKey struct {
	level int
	name  string
}

func newUnit(up *unit) *unit {
	u := &unit{up: up, slots: make(map[slotKey]int), work: new(int)}
	if up != nil {
		u.depth, u.work = up.depth+1, up.work
	}
	return u
}

func (u *unit) slot(level int, name string) int {
	k := slotKey{level, name}
	i, ok := u.slots[k]
	if !ok {
		i = len(u.slots)
		u.slots[k] = i
	}
	return i
}

// variable is a slot of a unit.
type variable struct {
	unit *unit
	slot int
}

type loadKind uint8

const (
	loadParameter loadKind = iota
	loadResolve            // look up in the template's context
	loadAlias              // copy an outer variable
	loadUndefined
)

// load says how a variable gets its value when its scope is entered.
type load struct {
	kind loadKind
	name string    // for loadResolve
	from *variable // for loadAlias
}

// symbols are the names of one scope.
type symbols struct {
	level  int
	unit   *unit
	parent *symbols
	refs   map[string]*variable
	loads  map[variable]load
	order  []variable // keys of loads as first seen
	stores map[string]bool
}

func newSymbols(parent *symbols, u *unit) *symbols {
	s := &symbols{
		unit: u, parent: parent,
		refs: make(map[string]*variable), loads: make(map[variable]load), stores: make(map[string]bool),
	}
	if parent != nil {
		s.level = parent.level + 1
	}
	return s
}

func (s *symbols) setLoad(v variable, l load) {
	if _, ok := s.loads[v]; !ok {
		s.order = append(s.order, v)
	}
	s.loads[v] = l
}

func (s *symbols) define(name string, l load) *variable {
	v := &variable{s.unit, s.unit.slot(s.level, name)}
	s.refs[name] = v
	s.setLoad(*v, l)
	return v
}

func (s *symbols) find(name string) *variable {
	for ; s != nil; s = s.parent {
		if v := s.refs[name]; v != nil {
			return v
		}
	}
	return nil
}

// maxAnalysis bounds the names copied for the branches of a template: many ifs
// with many names would cost their product.
const maxAnalysis = 1_000_000

func (s *symbols) copy() *symbols {
	if *s.unit.work += len(s.refs) + len(s.loads); *s.unit.work > maxAnalysis {
		panic(parseError{&syntaxError{class: "LimitError", msg: "template has too many names and branches"}})
	}
	c := &symbols{level: s.level, unit: s.unit, parent: s.parent, order: slices.Clone(s.order),
		refs: make(map[string]*variable, len(s.refs)), loads: make(map[variable]load, len(s.loads)),
		stores: make(map[string]bool, len(s.stores))}
	for k, v := range s.refs {
		c.refs[k] = v
	}
	for k, v := range s.loads {
		c.loads[k] = v
	}
	for k := range s.stores {
		c.stores[k] = true
	}
	return c
}

func (s *symbols) store(name string) {
	s.stores[name] = true
	if s.refs[name] != nil {
		return
	}
	// The name may have a variable further out: then this scope works on a copy.
	if s.parent != nil {
		if outer := s.parent.find(name); outer != nil {
			s.define(name, load{kind: loadAlias, from: outer})
			return
		}
	}
	s.define(name, load{kind: loadUndefined})
}

func (s *symbols) parameter(name string) *variable {
	s.stores[name] = true
	return s.define(name, load{kind: loadParameter})
}

func (s *symbols) load(name string) {
	if s.find(name) == nil {
		s.define(name, load{kind: loadResolve, name: name})
	}
}

// mergeBranches takes over what the branches of an "if" found. A name set in
// some branch only must have its outer value when that branch is not taken.
func (s *symbols) mergeBranches(branches ...*symbols) {
	var fresh []string
	for _, b := range branches {
		for name := range b.stores {
			if !s.stores[name] && !slices.Contains(fresh, name) {
				fresh = append(fresh, name)
			}
		}
	}
	for _, b := range branches {
		for name, v := range b.refs {
			s.refs[name] = v
		}
		for _, v := range b.order {
			s.setLoad(v, b.loads[v])
		}
		for name := range b.stores {
			s.stores[name] = true
		}
	}
	for _, name := range fresh {
		target := s.find(name)
		l := load{kind: loadResolve, name: name}
		if s.parent != nil {
			if outer := s.parent.find(name); outer != nil {
				l = load{kind: loadAlias, from: outer}
			}
		}
		s.setLoad(*target, l)
	}
}

// visible lists the names set in this scope and those around it, with the
// variable each has here: the local context that includes and imports see.
func (s *symbols) visible() map[string]*variable {
	names := make(map[string]*variable)
	for n := s; n != nil; n = n.parent {
		for name := range n.stores {
			if names[name] == nil {
				names[name] = s.find(name)
			}
		}
	}
	return names
}

// scan finds the names in a part of the tree that belong to scope s. It stops
// where another scope begins.
func (s *symbols) scan(n any) { (&scanner{s}).visit(n) }

func (s *symbols) scanAll(body []stmt) {
	for _, n := range body {
		s.scan(n)
	}
}

// scanParam declares the names of a target as given from outside.
func (s *symbols) scanParam(target node) {
	switch t := target.(type) {
	case *nameExpr:
		s.parameter(t.name)
	case *tupleExpr:
		for _, item := range t.items {
			s.scanParam(item)
		}
	}
}

type scanner struct{ s *symbols }

func (v *scanner) visit(n any) {
	switch n := n.(type) {
	case *nameExpr:
		switch n.ctx {
		case ctxParam:
			v.s.parameter(n.name)
		case ctxStore:
			v.s.store(n.name)
		default:
			v.s.load(n.name)
		}
	case *nsRefExpr:
		v.s.load(n.name)
	case *ifStmt:
		v.visit(n.test)
		var elifs []stmt
		for _, e := range n.elifs {
			elifs = append(elifs, e)
		}
		v.s.mergeBranches(v.branch(n.body), v.branch(elifs), v.branch(n.els))
	case *macroStmt:
		v.s.store(n.name)
	case *importStmt:
		v.visit(n.template)
		v.s.store(n.target)
	case *fromStmt:
		v.visit(n.template)
		for _, alias := range n.aliases {
			v.s.store(alias)
		}
	case *assignStmt:
		v.visit(n.val)
		v.visit(n.target)
	case *forStmt:
		v.visit(n.iter)
	case *callBlockStmt:
		v.visit(n.call)
	case *filterBlockStmt:
		v.visit(n.filter)
	case *withStmt:
		for _, e := range n.vals {
			v.visit(e)
		}
	case *assignBlockStmt:
		v.visit(n.target)
	case *autoescapeStmt, *blockStmt:
	default:
		children(n, v.visit)
	}
}

func (v *scanner) branch(body []stmt) *symbols {
	s := v.s.copy()
	inner := &scanner{s}
	for _, n := range body {
		inner.visit(n)
	}
	return s
}
