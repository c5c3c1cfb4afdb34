package pyre

import (
	"strings"
	"unicode/utf8"

	"squall/internal/expr/value"
)

// frame is an entry of the backtrack stack: a place to try again, or an old
// value to put back on the way to one.
type frame struct {
	kind frameKind
	pc   int // frameBranch, frameGreedy, frameLazy: where to go on; else: which slot or loop
	pos  int // text position, or the old value
	aux  int // frameGreedy: least position; frameLazy: how many may still be taken; frameLoop: old last
}

type frameKind uint8

const (
	frameBranch frameKind = iota
	frameGreedy           // give one character back
	frameLazy             // take one character more
	frameCap              // restore a capture
	frameLoop             // restore a loop
)

const (
	frameBytes = 32
	stepChunk  = 256 // steps between two visits to the budget
)

type loopState struct{ count, last int }

// machine is one attempt to match a text.
type machine struct {
	p      *program
	b      *value.Budget
	s      string
	caps   []int
	loops  []loopState
	stack  []frame
	steps  int64
	grown  int
	full   bool // the whole match must end at the end of the text
	noStop int  // a whole match may not end here (-1: anywhere): Python's rule after an empty match
	err    error
}

func newMachine(p *program, b *value.Budget, s string) *machine {
	m := &machine{p: p, b: b, s: s, caps: make([]int, p.slots), loops: make([]loopState, p.loops), noStop: -1}
	m.reset()
	return m
}

func (m *machine) reset() {
	for i := range m.caps {
		m.caps[i] = -1
	}
	m.stack = m.stack[:0]
}

// search looks for the first match that starts at from or later.
func (m *machine) search(from int, mustAdvance bool) (bool, error) {
	for pos := from; pos <= len(m.s); {
		if m.p.prefix != "" {
			i := strings.Index(m.s[pos:], m.p.prefix)
			m.steps += int64(max(i, 0)) >> 6
			if i < 0 {
				return false, nil
			}
			pos += i
		}
		m.noStop = -1
		if mustAdvance && pos == from {
			m.noStop = from
		}
		ok, err := m.matchAt(pos)
		if ok || err != nil {
			return ok, err
		}
		if m.p.anchored || pos == len(m.s) {
			return false, nil
		}
		_, size := utf8.DecodeRuneInString(m.s[pos:])
		pos += size
	}
	return false, nil
}

// matchAt tries to match at one position. The captures are in m.caps.
func (m *machine) matchAt(pos int) (bool, error) {
	m.reset()
	_, ok := m.run(0, pos, true)
	if m.err == nil {
		m.err = m.b.Step(m.steps + 1)
		m.steps = 0
	}
	return ok && m.err == nil, m.err
}

func (m *machine) push(f frame) {
	m.stack = append(m.stack, f)
	if len(m.stack) > m.grown {
		m.grown = len(m.stack) + 1024
		m.err = m.b.Alloc(1024 * frameBytes)
	}
}

func (m *machine) setCap(slot, pos int) {
	m.push(frame{kind: frameCap, pc: slot, pos: m.caps[slot]})
	m.caps[slot] = pos
}

// one matches a one-character instruction; it returns the width or -1.
func (m *machine) one(i *inst, pos int) int {
	if pos >= len(m.s) {
		return -1
	}
	r, size := rune(m.s[pos]), 1
	if r >= utf8.RuneSelf {
		r, size = utf8.DecodeRuneInString(m.s[pos:])
	}
	var ok bool
	switch i.code {
	case iChar:
		ok = r == i.r
	case iCharFold:
		ok = equalFold(i.r, r, i.ascii)
	case iSet:
		ok = i.set.match(r)
	case iAny:
		ok = r != '\n'
	case iAnyNL:
		ok = true
	}
	if !ok {
		return -1
	}
	return size
}

