package value

import "strings"

// repeatText is strings.Repeat within the budget; n is not negative.
func repeatText(b *Budget, s string, n int64) (string, error) {
	if n == 0 || s == "" {
		return "", nil
	}
	if n > maxAlloc/int64(len(s)) {
		return "", memoryError()
	}
	if err := b.Alloc(int64(len(s)) * n); err != nil {
		return "", err
	}
	return strings.Repeat(s, int(n)), nil
}

func repeatItems(b *Budget, items []any, n int64) ([]any, error) {
	if n == 0 || len(items) == 0 {
		return []any{}, nil
	}
	if n > maxAlloc/int64(len(items)) {
		return nil, memoryError()
	}
	total := len(items) * int(n)
	if err := b.allocItems(total); err != nil {
		return nil, err
	}
	out := make([]any, 0, total)
	for range n {
		out = append(out, items...)
	}
	return out, nil
}
