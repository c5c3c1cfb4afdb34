package squall

import (
	"maps"
	"slices"
	"strings"
)

// QueueFor returns the queue of an execution that must run on a node with all of
// the labels: their sorted list, "gpu=yes,zone=dmz", with the words of the queue it
// was requested for. Without any it is the empty queue, which every node serves.
func QueueFor(queue string, labels map[string]string) string {
	if len(labels) == 0 {
		return queue
	}
	var words []string
	if queue != "" {
		words = strings.Split(queue, ",")
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, name+"="+labels[name])
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}

// MostLabels is how many labels a node may have: it serves every combination.
const MostLabels = 8

// QueuesOf lists the queues that a node with these labels serves, beside the empty
// one: every combination of them.
func QueuesOf(labels []string) []string {
	words := slices.Clone(labels)
	slices.Sort(words)
	words = slices.Compact(words)
	words = words[:min(len(words), MostLabels)]
	var queues []string
	for set := 1; set < 1<<len(words); set++ {
		var some []string
		for i, w := range words {
			if set&(1<<i) != 0 {
				some = append(some, w)
			}
		}
		queues = append(queues, strings.Join(some, ","))
	}
	return queues
}
