package jinja

// program is a compiled template.
type program struct {
	env        *environment
	name       string
	named      bool
	root       code
	extends    bool
	blocks     []*block
	undeclared []string // sorted names looked up outside, globals left out
}

// code is the code of a unit that takes no parameters.
type code struct {
	nslots int
	body   []executor
}

// block is a named part of a template that others may replace.
type block struct {
	name string
	code code
	// Slots of "self" and "super" when the block mentions them, else -1.
	self, super int
}

// executor is a compiled statement.
type executor interface {
	exec(f *frame) error
}

// evaluator is a compiled expression.
type evaluator interface {
	eval(f *frame) (any, error)
}

func run(body []executor, f *frame) error {
	for _, s := range body {
		if err := f.m.b.Step(1); err != nil {
			return err
		}
		if err := s.exec(f); err != nil {
			return err
		}
	}
	return nil
}
