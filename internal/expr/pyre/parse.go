package pyre

import (
	"strconv"

	"squall/internal/expr/value"
)

// Bounds of a pattern. CPython has none but its own stack and memory.
const (
	maxNesting = 200
	maxPattern = 1 << 18 // bytes
	maxGroups  = 10_000
)

// parser follows CPython's grammar of patterns, with its errors.
type parser struct {
	*scanner
	flags      Flags // global flags; inline flags at the start add to them
	groups     int   // groups opened so far, and the whole match
	names      map[string]int
	closed     []bool
	widths     [][2]int // of closed groups
	condRefs   map[int]int
	condOrder  []int
	lookbehind int // first group inside the outermost look-behind, or -1
	late       error
}

// scope is what flags hold at a place of the pattern.
type scope struct {
	flags   Flags
	verbose bool
}

// parsed is a pattern after parsing.
type parsed struct {
	root   *node
	flags  Flags
	groups int // without the whole match
	names  map[string]int
	widths [][2]int
}

func parse(pattern string, flags Flags) (*parsed, error) {
	if len(pattern) > maxPattern {
		return nil, value.ValueErrorf("regular expression is longer than %d bytes", maxPattern)
	}
	if flags&Locale != 0 {
		return nil, value.ValueErrorf("cannot use LOCALE flag with a str pattern")
	}
	sc, err := newScanner(pattern)
	if err != nil {
		return nil, err
	}
	// Global inline flags hold for the whole pattern but may only stand at its
	// start, so two passes are never needed: they are read before any item.
	p := &parser{scanner: sc, flags: flags, groups: 1, names: map[string]int{},
		closed: []bool{false}, widths: make([][2]int, 1), condRefs: map[int]int{}, lookbehind: -1}
	root, err := p.alternatives(scope{flags, flags&Verbose != 0}, 0)
	if err != nil {
		return nil, err
	}
	if p.flags&ASCII == 0 {
		p.flags |= Unicode
	} else if p.flags&Unicode != 0 {
		return nil, value.ValueErrorf("ASCII and UNICODE flags are incompatible")
	}
	if !p.eof() {
		return nil, p.errorf(0, "unbalanced parenthesis")
	}
	for _, g := range p.condOrder {
		if g >= p.groups {
			return nil, patternError(p.src, p.condRefs[g], "invalid group reference %d", g)
		}
	}
	if p.late != nil {
		return nil, p.late
	}
	return &parsed{root: root, flags: p.flags, groups: p.groups - 1, names: p.names, widths: p.widths}, nil
}

// alternatives reads a|b|c up to a closing parenthesis or the end.
func (p *parser) alternatives(sc scope, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	var kids []*node
	for {
		n, global, err := p.sequence(sc, depth, depth == 0 && len(kids) == 0)
		if err != nil {
			return nil, err
		}
		if depth == 0 {
			sc.flags |= global
			sc.verbose = sc.flags&Verbose != 0
		}
		kids = append(kids, n)
		if !p.accept('|') {
			break
		}
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	return &node{op: opBranch, kids: kids}, nil
}

// sequence reads items up to | or ). It returns the global flags it met.
func (p *parser) sequence(sc scope, depth int, first bool) (*node, Flags, error) {
	seq := &node{op: opSeq}
	var global Flags
	for {
		c := p.peek()
		if c < 0 || c == '|' || c == ')' {
			break
		}
		if sc.verbose {
			if c == ' ' || 9 <= c && c <= 13 {
				p.get()
				continue
			}
			if c == '#' {
				for {
					if t := p.get(); t == "" || t == "\n" {
						break
					}
				}
				continue
			}
		}
		start := p.pos
		switch c {
		case '\\':
			n, err := p.escape(sc)
			if err != nil {
				return nil, 0, err
			}
			seq.kids = append(seq.kids, n)
		case '[':
			p.get()
			n, err := p.class(sc, start)
			if err != nil {
				return nil, 0, err
			}
			seq.kids = append(seq.kids, n)
		case '*', '+', '?', '{':
			n, err := p.repeat(sc, seq, start)
			if err != nil {
				return nil, 0, err
			}
			if n != nil {
				seq.kids = append(seq.kids, n)
			}
		case '.':
			p.get()
			seq.kids = append(seq.kids, &node{op: opAny, dotAll: sc.flags&DotAll != 0})
		case '(':
			p.get()
			n, flags, err := p.group(sc, depth, start, first && len(seq.kids) == 0)
			if err != nil {
				return nil, 0, err
			}
			if flags != 0 {
				global |= flags
				sc.flags |= flags
				sc.verbose = sc.verbose || flags&Verbose != 0
			}
			if n != nil {
				seq.kids = append(seq.kids, n)
			}
		case '^':
			p.get()
			at := atBegin
			if sc.flags&MultiLine != 0 {
				at = atBeginLine
			}
			seq.kids = append(seq.kids, &node{op: opAt, at: at})
		case '$':
			p.get()
			at := atEnd
			if sc.flags&MultiLine != 0 {
				at = atEndLine
			}
			seq.kids = append(seq.kids, &node{op: opAt, at: at})
		default:
			p.get()
			seq.kids = append(seq.kids, sc.literal(c))
		}
	}
	return seq, global, nil
}

func (sc scope) literal(r rune) *node {
	return &node{op: opLiteral, r: r, fold: sc.flags&IgnoreCase != 0, ascii: sc.flags&ASCII != 0}
}

// repeat reads a quantifier and wraps the last item; it returns a node only
// when a brace turns out to be a literal.
func (p *parser) repeat(sc scope, seq *node, start int) (*node, error) {
	lo, hi := 0, infinite
	switch c := p.get(); c {
	case "?":
		hi = 1
	case "+":
		lo = 1
	case "{":
		if p.peek() == '}' {
			return sc.literal('{'), nil
		}
		after := p.pos
		los := p.getWhile(len(p.src), isDec)
		his := los
		if p.accept(',') {
			his = p.getWhile(len(p.src), isDec)
		}
		if !p.accept('}') {
			p.seek(after)
			return sc.literal('{'), nil
		}
		var err error
		if los != "" {
			if lo, err = bound(los); err != nil {
				return nil, err
			}
		}
		if his != "" {
			if hi, err = bound(his); err != nil {
				return nil, err
			}
			if hi < lo {
				return nil, patternError(p.src, start+1, "min repeat greater than max repeat")
			}
		}
	}
	if len(seq.kids) == 0 || seq.kids[len(seq.kids)-1].op == opAt {
		return nil, patternError(p.src, start, "nothing to repeat")
	}
	last := seq.kids[len(seq.kids)-1]
	if last.op == opRepeat {
		return nil, patternError(p.src, start, "multiple repeat")
	}
	kind := greedy
	if p.accept('?') {
		kind = lazy
	} else if p.accept('+') {
		kind = possessive
	}
	seq.kids[len(seq.kids)-1] = &node{op: opRepeat, min: lo, max: hi, kind: kind, kids: []*node{last}}
	return nil, nil
}

func bound(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n >= maxRepeat {
		return 0, value.OverflowErrorf("the repetition number is too large")
	}
	return int(min(n, infinite)), nil
}
