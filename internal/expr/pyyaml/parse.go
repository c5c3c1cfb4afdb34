package pyyaml

import (
	"squall/internal/expr/value"
)

// parser makes nodes of tokens by libyaml's grammar, and names anchors, as
// PyYAML's composer does.
type parser struct {
	*scanner
	b       *value.Budget
	tags    map[string]string // handles of %TAG
	anchors map[string]*Node
}

// fail is a parser's error: what was being parsed since when, and the token
// that does not fit.
func (p *parser) fail(context string, start position, problem string, t *token) error {
	return failAt("ParserError", context, start.mark(), problem, t.start.mark())
}

// document parses the one document of a text; nil when there is none.
func (p *parser) document() (*Node, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case tStreamEnd:
		return nil, nil
	case tVersion, tTagDirective, tDocumentStart:
		if err := p.documentStart(); err != nil {
			return nil, err
		}
	}
	n, err := p.documentContent()
	if err != nil {
		return nil, err
	}
	// Behind the document there may be an end mark, and nothing else.
	for {
		t, err := p.peek()
		if err != nil {
			return nil, err
		}
		if t.kind != tDocumentEnd {
			break
		}
		p.take()
	}
	if t, err = p.peek(); err != nil || t.kind == tStreamEnd {
		return n, err
	}
	at := t.start
	p.tags = map[string]string{}
	if err := p.documentStart(); err != nil {
		return nil, err
	}
	return nil, failAt("ComposerError", "expected a single document in the stream", n.Mark, "but found another document", at.mark())
}

// documentStart takes directives and the start mark.
func (p *parser) documentStart() error {
	version := false
	for {
		t, err := p.peek()
		if err != nil {
			return err
		}
		none := position{}
		switch t.kind {
		case tVersion:
			if version {
				return p.fail("", none, "found duplicate %YAML directive", t)
			}
			if t.major != 1 || t.minor != 1 && t.minor != 2 {
				return p.fail("", none, "found incompatible YAML document", t)
			}
			version = true
		case tTagDirective:
			if _, dup := p.tags[t.handle]; dup {
				return p.fail("", none, "found duplicate %TAG directive", t)
			}
			p.tags[t.handle] = t.suffix
		case tDocumentStart:
			p.take()
			return nil
		default:
			return p.fail("", none, "did not find expected <document start>", t)
		}
		p.take()
	}
}

func (p *parser) documentContent() (*Node, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case tVersion, tTagDirective, tDocumentStart, tStreamEnd:
		return p.empty(t.start), nil
	case tDocumentEnd:
		// Only an explicit start allows a document without content.
		if p.parsed > 0 {
			return p.empty(t.start), nil
		}
	}
	return p.node(true, false, 0)
}

// empty is the null where a node was left out.
func (p *parser) empty(at position) *Node {
	return &Node{Tag: tagNull, Plain: true, Mark: at.mark()}
}

