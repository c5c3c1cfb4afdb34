package jinja

// children calls fn for the expressions and statements directly below n, in the
// order Jinja keeps the fields of its nodes: some analyses depend on the order.
// n is an expr or a stmt; fn gets the same.
func children(n any, fn func(any)) {
	each := func(list []node) {
		for _, e := range list {
			fn(e)
		}
	}
	body := func(list []stmt) {
		for _, s := range list {
			fn(s)
		}
	}
	opt := func(e node) {
		if e != nil {
			fn(e)
		}
	}
	args := func(a arguments) {
		each(a.pos)
		each(a.kw)
		opt(a.star)
		opt(a.double)
	}
	sig := func(s signature) {
		for _, a := range s.args {
			fn(a)
		}
		each(s.defaults)
	}
	switch n := n.(type) {
	case *tupleExpr:
		each(n.items)
	case *listExpr:
		each(n.items)
	case *dictExpr:
		for i := range n.keys {
			fn(n.keys[i])
			fn(n.vals[i])
		}
	case *unaryExpr:
		fn(n.node)
	case *binaryExpr:
		fn(n.left)
		fn(n.right)
	case *compareExpr:
		fn(n.node)
		each(n.args)
	case *concatExpr:
		each(n.items)
	case *condExpr:
		fn(n.test)
		fn(n.then)
		opt(n.els)
	case *getattrExpr:
		fn(n.node)
	case *getitemExpr:
		fn(n.node)
		fn(n.arg)
	case *sliceExpr:
		opt(n.start)
		opt(n.stop)
		opt(n.step)
	case *callExpr:
		fn(n.node)
		args(n.args)
	case *filterExpr:
		opt(n.node)
		args(n.args)
	case *testExpr:
		fn(n.node)
		args(n.args)
	case *outputStmt:
		each(n.nodes)
	case *assignStmt:
		fn(n.target)
		fn(n.val)
	case *assignBlockStmt:
		fn(n.target)
		opt(n.filter)
		body(n.body)
	case *forStmt:
		fn(n.target)
		fn(n.iter)
		body(n.body)
		body(n.els)
		opt(n.test)
	case *ifStmt:
		fn(n.test)
		body(n.body)
		for _, e := range n.elifs {
			fn(e)
		}
		body(n.els)
	case *withStmt:
		each(n.targets)
		each(n.vals)
		body(n.body)
	case *autoescapeStmt:
		fn(n.val)
		body(n.body)
	case *blockStmt:
		body(n.body)
	case *extendsStmt:
		fn(n.template)
	case *includeStmt:
		fn(n.template)
	case *importStmt:
		fn(n.template)
	case *fromStmt:
		fn(n.template)
	case *macroStmt:
		sig(n.sig)
		body(n.body)
	case *callBlockStmt:
		fn(n.call)
		sig(n.sig)
		body(n.body)
	case *filterBlockStmt:
		body(n.body)
		fn(n.filter)
	}
}

// walk visits everything below n, parents first. fn returns false to leave out
// what is below a node.
func walk(n any, fn func(any) bool) {
	children(n, func(c any) {
		if fn(c) {
			walk(c, fn)
		}
	})
}

// undeclared returns which of names are read in body before anything in it sets
// them. It does not look into blocks.
func undeclared(body []stmt, names ...string) map[string]bool {
	open := make(map[string]bool, len(names))
	for _, n := range names {
		open[n] = true
	}
	found := make(map[string]bool)
	visit := func(n any) bool {
		switch n := n.(type) {
		case *blockStmt:
			return false
		case *nameExpr:
			if n.ctx != ctxLoad {
				delete(open, n.name)
			} else if open[n.name] {
				found[n.name] = true
			}
		}
		return true
	}
	for _, s := range body {
		if visit(s) {
			walk(s, visit)
		}
	}
	return found
}
