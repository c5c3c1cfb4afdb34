package runner

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// EnvOf reads the runner parameter "env" of shells: an object whose values are
// texts. Anything else st2 refuses too.
func EnvOf(given any) (map[string]string, error) {
	object, _ := given.(map[string]any)
	if len(object) == 0 {
		return nil, nil
	}
	env := make(map[string]string, len(object))
	for name, value := range object {
		text, ok := value.(string)
		if !ok {
			return nil, Complain("expected str, bytes or os.PathLike object, not %s: environment variable %q must be a string", PythonType(value), name)
		}
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, fmt.Errorf("illegal environment variable name %q", name)
		}
		if strings.Contains(text, "\x00") {
			return nil, Complain("embedded null byte in environment variable %s", strconv.Quote(name))
		}
		env[name] = text
	}
	return env, nil
}

// Seconds reads an integer parameter, however it was decoded; nil: none is given.
func Seconds(v any) *int64 {
	var n int64
	switch v := v.(type) {
	case json.Number:
		i, err := v.Int64()
		if err != nil {
			f, err := v.Float64()
			if err != nil {
				return nil
			}
			i = int64(f)
		}
		n = i
	case float64:
		n = int64(v)
	case int:
		n = int64(v)
	case int64:
		n = v
	default:
		return nil
	}
	const most = 1 << 33 // a duration of nanoseconds holds no more
	n = min(n, most)
	return &n
}