// node parses a node. block allows block collections; indentless allows a
// sequence at its key's own indentation.
func (p *parser) node(block, indentless bool, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	if err := p.b.Step(2); err != nil {
		return nil, err
	}
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if t.kind == tAlias {
		n := p.anchors[t.text]
		if n == nil {
			return nil, failAt("ComposerError", "", Mark{}, "found undefined alias", t.start.mark())
		}
		p.take()
		return n, nil
	}
	start := t.start
	var anchor, tag string
	hasAnchor, hasTag := false, false
	var tagToken token
	for range 2 {
		if t.kind == tAnchor && !hasAnchor {
			anchor, hasAnchor = t.text, true
		} else if t.kind == tTag && !hasTag {
			tagToken, hasTag = *t, true
		} else {
			break
		}
		p.take()
		if t, err = p.peek(); err != nil {
			return nil, err
		}
	}
	if hasTag {
		if tag, err = p.resolveTag(&tagToken, start); err != nil {
			return nil, err
		}
	}
	n := &Node{Mark: start.mark()}
	name := func() error {
		if !hasAnchor {
			return nil
		}
		if first := p.anchors[anchor]; first != nil {
			return failAt("ComposerError", "found duplicate anchor; first occurrence", first.Mark, "second occurrence", n.Mark)
		}
		p.anchors[anchor] = n
		return nil
	}
	collection := func(k Kind, def string) error {
		n.Kind, n.Tag = k, def
		if tag != "" && tag != "!" {
			n.Tag = tag
		}
		return name()
	}
	switch {
	case indentless && t.kind == tBlockEntry:
		if err := collection(Sequence, tagSeq); err != nil {
			return nil, err
		}
		return n, p.indentlessSequence(n, depth)
	case t.kind == tScalar:
		n.Text, n.Plain = t.text, t.plain
		switch {
		case tag == "!" || !hasTag && t.plain:
			n.Tag = resolve(t.text)
		case hasTag:
			n.Tag = tag
		default:
			n.Tag = tagStr
		}
		p.take()
		return n, name()
	case t.kind == tFlowSequence || t.kind == tFlowMapping || block && (t.kind == tBlockSequence || t.kind == tBlockMapping):
		kind, def, fill := Sequence, tagSeq, p.blockSequence
		switch t.kind {
		case tFlowSequence:
			fill = p.flowSequence
		case tFlowMapping:
			kind, def, fill = Mapping, tagMap, p.flowMapping
		case tBlockMapping:
			kind, def, fill = Mapping, tagMap, p.blockMapping
		}
		if err := collection(kind, def); err != nil {
			return nil, err
		}
		return n, fill(n, depth)
	case hasAnchor || hasTag:
		n.Plain = true
		switch {
		case !hasTag:
			n.Tag = tagNull
		case tag == "!":
			n.Tag = tagStr
		default:
			n.Tag = tag
		}
		return n, name()
	}
	context := "while parsing a flow node"
	if block {
		context = "while parsing a block node"
	}
	return nil, p.fail(context, start, "did not find expected node content", t)
}

// resolveTag gives the full tag for a handle and a suffix.
func (p *parser) resolveTag(t *token, start position) (string, error) {
	if t.handle == "" {
		return t.suffix, nil
	}
	if prefix, ok := p.tags[t.handle]; ok {
		return prefix + t.suffix, nil
	}
	switch t.handle {
	case "!":
		return "!" + t.suffix, nil
	case "!!":
		return tagPrefix + t.suffix, nil
	}
	return "", p.scanner.parserFail("while parsing a node", start, "found undefined tag handle", t.start)
}

func (s *scanner) parserFail(context string, start position, problem string, at position) error {
	return failAt("ParserError", context, start.mark(), problem, at.mark())
}

// nodeUnless parses a node, or gives the null left out before one of the kinds.
func (p *parser) nodeUnless(at position, block, indentless bool, depth int, kinds ...tokenKind) (*Node, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if t.kind == k {
			return p.empty(at), nil
		}
	}
	return p.node(block, indentless, depth+1)
}

func (p *parser) blockSequence(n *Node, depth int) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	start := t.start
	p.take()
	for {
		if t, err = p.peek(); err != nil {
			return err
		}
		switch t.kind {
		case tBlockEntry:
			end := t.end
			p.take()
			item, err := p.nodeUnless(end, true, false, depth, tBlockEntry, tBlockEnd)
			if err != nil {
				return err
			}
			n.Items = append(n.Items, item)
		case tBlockEnd:
			p.take()
			return nil
		default:
			return p.fail("while parsing a block collection", start, "did not find expected '-' indicator", t)
		}
	}
}

