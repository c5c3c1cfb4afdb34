package value

import (
	"math"
	"strings"
)

// FieldResolver looks up what follows a field's name in str.format: ".name"
// and "[key]" (an int64 or string). A sandbox supplies its own.
type FieldResolver interface {
	FieldAttr(obj any, name string) (any, error)
	FieldItem(obj, key any) (any, error)
}

// plainResolver follows Python without restrictions.
type plainResolver struct{ b *Budget }

func (r plainResolver) FieldAttr(obj any, name string) (any, error) { return GetAttr(r.b, obj, name) }
func (r plainResolver) FieldItem(obj, key any) (any, error)         { return GetItem(r.b, obj, key) }

// Formatter is one use of str.format or str.format_map.
type Formatter struct {
	Budget   *Budget
	Args     []any
	Kwargs   *Kwargs
	Mapping  any           // for format_map: where names are looked up, instead of Kwargs
	Resolver FieldResolver // nil means plain Python
	Escape   bool          // Markup.format: results are escaped
	isMap    bool
	auto     int // next automatic field number, -1 once manual ones were seen
	manual   bool
	size     int
}

// Format returns format.format(*args, **kwargs).
func Format(b *Budget, format string, args []any, kwargs *Kwargs, resolver FieldResolver) (string, error) {
	f := Formatter{Budget: b, Args: args, Kwargs: kwargs, Resolver: resolver}
	return f.Run(format)
}

// FormatMap returns format.format_map(mapping).
func FormatMap(b *Budget, format string, mapping any, resolver FieldResolver) (string, error) {
	f := Formatter{Budget: b, Mapping: mapping, Resolver: resolver, isMap: true}
	return f.Run(format)
}

// Run formats a text. A Formatter is used once.
func (f *Formatter) Run(format string) (string, error) {
	if f.Resolver == nil {
		f.Resolver = plainResolver{f.Budget}
	}
	f.isMap = f.isMap || f.Mapping != nil
	return f.render(format, 2)
}

func (f *Formatter) render(s string, depth int) (string, error) {
	if depth == 0 {
		return "", ValueErrorf("Max string recursion exceeded")
	}
	if err := f.Budget.Step(1); err != nil {
		return "", err
	}
	var out strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:i])
		c := s[i]
		s = s[i+1:]
		if s != "" && s[0] == c {
			out.WriteByte(c)
			s = s[1:]
			continue
		}
		if c == '}' {
			return "", ValueErrorf("Single '}' encountered in format string")
		}
		if s == "" {
			return "", ValueErrorf("Single '{' encountered in format string")
		}
		fd, rest, err := parseField(s)
		if err != nil {
			return "", err
		}
		s = rest
		text, err := f.field(fd, depth)
		if err != nil {
			return "", err
		}
		if f.size += len(text); f.size > maxAlloc {
			return "", memoryError()
		}
		if err := f.Budget.Alloc(int64(len(text))); err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// formatField is one replacement field, split into its parts.
type formatField struct {
	name   string
	conv   rune // 0 when absent
	spec   string
	nested bool // spec holds fields itself
}

// parseField reads a field after its opening brace.
func parseField(s string) (f formatField, rest string, err error) {
	i, bracket := 0, false
scan:
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '{' && !bracket:
			return f, "", ValueErrorf("unexpected '{' in field name")
		case c == '[':
			bracket = true
		case c == ']' && bracket:
			bracket = false
		case (c == '}' || c == ':' || c == '!') && !bracket:
			break scan
		}
	}
	if i >= len(s) {
		return f, "", ValueErrorf("expected '}' before end of string")
	}
	f.name = s[:i]
	if s[i] == '}' {
		return f, s[i+1:], nil
	}
	if s[i] == '!' {
		i++
		if i >= len(s) {
			return f, "", ValueErrorf("end of string while looking for conversion specifier")
		}
		r, n := decodeRune(s[i:])
		f.conv = r
		i += n
		if i >= len(s) {
			return f, "", ValueErrorf("unmatched '{' in format spec")
		}
		if s[i] == '}' {
			return f, s[i+1:], nil
		}
		if s[i] != ':' {
			return f, "", ValueErrorf("expected ':' after conversion specifier")
		}
	}
	start, depth := i+1, 1
	for j := start; j < len(s); j++ {
		switch s[j] {
		case '{':
			f.nested = true
			depth++
		case '}':
			if depth--; depth == 0 {
				f.spec = s[start:j]
				return f, s[j+1:], nil
			}
		}
	}
	return f, "", ValueErrorf("unmatched '{' in format spec")
}

