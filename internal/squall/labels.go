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

// WithLabels returns the labels of a pack with those of one of its actions, which
// win; nil when there are none.
func WithLabels(pack, action map[string]string) map[string]string {
	if len(pack) == 0 {
		return action
	}
	labels := maps.Clone(pack)
	maps.Copy(labels, action)
	return labels
}

// CheckLabels reports what is wrong with the labels that something asks for.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MostLabels {
		return Errorf(Invalid, "there are %d labels, and a node has at most %d", len(labels), MostLabels)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name == "" || labels[name] == "" || strings.ContainsAny(name, "=,") || strings.Contains(labels[name], ",") {
			return Errorf(Invalid, "%q is no label: neither name nor value may be empty or have a comma", name+"="+labels[name])
		}
	}
	return nil
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
