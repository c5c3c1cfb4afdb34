package fleet

import (
	"cmp"
	"slices"
)

// Answer is what a machine said.
type Answer struct {
	Host, Text string
}

// Group is the machines that said the same.
type Group struct {
	Hosts []string
	Text  string
}

// GroupAnswers puts machines with the same answer together, the most common one first.
func GroupAnswers(answers []Answer) []Group {
	at := map[string]int{}
	var groups []Group
	for _, a := range answers {
		i, ok := at[a.Text]
		if !ok {
			i = len(groups)
			at[a.Text] = i
			groups = append(groups, Group{Text: a.Text})
		}
		groups[i].Hosts = append(groups[i].Hosts, a.Host)
	}
	for _, g := range groups {
		slices.SortFunc(g.Hosts, natural)
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(len(b.Hosts)-len(a.Hosts), natural(a.Hosts[0], b.Hosts[0]))
	})
	return groups
}