func (f *Formatter) field(fd formatField, depth int) (string, error) {
	v, err := f.lookup(fd.name)
	if err != nil {
		return "", err
	}
	switch fd.conv {
	case 0:
	case 's':
		v, err = Str(f.Budget, v)
	case 'r':
		v, err = Repr(f.Budget, v)
	case 'a':
		v, err = ASCII(f.Budget, v)
	default:
		if fd.conv > 32 && fd.conv < 127 {
			return "", ValueErrorf("Unknown conversion specifier %c", fd.conv)
		}
		return "", ValueErrorf("Unknown conversion specifier \\x%x", fd.conv)
	}
	if err != nil {
		return "", err
	}
	spec := fd.spec
	if fd.nested {
		if spec, err = f.render(spec, depth-1); err != nil {
			return "", err
		}
	}
	return f.format(v, spec)
}

// format applies the spec, and escapes the result for Markup.format.
func (f *Formatter) format(v any, spec string) (string, error) {
	if f.Escape {
		if m, ok := v.(Markup); ok {
			if spec != "" {
				return "", ValueErrorf("Format specifier %s given, but <class 'markupsafe.Markup'> does not define __html_format__. A class that defines __html__ must define __html_format__ to work with format specifiers.", spec)
			}
			return string(m), nil
		}
		if h, ok := v.(HTMLer); ok && spec == "" {
			return h.HTML()
		}
	}
	s, err := FormatSpec(f.Budget, v, spec)
	if err != nil || !f.Escape {
		return s, err
	}
	return EscapeText(s), nil
}

// lookup resolves "name.attr[key]".
func (f *Formatter) lookup(name string) (any, error) {
	end := strings.IndexAny(name, ".[")
	first, rest := name, ""
	if end >= 0 {
		first, rest = name[:end], name[end:]
	}
	v, err := f.first(first)
	if err != nil {
		return nil, err
	}
	for rest != "" {
		if rest[0] != '.' && rest[0] != '[' {
			return nil, ValueErrorf("Only '.' or '[' may follow ']' in format field specifier")
		}
		if rest[0] == '.' {
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, ValueErrorf("Empty attribute in format string")
			}
			if v, err = f.Resolver.FieldAttr(v, rest[:end]); err != nil {
				return nil, err
			}
			rest = rest[end:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return nil, ValueErrorf("Missing ']' in format string")
		}
		key := rest[1:end]
		rest = rest[end+1:]
		if key == "" {
			return nil, ValueErrorf("Empty attribute in format string")
		}
		var k any = key
		if n, isNum, err := fieldNumber(key); err != nil {
			return nil, err
		} else if isNum {
			k = n
		}
		if v, err = f.Resolver.FieldItem(v, k); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// fieldNumber reads a field name of decimal digits.
func fieldNumber(s string) (n int64, isNum bool, err error) {
	for i := 0; i < len(s); i++ {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false, nil
		}
		if n > (math.MaxInt64-d)/10 {
			return 0, false, ValueErrorf("Too many decimal digits in format string")
		}
		n = n*10 + d
	}
	return n, s != "", nil
}

// first resolves a field's first part: empty, a number or a name.
func (f *Formatter) first(name string) (any, error) {
	n, isNum, err := fieldNumber(name)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "":
		if f.manual {
			return nil, ValueErrorf("cannot switch from manual field specification to automatic field numbering")
		}
		n, isNum = int64(f.auto), true
		f.auto++
	case isNum:
		if f.auto > 0 {
			return nil, ValueErrorf("cannot switch from automatic field numbering to manual field specification")
		}
		f.manual = true
	}
	if isNum {
		if f.isMap {
			return nil, ValueErrorf("Format string contains positional fields")
		}
		if n >= int64(len(f.Args)) {
			return nil, IndexErrorf("Replacement index %d out of range for positional args tuple", n)
		}
		return f.Args[n], nil
	}
	if f.isMap {
		return GetItem(f.Budget, f.Mapping, name)
	}
	v, ok := f.Kwargs.Get(name)
	if !ok {
		return nil, KeyError(name)
	}
	return v, nil
}

// formatMethod returns str.format and str.format_map, plain or for Markup. They
// stand outside the method tables because they look up attributes, and so the
// tables, themselves.
func formatMethod(self any, name string) *method {
	_, escape := self.(Markup)
	wrap := func(s string, err error) (any, error) {
		if escape {
			return Markup(s), err
		}
		return s, err
	}
	switch name {
	case "format":
		return anyArgs(func(c *call) (any, error) {
			text, _ := AsString(c.self)
			f := Formatter{Budget: c.b, Args: c.args, Kwargs: c.kw, Escape: escape}
			return wrap(f.Run(text))
		})
	case "format_map":
		return oneArg(func(c *call) (any, error) {
			text, _ := AsString(c.self)
			f := Formatter{Budget: c.b, Mapping: c.args[0], Escape: escape, isMap: true}
			return wrap(f.Run(text))
		})
	}
	return nil
}
