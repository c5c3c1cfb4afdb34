package stfn

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"squall/internal/expr/value"
)

// lastSecond is the greatest offset from 0001-01-01 that Python's datetime holds.
const lastSecond = 315_537_897_599

// HumanTime is to_human_time_from_seconds. The parts come from a calendar
// date counted from the year 1, so months are lost: 40 days show as 9.
func HumanTime(v any) (any, error) {
	var secs int64
	switch x := v.(type) {
	case bool:
		if x {
			secs = 1
		}
	case int64:
		secs = x
	case *big.Int:
		if x.Sign() > 0 {
			return nil, value.OverflowErrorf("Python int too large to convert to C int")
		}
		text, err := value.Str(nil, x)
		return text + "μs", err
	case float64:
		if x != 0 && x < 1 {
			return value.FloatRepr(x) + "μs", nil
		}
		switch {
		case math.IsNaN(x):
			return nil, value.ValueErrorf("cannot convert float NaN to integer")
		case math.IsInf(x, 0):
			return nil, value.OverflowErrorf("cannot convert float infinity to integer")
		case x > math.MaxInt64/2:
			return nil, value.OverflowErrorf("Python int too large to convert to C int")
		}
		secs = int64(math.RoundToEven(x))
	default:
		return nil, value.Errorf("AssertionError", "")
	}
	switch {
	case secs == 0:
		return "0s", nil
	case secs < 0:
		return strconv.FormatInt(secs, 10) + "μs", nil
	case secs > 999_999_999*86400+86399:
		return nil, value.OverflowErrorf("days=%d; must have magnitude <= 999999999", secs/86400)
	case secs > lastSecond:
		return nil, value.OverflowErrorf("date value out of range")
	}
	t := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(secs/86400)).Add(time.Duration(secs%86400) * time.Second)
	parts := []int{t.Year() - 1, t.Day() - 1, t.Hour(), t.Minute(), t.Second()}
	units := []string{"y", "d", "h", "m", "s"}
	for i, n := range parts {
		if n == 0 {
			continue
		}
		var b strings.Builder
		for j := i; j < len(parts); j++ {
			b.WriteString(strconv.Itoa(parts[j]) + units[j])
		}
		return b.String(), nil
	}
	return "0s", nil
}
