package pyre

import "math"

// op is the kind of a node.
type op uint8

const (
	opLiteral op = iota // r
	opSet               // set
	opAny               // any but newline, or any at all with dotAll
	opAt                // at
	opGroup             // group (0: none), kids[0]; flags already applied to the kids
	opSeq               // kids in order
	opBranch            // kids are alternatives
	opRepeat            // kids[0], min, max, kind
	opBackref           // group
	opCond              // group, kids[0] yes, kids[1] no (may be absent)
	opLook              // kids[0], behind, negate
	opAtomic            // kids[0]
)

// atKind is a zero-width place.
type atKind uint8

const (
	atBegin       atKind = iota // ^
	atEnd                       // $
	atBeginString               // \A
	atEndString                 // \Z
	atBoundary                  // \b
	atNoBoundary                // \B
	atBeginLine                 // ^ with MULTILINE
	atEndLine                   // $ with MULTILINE
	atBoundaryASC               // \b with ASCII
	atNoBoundASC                // \B with ASCII
)

// repeatKind says how a repeat tries.
type repeatKind uint8

const (
	greedy repeatKind = iota
	lazy
	possessive
)

// infinite is the missing upper bound of a repeat.
const infinite = math.MaxInt32

// maxRepeat is CPython's MAXREPEAT: bounds from here on are an OverflowError.
const maxRepeat = math.MaxUint32

type node struct {
	op     op
	r      rune
	set    *charSet
	fold   bool // IGNORECASE, for literals and back-references
	ascii  bool // ASCII, for folding
	dotAll bool
	at     atKind
	group  int
	min    int
	max    int
	kind   repeatKind
	behind bool
	negate bool
	width  int // of a look-behind, in code points
	kids   []*node
}

// widths gives the least and greatest number of code points the node takes.
// groups holds the widths of closed groups, for back-references.
func (n *node) widths(groups [][2]int) (lo, hi int) {
	switch n.op {
	case opLiteral, opSet, opAny:
		return 1, 1
	case opSeq, opGroup, opAtomic:
		for _, k := range n.kids {
			a, b := k.widths(groups)
			lo, hi = satAdd(lo, a), satAdd(hi, b)
		}
		if n.op == opGroup && n.group > 0 && n.group < len(groups) {
			groups[n.group] = [2]int{lo, hi}
		}
		return lo, hi
	case opBranch:
		lo = infinite
		for _, k := range n.kids {
			a, b := k.widths(groups)
			lo, hi = min(lo, a), max(hi, b)
		}
		return lo, hi
	case opRepeat:
		a, b := n.kids[0].widths(groups)
		return satMul(a, n.min), satMul(b, n.max)
	case opBackref:
		if n.group < len(groups) {
			return groups[n.group][0], groups[n.group][1]
		}
		return 0, infinite
	case opCond:
		lo, hi = n.kids[0].widths(groups)
		if len(n.kids) > 1 {
			a, b := n.kids[1].widths(groups)
			return min(lo, a), max(hi, b)
		}
		return 0, hi
	case opLook:
		n.kids[0].widths(groups)
		return 0, 0
	default:
		return 0, 0
	}
}

func satAdd(a, b int) int { return min(a+b, infinite) }

func satMul(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	if a > infinite/b {
		return infinite
	}
	return a * b
}