// run executes from pc until iMatch; outer says the match is the whole one.
// Frames pushed by it stay on the stack when it succeeds.
func (m *machine) run(pc, pos int, outer bool) (end int, ok bool) {
	base := len(m.stack)
	insts := m.p.insts
	for {
		if m.steps++; m.steps >= stepChunk {
			if m.err == nil {
				m.err = m.b.Step(m.steps)
			}
			m.steps = 0
		}
		if m.err != nil {
			return 0, false
		}
		i := &insts[pc]
		fail := false
		switch i.code {
		case iChar, iCharFold, iSet, iAny, iAnyNL:
			if w := m.one(i, pos); w >= 0 {
				pos += w
				pc++
			} else {
				fail = true
			}
		case iAt:
			if m.at(i.at, pos) {
				pc++
			} else {
				fail = true
			}
		case iSplit:
			m.push(frame{kind: frameBranch, pc: i.y, pos: pos})
			pc = i.x
		case iJump:
			pc = i.x
		case iSave:
			m.setCap(i.n, pos)
			pc++
		case iSimple:
			pc, pos, fail = m.simple(pc, pos)
		case iLoopInit:
			l := m.loops[i.n]
			m.push(frame{kind: frameLoop, pc: i.n, pos: l.count, aux: l.last})
			m.loops[i.n] = loopState{count: -1, last: -1}
			pc++
		case iLoop:
			pc = m.loop(i, pos)
		case iBackref:
			var w int
			if w, fail = m.backref(i, pos); !fail {
				pos += w
				pc++
			}
		case iCond:
			if m.caps[2*i.n+1] >= 0 {
				pc = i.x
			} else {
				pc = i.y
			}
		case iLook:
			if m.look(i, pc, pos) {
				pc = i.x
			} else {
				fail = true
			}
		case iAtomic:
			mark := len(m.stack)
			if e, ok := m.run(pc+1, pos, false); ok {
				m.dropBranches(mark)
				pos, pc = e, i.x
			} else {
				fail = true
			}
		case iMatch:
			if outer && (pos == m.noStop && m.caps[0] == pos || m.full && pos != len(m.s)) {
				fail = true
				break
			}
			return pos, true
		}
		if fail {
			if pc, pos, ok = m.backtrack(base); !ok {
				return 0, false
			}
		}
	}
}

// simple runs a repeat of one character.
func (m *machine) simple(pc, pos int) (int, int, bool) {
	i, body := &m.p.insts[pc], &m.p.insts[pc+1]
	taken := 0
	for taken < i.min {
		w := m.one(body, pos)
		if w < 0 {
			return pc, pos, true
		}
		pos += w
		taken++
	}
	least := pos
	if i.kind == lazy {
		if i.max > taken {
			m.push(frame{kind: frameLazy, pc: pc, pos: pos, aux: i.max - taken})
		}
		m.steps += int64(taken >> 3)
		return i.x, pos, false
	}
	for taken < i.max {
		w := m.one(body, pos)
		if w < 0 {
			break
		}
		pos += w
		taken++
	}
	m.steps += int64(taken >> 3)
	if i.kind == greedy && pos > least {
		m.push(frame{kind: frameGreedy, pc: i.x, pos: pos, aux: least})
	}
	return i.x, pos, false
}

// loop is reached before each round of a general repeat, first and last.
func (m *machine) loop(i *inst, pos int) int {
	l := m.loops[i.n]
	m.push(frame{kind: frameLoop, pc: i.n, pos: l.count, aux: l.last})
	l.count++
	if l.count < i.min {
		m.loops[i.n] = l
		return i.x
	}
	// A round that took nothing ends the repeat, or it would never end. As in
	// CPython the rounds up to the minimum do not count for that.
	if i.max != infinite && l.count >= i.max || l.last == pos {
		m.loops[i.n] = l
		return i.y
	}
	l.last = pos
	m.loops[i.n] = l
	if i.kind == lazy {
		m.push(frame{kind: frameBranch, pc: i.x, pos: pos})
		return i.y
	}
	m.push(frame{kind: frameBranch, pc: i.y, pos: pos})
	return i.x
}

func (m *machine) backref(i *inst, pos int) (width int, fail bool) {
	lo, hi := m.caps[2*i.n], m.caps[2*i.n+1]
	if lo < 0 || hi < lo {
		return 0, true
	}
	want := m.s[lo:hi]
	m.steps += int64(len(want) >> 3)
	if !i.fold {
		return len(want), !strings.HasPrefix(m.s[pos:], want)
	}
	start := pos
	for _, r := range want {
		if pos >= len(m.s) {
			return 0, true
		}
		c, size := utf8.DecodeRuneInString(m.s[pos:])
		if !equalLower(r, c, i.ascii) {
			return 0, true
		}
		pos += size
	}
	return pos - start, false
}

