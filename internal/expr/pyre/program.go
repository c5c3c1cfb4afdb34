package pyre

// The backtracking matcher runs a list of instructions. Instructions that
// enter a body (look-around, atomic groups) are followed by that body, which
// ends in iMatch; x says where the code goes on.

type icode uint8

const (
	iChar     icode = iota // r
	iCharFold              // r without regard to case
	iSet                   // set
	iAny                   // anything but newline
	iAnyNL                 // anything
	iAt                    // at
	iSplit                 // try x, then y
	iJump                  // x
	iSave                  // capture slot n
	iSimple                // repeat the one-character instruction at pc+1: min, max, kind; goes on at x
	iLoopInit              // loop n: count = 0
	iLoop                  // loop n: decide between body x and exit y
	iBackref               // group n
	iCond                  // group n set: x, else y
	iLook                  // body at pc+1, goes on at x; behind, negate, n = width
	iAtomic                // body at pc+1, goes on at x
	iMatch
)

type inst struct {
	code     icode
	kind     repeatKind
	at       atKind
	ascii    bool
	fold     bool
	behind   bool
	negate   bool
	r        rune
	n        int
	x, y     int
	min, max int
	set      *charSet
}

type program struct {
	insts []inst
	loops int
	slots int
	// prefix is literal text every match starts with; anchored means a match
	// can start at the beginning of the text only.
	prefix   string
	anchored bool
}

type compiler struct {
	program
}

func compileProgram(p *parsed) *program {
	c := &compiler{}
	c.slots = 2 * (p.groups + 1)
	c.add(inst{code: iSave, n: 0})
	c.node(p.root)
	c.add(inst{code: iSave, n: 1})
	c.add(inst{code: iMatch})
	c.prefix, c.anchored = lead(p.root)
	return &c.program
}

// lead finds what a match must start with.
func lead(n *node) (prefix string, anchored bool) {
	for n.op == opSeq || n.op == opGroup {
		if len(n.kids) == 0 {
			return "", false
		}
		if n.op == opSeq && len(n.kids) > 1 && n.kids[0].op == opLiteral {
			var b []rune
			for _, k := range n.kids {
				if k.op != opLiteral || k.fold {
					break
				}
				b = append(b, k.r)
			}
			return string(b), false
		}
		n = n.kids[0]
	}
	switch {
	case n.op == opLiteral && !n.fold:
		return string(n.r), false
	case n.op == opAt && (n.at == atBegin || n.at == atBeginString):
		return "", true
	}
	return "", false
}

func (c *compiler) add(i inst) int {
	c.insts = append(c.insts, i)
	return len(c.insts) - 1
}

func (c *compiler) here() int { return len(c.insts) }

func (c *compiler) node(n *node) {
	switch n.op {
	case opLiteral, opSet, opAny:
		c.add(single(n))
	case opAt:
		c.add(inst{code: iAt, at: n.at})
	case opGroup:
		if n.group > 0 {
			c.add(inst{code: iSave, n: 2 * n.group})
		}
		c.node(n.kids[0])
		if n.group > 0 {
			c.add(inst{code: iSave, n: 2*n.group + 1})
		}
	case opSeq:
		for _, k := range n.kids {
			c.node(k)
		}
	case opBranch:
		var jumps []int
		for i, k := range n.kids {
			if i == len(n.kids)-1 {
				c.node(k)
				break
			}
			split := c.add(inst{code: iSplit})
			c.insts[split].x = c.here()
			c.node(k)
			jumps = append(jumps, c.add(inst{code: iJump}))
			c.insts[split].y = c.here()
		}
		for _, j := range jumps {
			c.insts[j].x = c.here()
		}
	case opRepeat:
		c.repeat(n)
	case opBackref:
		c.add(inst{code: iBackref, n: n.group, fold: n.fold, ascii: n.ascii})
	case opCond:
		cond := c.add(inst{code: iCond, n: n.group})
		c.insts[cond].x = c.here()
		c.node(n.kids[0])
		jump := c.add(inst{code: iJump})
		c.insts[cond].y = c.here()
		if len(n.kids) > 1 {
			c.node(n.kids[1])
		}
		c.insts[jump].x = c.here()
	case opLook:
		c.body(inst{code: iLook, behind: n.behind, negate: n.negate, n: n.width}, n.kids[0])
	case opAtomic:
		c.body(inst{code: iAtomic}, n.kids[0])
	}
}

func (c *compiler) body(i inst, n *node) {
	at := c.add(i)
	c.node(n)
	c.add(inst{code: iMatch})
	c.insts[at].x = c.here()
}

// single is the instruction for one character.
func single(n *node) inst {
	switch n.op {
	case opLiteral:
		if n.fold {
			return inst{code: iCharFold, r: n.r, ascii: n.ascii}
		}
		return inst{code: iChar, r: n.r}
	case opSet:
		n.set.freeze()
		return inst{code: iSet, set: n.set}
	default:
		if n.dotAll {
			return inst{code: iAnyNL}
		}
		return inst{code: iAny}
	}
}

func isSingle(n *node) (*node, bool) {
	for n.op == opSeq && len(n.kids) == 1 || n.op == opGroup && n.group == 0 {
		n = n.kids[0]
	}
	return n, n.op == opLiteral || n.op == opSet || n.op == opAny
}

func (c *compiler) repeat(n *node) {
	if n.max == 0 {
		return
	}
	if one, ok := isSingle(n.kids[0]); ok {
		at := c.add(inst{code: iSimple, kind: n.kind, min: n.min, max: n.max})
		c.add(single(one))
		c.insts[at].x = c.here()
		return
	}
	if n.kind == possessive {
		g := *n
		g.kind = greedy
		c.body(inst{code: iAtomic}, &g)
		return
	}
	if n.min == 0 && n.max == 1 {
		split := c.add(inst{code: iSplit})
		body := c.here()
		c.node(n.kids[0])
		end := c.here()
		c.insts[split].x, c.insts[split].y = body, end
		if n.kind == lazy {
			c.insts[split].x, c.insts[split].y = end, body
		}
		return
	}
	loop := c.loops
	c.loops++
	c.add(inst{code: iLoopInit, n: loop})
	head := c.add(inst{code: iLoop, n: loop, min: n.min, max: n.max, kind: n.kind})
	c.insts[head].x = c.here()
	c.node(n.kids[0])
	c.add(inst{code: iJump, x: head})
	c.insts[head].y = c.here()
}
