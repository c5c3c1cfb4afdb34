package pyre

// Anchors reports whether a pattern begins or ends by itself: whether it holds
// ^ or \A, and $ or \Z, outside of repeats and look-around. Of alternatives only
// the second is looked into, as StackStorm does when it decides whether the format
// of an alias needs anchors. A bad pattern gives the error of Compile.
func Anchors(pattern string, flags Flags) (begin, end bool, err error) {
	p, err := parse(pattern, flags)
	if err != nil {
		return false, false, err
	}
	begin, end = p.root.anchors()
	return begin, end, nil
}

func (n *node) anchors() (begin, end bool) {
	switch n.op {
	case opAt:
		switch n.at {
		case atBegin, atBeginString, atBeginLine:
			return true, false
		case atEnd, atEndString, atEndLine:
			return false, true
		}
	case opBranch:
		return n.kids[1].anchors()
	case opSeq, opGroup:
		for _, k := range n.kids {
			b, e := k.anchors()
			begin, end = begin || b, end || e
		}
	}
	return begin, end
}