func (p *parser) indentlessSequence(n *Node, depth int) error {
	for {
		t, err := p.peek()
		if err != nil || t.kind != tBlockEntry {
			return err
		}
		end := t.end
		p.take()
		item, err := p.nodeUnless(end, true, false, depth, tBlockEntry, tKey, tValue, tBlockEnd)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
}

func (p *parser) blockMapping(n *Node, depth int) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	start := t.start
	p.take()
	for {
		if t, err = p.peek(); err != nil {
			return err
		}
		switch t.kind {
		case tKey:
		case tBlockEnd:
			p.take()
			return nil
		default:
			return p.fail("while parsing a block mapping", start, "did not find expected key", t)
		}
		end := t.end
		p.take()
		key, err := p.nodeUnless(end, true, true, depth, tKey, tValue, tBlockEnd)
		if err != nil {
			return err
		}
		if t, err = p.peek(); err != nil {
			return err
		}
		v := p.empty(t.start)
		if t.kind == tValue {
			end := t.end
			p.take()
			if v, err = p.nodeUnless(end, true, true, depth, tKey, tValue, tBlockEnd); err != nil {
				return err
			}
		}
		n.Pairs = append(n.Pairs, Pair{key, v})
	}
}

func (p *parser) flowSequence(n *Node, depth int) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	start := t.start
	p.take()
	for first := true; ; first = false {
		if t, err = p.flowEntry(first, tFlowSequenceEnd, "while parsing a flow sequence", start, "did not find expected ',' or ']'"); err != nil {
			return err
		}
		switch t.kind {
		case tFlowSequenceEnd:
			p.take()
			return nil
		case tKey:
			pair, err := p.singlePair(t.start, depth)
			if err != nil {
				return err
			}
			n.Items = append(n.Items, pair)
		default:
			item, err := p.node(false, false, depth+1)
			if err != nil {
				return err
			}
			n.Items = append(n.Items, item)
		}
	}
}

// flowEntry takes the comma between entries and gives the token behind it.
func (p *parser) flowEntry(first bool, end tokenKind, context string, start position, problem string) (*token, error) {
	t, err := p.peek()
	if err != nil || first || t.kind == end {
		return t, err
	}
	if t.kind != tFlowEntry {
		return nil, p.fail(context, start, problem, t)
	}
	p.take()
	return p.peek()
}

// singlePair is a mapping of one pair written inside of a sequence.
func (p *parser) singlePair(start position, depth int) (*Node, error) {
	n := &Node{Kind: Mapping, Tag: tagMap, Mark: start.mark()}
	p.take()
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	var key *Node
	switch t.kind {
	case tValue, tFlowEntry, tFlowSequenceEnd:
		key = p.empty(t.end)
		p.take() // libyaml drops this token, too
	default:
		if key, err = p.node(false, false, depth+1); err != nil {
			return nil, err
		}
	}
	v, err := p.flowValue(depth, tFlowEntry, tFlowSequenceEnd)
	if err != nil {
		return nil, err
	}
	n.Pairs = []Pair{{key, v}}
	return n, nil
}

// flowValue parses ": value", or gives null.
func (p *parser) flowValue(depth int, ends ...tokenKind) (*Node, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if t.kind != tValue {
		return p.empty(t.start), nil
	}
	p.take()
	if t, err = p.peek(); err != nil {
		return nil, err
	}
	return p.nodeUnless(t.start, false, false, depth, ends...)
}

func (p *parser) flowMapping(n *Node, depth int) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	start := t.start
	p.take()
	for first := true; ; first = false {
		if t, err = p.flowEntry(first, tFlowMappingEnd, "while parsing a flow mapping", start, "did not find expected ',' or '}'"); err != nil {
			return err
		}
		var key, v *Node
		switch t.kind {
		case tFlowMappingEnd:
			p.take()
			return nil
		case tKey:
			p.take()
			if t, err = p.peek(); err != nil {
				return err
			}
			if key, err = p.nodeUnless(t.start, false, false, depth, tValue, tFlowEntry, tFlowMappingEnd); err != nil {
				return err
			}
			if v, err = p.flowValue(depth, tFlowEntry, tFlowMappingEnd); err != nil {
				return err
			}
		default:
			if key, err = p.node(false, false, depth+1); err != nil {
				return err
			}
			if t, err = p.peek(); err != nil {
				return err
			}
			v = p.empty(t.start)
		}
		n.Pairs = append(n.Pairs, Pair{key, v})
	}
}
