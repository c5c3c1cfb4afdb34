package yaql

import (
	"strconv"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// frame is one layer of a context: variables and functions on top of those of
// its parent. Lambda arguments are positional ($1, $2, ...; $ is $1), the rest
// is by name. The functions of the library are not in frames.
type frame struct {
	parent *frame
	args   []any // $1...; set before anything can see the frame
	vars   []binding
	funcs  map[string][]*function
	// env is set in the outermost frame: what the evaluation was given.
	env        *expr.Env
	core, thaw bool
	all        *value.Dict // of $__vars, once asked for
	// hasFuncs says that this frame or one above defines functions, so a name
	// may mean something else than in the library.
	hasFuncs bool
}

type binding struct {
	name string // without the dollar sign
	val  any
}

// TypeName implements value.Object: let() and friends return contexts.
func (*frame) TypeName() string { return "Context" }

func newFrame(parent *frame) *frame {
	f := &frame{parent: parent}
	if parent != nil {
		f.hasFuncs = parent.hasFuncs
	}
	return f
}

// varRef is the name of a variable, resolved once: index > 0 means $index.
type varRef struct {
	index int
	name  string
}

// maxPositional bounds the numbers that are kept as positions.
const maxPositional = 1 << 16

// refOf normalises a variable's name, with or without its dollar sign.
func refOf(name string) varRef {
	name = strings.TrimPrefix(name, "$")
	if name == "" {
		return varRef{index: 1, name: "1"}
	}
	if name[0] >= '1' && name[0] <= '9' {
		if n, err := strconv.Atoi(name); err == nil && n < maxPositional && strconv.Itoa(n) == name {
			return varRef{index: n, name: name}
		}
	}
	return varRef{name: name}
}

// get finds a variable; an unknown one is null.
func (f *frame) get(ref varRef) any {
	v, _, _ := f.find(ref)
	return v
}

// find also tells how many frames it went up.
func (f *frame) find(ref varRef) (v any, up int, ok bool) {
	for ; f != nil; f = f.parent {
		up++
		if f.env != nil {
			if v, ok := f.fromEnv(ref); ok {
				return v, up, true
			}
		}
		// Names set later win over arguments of the same number.
		for i := range f.vars {
			if f.vars[i].name == ref.name {
				return f.vars[i].val, up, true
			}
		}
		if ref.index > 0 && ref.index <= len(f.args) {
			return f.args[ref.index-1], up, true
		}
	}
	return nil, up, false
}

// fromEnv finds a variable of the input. Orquesta publishes four and leaves $
// unset; elsewhere every variable is one.
func (f *frame) fromEnv(ref varRef) (any, bool) {
	switch {
	case f.core:
		name := ref.name
		if ref.index == 1 {
			if v, ok := f.env.Lookup("$"); ok {
				return f.input(v), true
			}
		}
		v, ok := f.env.Lookup(name)
		return f.input(v), ok
	case !strings.HasPrefix(ref.name, expr.InternalPrefix):
		return nil, false
	case ref.name == "__vars":
		if f.all == nil {
			f.all = allVars(f.env)
		}
		return f.all, true
	case ref.name == expr.VarState, ref.name == expr.VarCurrentTask, ref.name == expr.VarCurrentItem:
		v, _ := f.env.Lookup(ref.name)
		return v, true
	}
	return nil, false
}

func (f *frame) input(v any) any {
	if f.thaw {
		return thaw(v)
	}
	return v
}

// allVars collects every variable, for $__vars.
func allVars(env *expr.Env) *value.Dict {
	d := value.NewDict(0)
	if env == nil || env.Vars == nil {
		return d
	}
	for name := range env.Vars.Names() {
		if v, ok := env.Vars.Lookup(name); ok {
			d.SetStr(name, v)
		}
	}
	return d
}

// set binds a variable in this frame.
func (f *frame) set(name string, v any) {
	name = refOf(name).name
	for i := range f.vars {
		if f.vars[i].name == name {
			f.vars[i].val = v
			return
		}
	}
	f.vars = append(f.vars, binding{name, v})
}

// define adds a function to this frame.
func (f *frame) define(fn *function) {
	if f.funcs == nil {
		f.funcs = make(map[string][]*function)
	}
	f.funcs[fn.name] = append(f.funcs[fn.name], fn)
	f.hasFuncs = true
}

var _ value.Object = (*frame)(nil)
