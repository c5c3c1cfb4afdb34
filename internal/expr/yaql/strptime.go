package yaql

import (
	"squall/internal/expr/value"
)

func strptime(text, format string) (any, error) {
	return nil, value.ValueErrorf("time data %s does not match format %s", value.StrRepr(text), value.StrRepr(format))
}