// look runs a look-around. What a successful positive one captured stays.
func (m *machine) look(i *inst, pc, pos int) bool {
	if i.behind {
		for range i.n {
			if pos == 0 {
				return i.negate
			}
			_, size := utf8.DecodeLastRuneInString(m.s[:pos])
			pos -= size
		}
	}
	mark := len(m.stack)
	_, ok := m.run(pc+1, pos, false)
	if m.err != nil {
		return false
	}
	if !ok {
		return i.negate
	}
	if i.negate {
		m.unwind(mark)
		return false
	}
	m.dropBranches(mark)
	return true
}

// backtrack pops frames down to base until one gives a place to try.
func (m *machine) backtrack(base int) (pc, pos int, ok bool) {
	for len(m.stack) > base {
		top := len(m.stack) - 1
		f := &m.stack[top]
		switch f.kind {
		case frameBranch:
			pc, pos = f.pc, f.pos
			m.stack = m.stack[:top]
			return pc, pos, true
		case frameGreedy:
			_, size := utf8.DecodeLastRuneInString(m.s[:f.pos])
			f.pos -= size
			pc, pos = f.pc, f.pos
			if f.pos <= f.aux {
				m.stack = m.stack[:top]
			}
			return pc, pos, true
		case frameLazy:
			i := &m.p.insts[f.pc]
			w := m.one(&m.p.insts[f.pc+1], f.pos)
			if w < 0 {
				m.stack = m.stack[:top]
				continue
			}
			f.pos += w
			f.aux--
			pos = f.pos
			if f.aux == 0 {
				m.stack = m.stack[:top]
			}
			return i.x, pos, true
		default:
			m.restore(f)
			m.stack = m.stack[:top]
		}
	}
	return 0, 0, false
}

func (m *machine) restore(f *frame) {
	switch f.kind {
	case frameCap:
		m.caps[f.pc] = f.pos
	case frameLoop:
		m.loops[f.pc] = loopState{count: f.pos, last: f.aux}
	}
}

// unwind puts everything back to where the stack was at mark.
func (m *machine) unwind(mark int) {
	for len(m.stack) > mark {
		top := len(m.stack) - 1
		m.restore(&m.stack[top])
		m.stack = m.stack[:top]
	}
}

// dropBranches forgets the alternatives above mark but keeps what must be
// restored when the matcher goes back behind it.
func (m *machine) dropBranches(mark int) {
	keep := mark
	for _, f := range m.stack[mark:] {
		if f.kind == frameCap || f.kind == frameLoop {
			m.stack[keep] = f
			keep++
		}
	}
	m.stack = m.stack[:keep]
}

// at tests a zero-width place.
func (m *machine) at(k atKind, pos int) bool {
	s := m.s
	switch k {
	case atBegin, atBeginString:
		return pos == 0
	case atEnd:
		return pos == len(s) || pos == len(s)-1 && s[pos] == '\n'
	case atEndString:
		return pos == len(s)
	case atBeginLine:
		return pos == 0 || s[pos-1] == '\n'
	case atEndLine:
		return pos == len(s) || s[pos] == '\n'
	case atBoundary, atNoBoundary, atBoundaryASC, atNoBoundASC:
		if s == "" {
			// CPython: neither \b nor \B matches in an empty text.
			return false
		}
		ascii := k == atBoundaryASC || k == atNoBoundASC
		before, after := false, false
		if pos > 0 {
			r, _ := utf8.DecodeLastRuneInString(s[:pos])
			before = isWord(r) && (!ascii || r < 128)
		}
		if pos < len(s) {
			r, _ := utf8.DecodeRuneInString(s[pos:])
			after = isWord(r) && (!ascii || r < 128)
		}
		return (before != after) == (k == atBoundary || k == atBoundaryASC)
	}
	return false
}
