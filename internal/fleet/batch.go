package fleet

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseBatches says which batch each of n machines belongs to, from 0. spec is a
// list of sizes or shares of all, "1, 5, 20%": the last one goes on until all are
// there. Empty: all at once. A share is at least one machine.
func ParseBatches(spec string, n int) ([]int, error) {
	batchOf := make([]int, n)
	if strings.TrimSpace(spec) == "" {
		return batchOf, nil
	}
	var sizes []int
	for part := range strings.SplitSeq(spec, ",") {
		size, err := amount(part, n)
		if err != nil {
			return nil, fmt.Errorf("batches: %w", err)
		}
		if size < 1 && !strings.Contains(part, "%") || strings.TrimSpace(part) == "0%" {
			return nil, fmt.Errorf("batches: %q is no size: a batch has at least one machine", strings.TrimSpace(part))
		}
		sizes = append(sizes, max(1, size))
	}
	batch, left := 0, sizes[0]
	for i := range batchOf {
		if left == 0 {
			batch++
			left = sizes[min(batch, len(sizes)-1)]
		}
		batchOf[i] = batch
		left--
	}
	return batchOf, nil
}

// ParseMaxFail says how many of n machines may fail before it stops: a number or a
// share, rounded down. Empty: none.
func ParseMaxFail(spec string, n int) (int, error) {
	if strings.TrimSpace(spec) == "" {
		return 0, nil
	}
	most, err := amount(spec, n)
	if err != nil {
		return 0, fmt.Errorf("max_fail: %w", err)
	}
	return most, nil
}

// amount reads "5" or "20%" of n.
func amount(text string, n int) (int, error) {
	text = strings.TrimSpace(text)
	digits, share := strings.CutSuffix(text, "%")
	i, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	switch {
	case err != nil || i < 0, !share && i != float64(int(i)), share && i > 100:
		return 0, fmt.Errorf("%q is neither a number of machines nor a share such as 20%%", text)
	case share:
		return int(i * float64(n) / 100), nil
	}
	return int(i), nil
}
