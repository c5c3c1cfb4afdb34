package value

// Truth returns bool(v).
func Truth(v any) (bool, error) {
	switch x := v.(type) {
	case nil:
		return false, nil
	case bool:
		return x, nil
	case string:
		return x != "", nil
	case int64:
		return x != 0, nil
	case float64:
		return x != 0, nil
	case *List:
		return len(x.Items) > 0, nil
	case Tuple:
		return len(x) > 0, nil
	case *Dict:
		return x.Len() > 0, nil
	case *Set:
		return x.Len() > 0, nil
	case Bytes:
		return x != "", nil
	case Markup:
		return x != "", nil
	case TimeSpan:
		return x != 0, nil
	case Truther:
		return x.Truth()
	case Lengther:
		n, err := x.Length()
		return n > 0, err
	}
	return true, nil
}
