package value

import "reflect"

// isComparable reports whether == on v cannot panic. It is asked only for
// objects of other packages, which are pointers as a rule.
func isComparable(v any) bool {
	if v == nil {
		return true
	}
	t := reflect.TypeOf(v)
	return t.Kind() == reflect.Pointer || reflect.ValueOf(v).Comparable()
}
