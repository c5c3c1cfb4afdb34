package timer

// Overlap says what a due schedule does while its last run is still going.
type Overlap string

// The policies. The zero value is OverlapAllow, as in StackStorm.
const (
	OverlapAllow   Overlap = "allow"   // start another one
	OverlapForbid  Overlap = "forbid"  // do not start, record that it was skipped
	OverlapReplace Overlap = "replace" // cancel what runs, then start
	OverlapQueue   Overlap = "queue"   // start when the others have ended
)

// Step is what to do with one due instant.
type Step uint8

// The steps.
const (
	Start   Step = iota + 1 // start now
	Skip                    // do not start; record it
	Replace                 // cancel the running ones and start
	Queue                   // wait for the running ones
)

// Decide returns what to do when running runs of the schedule are going and
// queued ones are waiting. Depth is how many may wait under OverlapQueue; one
// more is skipped.
func (o Overlap) Decide(running, queued, depth int) Step {
	if running == 0 && queued == 0 {
		return Start
	}
	switch o {
	case OverlapForbid:
		return Skip
	case OverlapReplace:
		return Replace
	case OverlapQueue:
		if queued >= depth {
			return Skip
		}
		return Queue
	case OverlapAllow:
	}
	return Start
}
