package stfn

import (
	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// subject is the text of a regex function: anything but a str is shown first.
func subject(b *value.Budget, v any) (string, error) {
	if s, ok := value.AsString(v); ok {
		return s, nil
	}
	return value.Str(b, v)
}

func compileRegex(pattern, ignoreCase any) (*pyre.Regex, error) {
	text, ok := value.AsString(pattern)
	if !ok {
		return nil, value.TypeErrorf("first argument must be string or compiled pattern")
	}
	fold, err := value.Truth(ignoreCase)
	if err != nil {
		return nil, err
	}
	var flags pyre.Flags
	if fold {
		flags = pyre.IgnoreCase
	}
	return pyre.Compile(text, flags)
}

func regexArgs(b *value.Budget, v, pattern, ignoreCase any) (string, *pyre.Regex, error) {
	s, err := subject(b, v)
	if err != nil {
		return "", nil, err
	}
	re, err := compileRegex(pattern, ignoreCase)
	return s, re, err
}

// RegexMatch reports whether the pattern matches at the start of the text.
func RegexMatch(b *value.Budget, v, pattern, ignoreCase any) (any, error) {
	s, re, err := regexArgs(b, v, pattern, ignoreCase)
	if err != nil {
		return nil, err
	}
	m, err := re.Match(b, s)
	return m != nil, err
}

// RegexSearch reports whether the pattern matches anywhere in the text.
func RegexSearch(b *value.Budget, v, pattern, ignoreCase any) (any, error) {
	s, re, err := regexArgs(b, v, pattern, ignoreCase)
	if err != nil {
		return nil, err
	}
	m, err := re.Search(b, s)
	return m != nil, err
}

// RegexReplace replaces every match; the replacement is Python's template.
func RegexReplace(b *value.Budget, v, pattern, replacement, ignoreCase any) (any, error) {
	s, re, err := regexArgs(b, v, pattern, ignoreCase)
	if err != nil {
		return nil, err
	}
	repl, ok := value.AsString(replacement)
	if !ok {
		return nil, value.TypeErrorf("expected string or bytes-like object, got '%s'", value.TypeName(replacement))
	}
	out, _, err := re.Sub(b, s, repl, 0)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RegexSubstring is re.findall(...)[index].
func RegexSubstring(b *value.Budget, v, pattern, index, ignoreCase any) (any, error) {
	s, re, err := regexArgs(b, v, pattern, ignoreCase)
	if err != nil {
		return nil, err
	}
	all, err := re.FindAll(b, s)
	if err != nil {
		return nil, err
	}
	return value.GetItem(b, value.NewList(all...), index)
}
