package jinja

// tokenType is the kind of a lexical token. The names of the kinds appear in
// syntax errors, so they are part of the behaviour copied from Jinja.
type tokenType uint8

const (
	tokEOF tokenType = iota
	tokError
	tokData
	tokBlockBegin
	tokBlockEnd
	tokVariableBegin
	tokVariableEnd
	tokName
	tokString
	tokInteger
	tokFloat

	tokAdd
	tokAssign
	tokColon
	tokComma
	tokDiv
	tokDot
	tokEq
	tokFloorDiv
	tokGt
	tokGtEq
	tokLBrace
	tokLBracket
	tokLParen
	tokLt
	tokLtEq
	tokMod
	tokMul
	tokNe
	tokPipe
	tokPow
	tokRBrace
	tokRBracket
	tokRParen
	tokSemicolon
	tokSub
	tokTilde
)

// tokenText is what syntax errors call a kind of token.
var tokenText = [...]string{
	tokEOF:           "end of template",
	tokError:         "error",
	tokData:          "template data / text",
	tokBlockBegin:    "begin of statement block",
	tokBlockEnd:      "end of statement block",
	tokVariableBegin: "begin of print statement",
	tokVariableEnd:   "end of print statement",
	tokName:          "name",
	tokString:        "string",
	tokInteger:       "integer",
	tokFloat:         "float",
	tokAdd:           "+",
	tokAssign:        "=",
	tokColon:         ":",
	tokComma:         ",",
	tokDiv:           "/",
	tokDot:           ".",
	tokEq:            "==",
	tokFloorDiv:      "//",
	tokGt:            ">",
	tokGtEq:          ">=",
	tokLBrace:        "{",
	tokLBracket:      "[",
	tokLParen:        "(",
	tokLt:            "<",
	tokLtEq:          "<=",
	tokMod:           "%",
	tokMul:           "*",
	tokNe:            "!=",
	tokPipe:          "|",
	tokPow:           "**",
	tokRBrace:        "}",
	tokRBracket:      "]",
	tokRParen:        ")",
	tokSemicolon:     ";",
	tokSub:           "-",
	tokTilde:         "~",
}

// token is one lexical element; text is the name, the decoded string, the
// template data or the source of an operator, num the value of a number.
type token struct {
	typ  tokenType
	line int
	text string
	num  any
}

// describe is the token as syntax errors show it: names by their spelling,
// everything else by its kind.
func (t token) describe() string {
	if t.typ == tokName {
		return t.text
	}
	return tokenText[t.typ]
}

// isName reports whether the token is the name (or keyword) s.
func (t token) isName(s string) bool { return t.typ == tokName && t.text == s }

// operator splits the longest operator off the front of s.
func operator(s string) (tokenType, int) {
	if len(s) >= 2 {
		switch s[:2] {
		case "//":
			return tokFloorDiv, 2
		case "**":
			return tokPow, 2
		case "==":
			return tokEq, 2
		case "!=":
			return tokNe, 2
		case ">=":
			return tokGtEq, 2
		case "<=":
			return tokLtEq, 2
		}
	}
	switch s[0] {
	case '+':
		return tokAdd, 1
	case '-':
		return tokSub, 1
	case '/':
		return tokDiv, 1
	case '*':
		return tokMul, 1
	case '%':
		return tokMod, 1
	case '~':
		return tokTilde, 1
	case '[':
		return tokLBracket, 1
	case ']':
		return tokRBracket, 1
	case '(':
		return tokLParen, 1
	case ')':
		return tokRParen, 1
	case '{':
		return tokLBrace, 1
	case '}':
		return tokRBrace, 1
	case '>':
		return tokGt, 1
	case '<':
		return tokLt, 1
	case '=':
		return tokAssign, 1
	case '.':
		return tokDot, 1
	case ':':
		return tokColon, 1
	case '|':
		return tokPipe, 1
	case ',':
		return tokComma, 1
	case ';':
		return tokSemicolon, 1
	}
	return tokError, 0
}
