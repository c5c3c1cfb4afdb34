package pyre

import (
	"strconv"
	"strings"
	"unicode"

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

// group reads what follows an opening parenthesis. It returns flags when the
// parenthesis set global flags, and no node for those and for comments.
func (p *parser) group(sc scope, depth, start int, first bool) (*node, Flags, error) {
	if !p.accept('?') {
		n, err := p.capture(sc, depth, start, "")
		return n, 0, err
	}
	if p.eof() {
		return nil, 0, p.errorf(0, "unexpected end of pattern")
	}
	switch c := p.get(); c {
	case "P":
		n, err := p.pythonGroup(sc, depth, start)
		return n, 0, err
	case ":":
		n, err := p.body(sc, depth, start)
		return n, 0, err
	case "#":
		for {
			if p.eof() {
				return nil, 0, patternError(p.src, start, "missing ), unterminated comment")
			}
			if p.get() == ")" {
				return nil, 0, nil
			}
		}
	case "=", "!", "<":
		n, err := p.look(sc, depth, start, c)
		return n, 0, err
	case "(":
		n, err := p.conditional(sc, depth, start)
		return n, 0, err
	case ">":
		n, err := p.body(sc, depth, start)
		if err != nil {
			return nil, 0, err
		}
		return &node{op: opAtomic, kids: []*node{n}}, 0, nil
	default:
		r := []rune(c)[0]
		if _, ok := flagOf(r); !ok && c != "-" {
			return nil, 0, p.errorf(runeLen(c)+1, "unknown extension ?%s", c)
		}
		add, del, global, err := p.inlineFlags(r)
		if err != nil {
			return nil, 0, err
		}
		if global {
			if !first {
				return nil, 0, patternError(p.src, start, "global flags not at the start of the expression")
			}
			p.flags |= add
			return nil, add, nil
		}
		inner := sc
		inner.flags = sc.flags&^del | add
		if add&typeFlags != 0 {
			inner.flags = inner.flags&^typeFlags | add&typeFlags
		}
		inner.verbose = (sc.verbose || add&Verbose != 0) && del&Verbose == 0
		n, err := p.body(inner, depth, start)
		if err != nil {
			return nil, 0, err
		}
		// Scoped flags make a group of its own: a quantifier may repeat it,
		// even when all it holds is itself a repeat.
		return &node{op: opGroup, kids: []*node{n}}, 0, nil
	}
}

// body reads a group's inside and its closing parenthesis.
func (p *parser) body(sc scope, depth, start int) (*node, error) {
	n, err := p.alternatives(sc, depth+1)
	if err != nil {
		return nil, err
	}
	if !p.accept(')') {
		return nil, patternError(p.src, start, "missing ), unterminated subpattern")
	}
	return &node{op: opGroup, kids: []*node{n}}, nil
}

func (p *parser) capture(sc scope, depth, start int, name string) (*node, error) {
	g := p.groups
	if g >= maxGroups {
		return nil, &value.Error{Class: ErrorClass, Msg: "too many groups"}
	}
	p.groups++
	p.closed = append(p.closed, false)
	p.widths = append(p.widths, [2]int{0, infinite})
	if name != "" {
		if old, ok := p.names[name]; ok {
			return nil, p.errorf(runeLen(name)+1, "redefinition of group name %s as group %d; was group %d",
				value.StrRepr(name), g, old)
		}
		p.names[name] = g
	}
	n, err := p.body(sc, depth, start)
	if err != nil {
		return nil, err
	}
	n.group = g
	p.closed[g] = true
	n.widths(p.widths)
	return n, nil
}

func (p *parser) pythonGroup(sc scope, depth, start int) (*node, error) {
	switch {
	case p.accept('<'):
		name, err := p.groupName('>')
		if err != nil {
			return nil, err
		}
		return p.capture(sc, depth, start, name)
	case p.accept('='):
		name, err := p.groupName(')')
		if err != nil {
			return nil, err
		}
		g, ok := p.names[name]
		if !ok {
			return nil, p.errorf(runeLen(name)+1, "unknown group name %s", value.StrRepr(name))
		}
		return p.backref(sc, g, runeLen(name)+1)
	}
	if p.eof() {
		return nil, p.errorf(0, "unexpected end of pattern")
	}
	c := p.get()
	return nil, p.errorf(runeLen(c)+2, "unknown extension ?P%s", c)
}

func (p *parser) groupName(terminator rune) (string, error) {
	name, err := p.getUntil(terminator, "group name")
	if err != nil {
		return "", err
	}
	if !isIdentifier(name) {
		return "", p.errorf(runeLen(name)+1, "bad character in group name %s", value.StrRepr(name))
	}
	return name, nil
}

func (p *parser) backref(sc scope, g, back int) (*node, error) {
	if !p.closed[g] {
		return nil, p.errorf(back, "cannot refer to an open group")
	}
	if err := p.checkLookbehind(g); err != nil {
		return nil, err
	}
	return &node{op: opBackref, group: g, fold: sc.flags&IgnoreCase != 0, ascii: sc.flags&ASCII != 0}, nil
}

// checkLookbehind refuses a reference to a group of the same look-behind: its
// width must be known before.
func (p *parser) checkLookbehind(g int) error {
	if p.lookbehind < 0 {
		return nil
	}
	if g >= len(p.closed) || !p.closed[g] {
		return p.errorf(0, "cannot refer to an open group")
	}
	if g >= p.lookbehind {
		return p.errorf(0, "cannot refer to group defined in the same lookbehind subpattern")
	}
	return nil
}

func (p *parser) look(sc scope, depth, start int, c string) (*node, error) {
	behind := c == "<"
	if behind {
		if p.eof() {
			return nil, p.errorf(0, "unexpected end of pattern")
		}
		if c = p.get(); c != "=" && c != "!" {
			return nil, p.errorf(runeLen(c)+2, "unknown extension ?<%s", c)
		}
	}
	outer := p.lookbehind
	if behind && outer < 0 {
		p.lookbehind = p.groups
	}
	body, err := p.body(sc, depth, start)
	if err != nil {
		return nil, err
	}
	n := &node{op: opLook, behind: behind, negate: c == "!", kids: body.kids}
	if behind {
		p.lookbehind = outer
		lo, hi := body.widths(p.widths)
		if lo != hi {
			// CPython finds this only after the whole pattern has parsed.
			p.late = &value.Error{Class: ErrorClass, Msg: "look-behind requires fixed-width pattern"}
		}
		n.width = lo
	}
	return n, nil
}

func (p *parser) conditional(sc scope, depth, start int) (*node, error) {
	name, err := p.getUntil(')', "group name")
	if err != nil {
		return nil, err
	}
	var g int
	if isIdentifier(name) {
		var ok bool
		if g, ok = p.names[name]; !ok {
			return nil, p.errorf(runeLen(name)+1, "unknown group name %s", value.StrRepr(name))
		}
	} else {
		n, err := strconv.Atoi(strings.TrimSpace(name))
		switch {
		case err != nil || n < 0:
			return nil, p.errorf(runeLen(name)+1, "bad character in group name %s", value.StrRepr(name))
		case n == 0:
			return nil, p.errorf(runeLen(name)+1, "bad group number")
		case n >= maxRepeat/8:
			return nil, p.errorf(runeLen(name)+1, "invalid group reference %d", n)
		}
		g = n
		if _, seen := p.condRefs[g]; !seen {
			p.condRefs[g] = p.pos - runeLen(name) - 1
			p.condOrder = append(p.condOrder, g)
		}
	}
	if err := p.checkLookbehind(g); err != nil {
		return nil, err
	}
	if depth > maxNesting {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	yes, _, err := p.sequence(sc, depth+1, false)
	if err != nil {
		return nil, err
	}
	n := &node{op: opCond, group: g, kids: []*node{yes}}
	if p.accept('|') {
		no, _, err := p.sequence(sc, depth+1, false)
		if err != nil {
			return nil, err
		}
		if p.peek() == '|' {
			return nil, p.errorf(0, "conditional backref with more than two branches")
		}
		n.kids = append(n.kids, no)
	}
	if !p.accept(')') {
		return nil, patternError(p.src, start, "missing ), unterminated subpattern")
	}
	return n, nil
}

// inlineFlags reads the rest of (?flags), (?flags:...) or (?flags-flags:...).
func (p *parser) inlineFlags(c rune) (add, del Flags, global bool, err error) {
	fail := func(back int, format string) (Flags, Flags, bool, error) {
		return 0, 0, false, p.errorf(back, "%s", format)
	}
	next := func() (rune, bool) {
		if p.eof() {
			return 0, false
		}
		return []rune(p.get())[0], true
	}
	if c != '-' {
		for {
			f, _ := flagOf(c)
			if f == Locale {
				return fail(0, "bad inline flags: cannot use 'L' flag with a str pattern")
			}
			add |= f
			if f&typeFlags != 0 && add&typeFlags != f {
				return fail(0, "bad inline flags: flags 'a', 'u' and 'L' are incompatible")
			}
			var ok bool
			if c, ok = next(); !ok {
				return fail(0, "missing -, : or )")
			}
			if c == ')' || c == '-' || c == ':' {
				break
			}
			if _, ok := flagOf(c); !ok {
				if unicode.IsLetter(c) {
					return fail(1, "unknown flag")
				}
				return fail(1, "missing -, : or )")
			}
		}
	}
	if c == ')' {
		return add, 0, true, nil
	}
	if c == '-' {
		var ok bool
		if c, ok = next(); !ok {
			return fail(0, "missing flag")
		}
		if _, ok := flagOf(c); !ok {
			if unicode.IsLetter(c) {
				return fail(1, "unknown flag")
			}
			return fail(1, "missing flag")
		}
		for {
			f, _ := flagOf(c)
			if f&typeFlags != 0 {
				return fail(0, "bad inline flags: cannot turn off flags 'a', 'u' and 'L'")
			}
			del |= f
			if c, ok = next(); !ok {
				return fail(0, "missing :")
			}
			if c == ':' {
				break
			}
			if _, ok := flagOf(c); !ok {
				if unicode.IsLetter(c) {
					return fail(1, "unknown flag")
				}
				return fail(1, "missing :")
			}
		}
	}
	if add&del != 0 {
		return fail(1, "bad inline flags: flag turned on and off")
	}
	return add, del, false, nil
}

// isIdentifier is str.isidentifier, near enough: letters, digits, marks and
// the underscore, no digit in front.
func isIdentifier(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r):
		case i > 0 && (unicode.Is(unicode.Nd, r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r) || unicode.Is(unicode.Pc, r)):
		default:
			return false
		}
	}
	return s != ""
}
