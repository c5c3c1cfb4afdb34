package pyyaml

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"squall/internal/expr/value"
)

// Bounds of a document: its size and nesting. PyYAML ends near 300 levels,
// because Python's stack does.
const (
	maxSource = 32 << 20
	maxDepth  = 300
)

// yamlError is an error of PyYAML with its place.
type yamlError struct {
	err     *value.Error
	mark    Mark
	problem string
}

func (e *yamlError) Error() string { return e.err.Error() }

// Unwrap gives the Python error.
func (e *yamlError) Unwrap() error { return e.err }

// failAt makes an error as PyYAML prints it: context and problem, each
// followed by its place. A context mark equal to the problem's is not shown.
func failAt(class, context string, contextMark Mark, problem string, mark Mark) error {
	var b strings.Builder
	if context != "" {
		b.WriteString(context + "\n")
		b.WriteString(contextMark.String() + "\n")
	}
	b.WriteString(problem + "\n" + mark.String())
	return &yamlError{err: &value.Error{Class: class, Msg: b.String()}, mark: mark, problem: problem}
}

// compose parses a document to nodes; nil for an empty one.
func compose(b *value.Budget, src string) (*Node, error) {
	if len(src) > maxSource {
		return nil, value.ValueErrorf("YAML text is longer than %d bytes", maxSource)
	}
	// Nodes and events take about this much for each byte of dense source.
	if err := b.Alloc(int64(len(src)) * 16); err != nil {
		return nil, err
	}
	if err := checkCharacters(src); err != nil {
		return nil, err
	}
	// libyaml takes documents of version 1.2 as if they were 1.1.
	if strings.HasPrefix(src, "%YAML 1.2") {
		src = "%YAML 1.1" + src[len("%YAML 1.2"):]
	}
	dec := yaml.NewDecoder(strings.NewReader(src))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, syntaxError(src, err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, secondDocument(src, &doc, &second, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	c := &composer{b: b, nodes: map[*yaml.Node]*Node{}, anchors: map[string]Mark{}}
	return c.node(doc.Content[0], 0)
}

func secondDocument(src string, doc, second *yaml.Node, err error) error {
	if err != nil {
		return syntaxError(src, err)
	}
	return failAt("ComposerError", "expected a single document in the stream", Mark{doc.Content[0].Line, doc.Content[0].Column},
		"but found another document", Mark{second.Line, second.Column})
}

// checkCharacters refuses what PyYAML's reader refuses.
func checkCharacters(src string) error {
	pos := 0
	for _, r := range src {
		ok := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0x7f || r == 0x85 || r >= 0xa0 && r < 0xd800 ||
			r >= 0xe000 && r <= 0xfffd || r >= 0x10000
		if !ok {
			return &value.Error{Class: "ReaderError", Msg: fmt.Sprintf(
				"unacceptable character #x%04x: control characters are not allowed\n  in \"<unicode string>\", position %d", r, pos)}
		}
		pos++
	}
	return nil
}

type composer struct {
	b       *value.Budget
	nodes   map[*yaml.Node]*Node
	anchors map[string]Mark
}

func (c *composer) node(y *yaml.Node, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	if err := c.b.Step(1); err != nil {
		return nil, err
	}
	if y.Kind == yaml.AliasNode {
		return c.nodes[y.Alias], nil
	}
	n := &Node{Mark: Mark{y.Line, y.Column}, Text: y.Value}
	if y.Anchor != "" {
		if first, dup := c.anchors[y.Anchor]; dup {
			return nil, failAt("ComposerError", "found duplicate anchor; first occurrence", first, "second occurrence", n.Mark)
		}
		c.anchors[y.Anchor] = n.Mark
	}
	c.nodes[y] = n
	switch y.Kind {
	case yaml.SequenceNode:
		n.Kind, n.Tag, n.Text = Sequence, tagSeq, ""
	case yaml.MappingNode:
		n.Kind, n.Tag, n.Text = Mapping, tagMap, ""
	default:
		n.Plain = y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		n.Tag = tagStr
	}
	tag := explicitTag(y)
	if n.Kind == Scalar && (tag == "!" || tag == "" && n.Plain) {
		n.Tag = resolve(n.Text)
	} else if tag != "" && tag != "!" {
		n.Tag = tag
	}
	for i, child := range y.Content {
		k, err := c.node(child, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == Sequence {
			n.Items = append(n.Items, k)
		} else if i%2 == 0 {
			n.Pairs = append(n.Pairs, Pair{Key: k})
		} else {
			n.Pairs[i/2].Value = k
		}
	}
	return n, nil
}

// explicitTag is the tag written in the source, in full; "" when none was.
func explicitTag(y *yaml.Node) string {
	if y.Style&yaml.TaggedStyle == 0 {
		return ""
	}
	if rest, ok := strings.CutPrefix(y.Tag, "!!"); ok {
		return tagPrefix + rest
	}
	return y.Tag
}

var (
	lineOf       = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	unknownAlias = regexp.MustCompile(`^unknown anchor '([^']*)' referenced$`)
)

// syntaxError translates an error of the parser. It tells the line only, so
// the column is found by looking for the shortest beginning of the text that
// fails the same way.
func syntaxError(src string, err error) error {
	m := lineOf.FindStringSubmatch(strings.TrimSpace(err.Error()))
	if m == nil {
		return &value.Error{Class: "YAMLError", Msg: err.Error(), Err: err}
	}
	problem := m[2]
	if a := unknownAlias.FindStringSubmatch(problem); a != nil {
		at := strings.Index(src, "*"+a[1])
		return failAt("ComposerError", "", Mark{}, "found undefined alias", markAt(src, max(at, 0)))
	}
	class := "ScannerError"
	if strings.HasPrefix(problem, "did not find expected") && problem != "did not find expected alphabetic or numeric character" &&
		!strings.Contains(problem, "whitespace") && !strings.Contains(problem, "comment") {
		class = "ParserError"
	}
	line, _ := strconv.Atoi(m[1])
	return failAt(class, "", Mark{}, problem, placeOf(src, problem, max(line, 1)))
}

// placeOf searches around the line that the parser named.
func placeOf(src, problem string, line int) Mark {
	lines := strings.SplitAfter(src, "\n")
	line = min(line, len(lines))
	start := 0
	for _, l := range lines[:max(line-2, 0)] {
		start += len(l)
	}
	end := start
	for _, l := range lines[max(line-2, 0):min(line+2, len(lines))] {
		end += len(l)
	}
	if (end-start)*end > 4<<20 {
		return Mark{line, 1}
	}
	for at := start; at <= end; at++ {
		if at < len(src) && !utf8.RuneStart(src[at]) {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(src[:at]), &doc); err != nil && strings.HasSuffix(err.Error(), problem) && stays(src, at, problem) {
			return markAt(src, max(at-1, 0))
		}
	}
	return Mark{line, 1}
}

// stays reports whether the error is the text's own and not that of a
// beginning cut off too early.
func stays(src string, at int, problem string) bool {
	for more := at + 1; more <= min(at+3, len(src)); more++ {
		if more < len(src) && !utf8.RuneStart(src[more]) {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(src[:more]), &doc); err == nil || !strings.HasSuffix(err.Error(), problem) {
			return false
		}
	}
	return true
}

func markAt(src string, offset int) Mark {
	before := src[:offset]
	return Mark{1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])}
}
