package app

import (
	"fmt"
	"strconv"
	"strings"

	"squall/internal/squall"
)

func checkLabels(labels []string) error {
	for _, l := range labels {
		if name, value, ok := strings.Cut(l, "="); !ok || name == "" || value == "" {
			return fmt.Errorf("%q is not of the form name=value", l)
		}
	}
	if len(labels) > squall.MostLabels {
		return fmt.Errorf("a node has at most %d labels", squall.MostLabels)
	}
	return nil
}

// labelLimits reads "gpu=yes:2".
func labelLimits(list []string) (map[string]int, error) {
	limits := map[string]int{}
	for _, item := range list {
		i := strings.LastIndex(item, ":")
		if i < 0 || checkLabels([]string{item[:max(0, i)]}) != nil {
			return nil, fmt.Errorf("%q is not of the form name=value:number", item)
		}
		n, err := strconv.Atoi(item[i+1:])
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q has no number of at least 1", item)
		}
		limits[item[:i]] = n
	}
	return limits, nil
}
