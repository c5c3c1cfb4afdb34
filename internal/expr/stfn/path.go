package stfn

import (
	"strings"

	"squall/internal/expr/value"
)

func pathText(v any) (string, error) {
	if s, ok := value.AsString(v); ok {
		return s, nil
	}
	return "", value.TypeErrorf("expected str, bytes or os.PathLike object, not %s", value.TypeName(v))
}

// Basename is os.path.basename: what is behind the last slash.
func Basename(v any) (any, error) {
	if b, ok := v.(value.Bytes); ok {
		return b[strings.LastIndexByte(string(b), '/')+1:], nil
	}
	s, err := pathText(v)
	if err != nil {
		return nil, err
	}
	return s[strings.LastIndexByte(s, '/')+1:], nil
}

// Dirname is os.path.dirname: what is before the last slash, without slashes
// at its end unless it is nothing else.
func Dirname(v any) (any, error) {
	b, bytes := v.(value.Bytes)
	s := string(b)
	if !bytes {
		var err error
		if s, err = pathText(v); err != nil {
			return nil, err
		}
	}
	head := s[:strings.LastIndexByte(s, '/')+1]
	if t := strings.TrimRight(head, "/"); t != "" {
		head = t
	}
	if bytes {
		return value.Bytes(head), nil
	}
	return head, nil
}
