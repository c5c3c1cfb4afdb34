package pyyaml

// tokenKind is a kind of token, in libyaml's order of thought.
type tokenKind uint8

const (
	tStreamEnd    tokenKind = iota
	tVersion                // %YAML: major, minor
	tTagDirective           // %TAG: handle, suffix
	tDocumentStart
	tDocumentEnd
	tBlockSequence
	tBlockMapping
	tBlockEnd
	tFlowSequence
	tFlowSequenceEnd
	tFlowMapping
	tFlowMappingEnd
	tBlockEntry
	tFlowEntry
	tKey
	tValue
	tAlias  // text
	tAnchor // text
	tTag    // handle, suffix
	tScalar // text, plain
)

type token struct {
	kind           tokenKind
	start, end     position
	text           string
	handle, suffix string
	plain          bool
	major, minor   int
}

// position is a place in the source: code points, line and column from 0.
type position struct{ index, line, column int }

func (p position) mark() Mark { return Mark{p.line + 1, p.column + 1} }

// simpleKey is a place where a key without "?" may start.
type simpleKey struct {
	possible, required bool
	token              int // number of the token that would be the key
	at                 position
}

// scanner turns the source into tokens as libyaml does. Tokens are queued
// because a colon makes what stands before it a key.
type scanner struct {
	src        []rune
	pos        position
	tokens     []token
	head       int // next token of the queue to hand out
	parsed     int // tokens handed out
	indent     int
	indents    []int
	flow       int // nesting of brackets and braces
	keys       []simpleKey
	keyAllowed bool
	end        bool
}

// maxFlow bounds the nesting of brackets: all open ones are looked at for
// every token.
const maxFlow = 1000

func newScanner(src string) *scanner {
	return &scanner{src: []rune(src), indent: -1, keys: []simpleKey{{}}, keyAllowed: true}
}

// at gives the character k places ahead, 0 behind the end.
func (s *scanner) at(k int) rune {
	if i := s.pos.index + k; i < len(s.src) {
		return s.src[i]
	}
	return 0
}

func (s *scanner) isEnd(k int) bool { return s.pos.index+k >= len(s.src) }

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

func (s *scanner) isBreakz(k int) bool { return s.isEnd(k) || isBreak(s.at(k)) }
func (s *scanner) isBlankz(k int) bool { return s.isBreakz(k) || isBlank(s.at(k)) }

func (s *scanner) skip(n int) {
	s.pos.index += n
	s.pos.column += n
}

// line takes a line break and gives its normal form, "" at the end.
func (s *scanner) line() string {
	if s.isEnd(0) {
		return ""
	}
	r := s.at(0)
	if !isBreak(r) {
		return ""
	}
	if r == '\r' && s.at(1) == '\n' {
		s.pos.index++
	}
	s.pos.index++
	s.pos.line++
	s.pos.column = 0
	if r == 0x2028 || r == 0x2029 {
		return string(r)
	}
	return "\n"
}

// fail is a scanner's error; start is where the thing being scanned began.
func (s *scanner) fail(context string, start position, problem string) error {
	return failAt("ScannerError", context, start.mark(), problem, s.pos.mark())
}

// atDocument reports whether a line starts with "---" or "...".
func (s *scanner) atDocument() bool {
	if s.pos.column != 0 || !s.isBlankz(3) {
		return false
	}
	r := s.at(0)
	return (r == '-' || r == '.') && s.at(1) == r && s.at(2) == r
}

func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-'
}
