package jinja

// The tree of a template. Expressions and statements are separate families;
// both know their line for error messages.
type (
	node interface{ exprLine() int }
	stmt interface{ stmtLine() int }
)

// at is the line of a node.
type at int

func (l at) exprLine() int { return int(l) }
func (l at) stmtLine() int { return int(l) }

// nameCtx tells what happens to a name.
type nameCtx uint8

const (
	ctxLoad nameCtx = iota
	ctxStore
	ctxParam
)

// Expressions.
type (
	constExpr struct {
		at
		val any
	}
	dataExpr struct {
		at
		text string
	}
	nameExpr struct {
		at
		name string
		ctx  nameCtx
	}
	nsRefExpr struct { // a.b as the target of an assignment
		at
		name, attr string
	}
	tupleExpr struct {
		at
		items []node
	}
	listExpr struct {
		at
		items []node
	}
	dictExpr struct {
		at
		keys, vals []node
	}
	unaryExpr struct { // "not", "-", "+"
		at
		op   string
		node node
	}
	binaryExpr struct { // arithmetic, "and", "or"
		at
		op          string
		left, right node
	}
	compareExpr struct {
		at
		node node
		ops  []string
		args []node
	}
	concatExpr struct {
		at
		items []node
	}
	condExpr struct {
		at
		test, then, els node // els may be nil
	}
	getattrExpr struct {
		at
		node node
		attr string
	}
	getitemExpr struct {
		at
		node, arg node
	}
	sliceExpr struct {
		at
		start, stop, step node // each may be nil
	}
	callExpr struct {
		at
		node node
		args arguments
	}
	filterExpr struct {
		at
		node node // nil inside a filter block
		name string
		args arguments
	}
	testExpr struct {
		at
		node node
		name string
		args arguments
	}
)

// arguments are those of a call, filter or test.
type arguments struct {
	pos    []node
	names  []string // of kw
	kw     []node
	star   node // *args or nil
	double node // **kwargs or nil
}

// Statements.
type (
	outputStmt struct {
		at
		nodes []node
	}
	assignStmt struct {
		at
		target, val node
	}
	assignBlockStmt struct {
		at
		target node
		filter node // *filterExpr or nil
		body   []stmt
	}
	forStmt struct {
		at
		target, iter node
		body, els    []stmt
		test         node // may be nil
		recursive    bool
	}
	ifStmt struct {
		at
		test  node
		body  []stmt
		elifs []*ifStmt
		els   []stmt
	}
	withStmt struct {
		at
		targets, vals []node
		body          []stmt
	}
	autoescapeStmt struct {
		at
		val  node
		body []stmt
	}
	blockStmt struct {
		at
		name             string
		body             []stmt
		scoped, required bool
	}
	extendsStmt struct {
		at
		template node
	}
	includeStmt struct {
		at
		template      node
		ignoreMissing bool
		withContext   bool
	}
	importStmt struct {
		at
		template    node
		target      string
		withContext bool
	}
	fromStmt struct {
		at
		template    node
		names       []string
		aliases     []string
		withContext bool
	}
	signature struct {
		args     []*nameExpr
		defaults []node // of the last len(defaults) args
	}
	macroStmt struct {
		at
		name string
		sig  signature
		body []stmt
	}
	callBlockStmt struct {
		at
		call *callExpr
		sig  signature
		body []stmt
	}
	filterBlockStmt struct {
		at
		filter node // *filterExpr
		body   []stmt
	}
)
