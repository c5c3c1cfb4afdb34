package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"squall/internal/runner"
)

// pythonLiteral reads the Python values that have a JSON counterpart: None,
// True, False, numbers, strings, lists, tuples and dicts with string keys.
// Packs write request bodies so, because templates render objects that way.
func pythonLiteral(s string) (any, error) {
	p := &literal{rest: s, size: len(s)}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.blank(); p.rest != "" {
		return nil, p.fail("end expected")
	}
	return v, nil
}

type literal struct {
	rest string
	size int
}

const deepest = 100

func (p *literal) fail(what string) error {
	return fmt.Errorf("invalid syntax at character %d: %s", p.size-len(p.rest)+1, what)
}

func (p *literal) blank() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *literal) take(token string) bool {
	p.blank()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *literal) value(depth int) (any, error) {
	if depth > deepest {
		return nil, errors.New("nested too deeply")
	}
	p.blank()
	if p.rest == "" {
		return nil, p.fail("value expected")
	}
	switch c := p.rest[0]; {
	case c == '[':
		p.rest = p.rest[1:]
		list, _, err := p.list("]", depth)
		return list, err
	case c == '(':
		p.rest = p.rest[1:]
		list, commas, err := p.list(")", depth)
		if err == nil && len(list) == 1 && commas == 0 {
			return list[0], nil // only brackets
		}
		return list, err
	case c == '{':
		p.rest = p.rest[1:]
		return p.dict(depth)
	case c == '\'' || c == '"':
		return p.text()
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return p.number()
	}
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r < 'A' || r > 'z' })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	for name, v := range map[string]any{"None": nil, "True": true, "False": false} {
		if word == name {
			p.rest = p.rest[end:]
			return v, nil
		}
	}
	return nil, p.fail("value expected")
}

func (p *literal) list(end string, depth int) (list []any, commas int, err error) {
	list = []any{}
	for !p.take(end) {
		if len(list) > commas {
			return nil, 0, p.fail("',' expected")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, v)
		if p.take(",") {
			commas++
		}
	}
	return list, commas, nil
}

func (p *literal) dict(depth int) (any, error) {
	o := runner.Object{}
	for comma := true; !p.take("}"); comma = p.take(",") {
		if !comma {
			return nil, p.fail("',' expected")
		}
		if p.blank(); p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
			return nil, p.fail("a string as key expected")
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if !p.take(":") {
			return nil, p.fail("':' expected")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o = append(o, runner.Member{Name: key.(string), Value: v})
	}
	return o, nil
}

func (p *literal) number() (any, error) {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE_", r) })
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimPrefix(p.rest[:end], "+")
	if json.Valid([]byte(word)) {
		p.rest = p.rest[end:]
		return json.Number(word), nil
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || !strings.ContainsAny(word, ".eE") || strings.Contains(word, "_") {
		return nil, p.fail("number expected")
	}
	p.rest = p.rest[end:]
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

// text reads strings in single or double quotes, and neighbours as one.
func (p *literal) text() (any, error) {
	var b strings.Builder
	for {
		if p.blank(); p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
			return b.String(), nil
		}
		quote := p.rest[0]
		p.rest = p.rest[1:]
		for {
			if p.rest == "" || p.rest[0] == '\n' {
				return nil, p.fail("unterminated string")
			}
			if p.rest[0] == quote {
				p.rest = p.rest[1:]
				break
			}
			if p.rest[0] != '\\' {
				r, size := utf8.DecodeRuneInString(p.rest)
				b.WriteRune(r)
				p.rest = p.rest[size:]
				continue
			}
			if err := p.escape(&b); err != nil {
				return nil, err
			}
		}
	}
}

func (p *literal) escape(b *strings.Builder) error {
	if len(p.rest) < 2 {
		return p.fail("unterminated string")
	}
	c := p.rest[1]
	simple := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\n': ""}
	if text, ok := simple[c]; ok {
		b.WriteString(text)
		p.rest = p.rest[2:]
		return nil
	}
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
		if len(p.rest) < 2+digits {
			return p.fail("truncated escape")
		}
		n, err := strconv.ParseUint(p.rest[2:2+digits], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return p.fail("bad escape")
		}
		b.WriteRune(rune(n))
		p.rest = p.rest[2+digits:]
		return nil
	}
	b.WriteByte('\\') // Python leaves unknown escapes as they are
	p.rest = p.rest[1:]
	return nil
}
