package workflow

import "squall/internal/squall"

// moves is a table of what a report makes of a status.
type moves map[Status]map[Status]Status

// taskMoves is what reports of a task's one action make of the task. A
// combination that is not here changes nothing.
var taskMoves = moves{
	unset: same(squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Pending),
	squall.Requested: same(squall.Scheduled, squall.Delayed, squall.Running, squall.Pending, squall.Pausing, squall.Paused,
		squall.Canceling, squall.Canceled, squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Scheduled: same(squall.Delayed, squall.Running, squall.Pending, squall.Pausing, squall.Paused,
		squall.Canceling, squall.Canceled, squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Delayed: same(squall.Scheduled, squall.Running, squall.Pending, squall.Pausing, squall.Paused,
		squall.Canceling, squall.Canceled, squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Running: same(squall.Running, squall.Pending, squall.Pausing, squall.Paused, squall.Canceling, squall.Canceled,
		squall.Succeeded, squall.Failed).with(squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Pending: same(squall.Succeeded, squall.Canceled, squall.Failed).with(squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Pausing: same(squall.Paused, squall.Resuming, squall.Canceling, squall.Canceled, squall.Failed).
		with(squall.Failed, squall.Timeout, squall.Abandoned),
	squall.Paused:   same(squall.Running, squall.Resuming, squall.Canceling, squall.Canceled),
	squall.Resuming: same(squall.Running, squall.Canceling, squall.Canceled),
	Retrying:        same(squall.Running, squall.Canceling, squall.Canceled),
	squall.Canceling: same(squall.Canceled, squall.Failed).with(squall.Canceled, squall.Paused).
		with(squall.Failed, squall.Timeout, squall.Abandoned),
}

type row map[Status]Status

func same(list ...Status) row {
	r := row{}
	for _, s := range list {
		r[s] = s
	}
	return r
}

func (r row) with(to Status, reports ...Status) row {
	for _, s := range reports {
		r[s] = to
	}
	return r
}

// nextOnReport is the status of a task without items after a report.
func nextOnReport(cur, report Status) Status {
	if to, ok := taskMoves[cur][report]; ok {
		return to
	}
	return cur
}

// itemsClass sums up the items beside the one that reported.
type itemsClass uint8

const (
	itemsCompleted itemsClass = iota
	itemsIncomplete
	itemsFailed
	itemsCanceled
	itemsPaused
)

// nextOnItem is the status of a task with items after the report of one, given
// whether others are active and what the others are when none is.
func nextOnItem(cur, report Status, othersActive bool, class itemsClass) Status {
	switch report {
	case squall.Pending, squall.Paused, squall.Succeeded, squall.Failed, squall.Timeout, squall.Abandoned, squall.Canceled:
	case squall.Resuming:
		return cur
	default:
		return nextOnReport(cur, report)
	}
	switch cur {
	case squall.Running:
		if othersActive {
			switch report {
			case squall.Pending, squall.Paused:
				return squall.Pausing
			case squall.Canceled:
				return squall.Canceling
			}
			return cur
		}
	case squall.Pausing, squall.Canceling:
		if othersActive {
			return cur
		}
	default:
		return cur
	}
	if cur == squall.Canceling {
		if report == squall.Succeeded && class == itemsCompleted {
			return squall.Succeeded
		}
		return squall.Canceled
	}
	switch {
	case report == squall.Canceled || class == itemsCanceled:
		return squall.Canceled
	case abended(report) || class == itemsFailed:
		return squall.Failed
	case report == squall.Pending || report == squall.Paused || class == itemsPaused:
		return squall.Paused
	case class == itemsCompleted:
		return squall.Succeeded
	case cur == squall.Pausing:
		return squall.Paused
	}
	return squall.Running
}

// requestable are the statuses a workflow may be asked for.
func requestable(s Status) bool {
	switch s {
	case squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Pausing, squall.Paused, squall.Resuming,
		squall.Succeeded, squall.Failed, squall.Canceling, squall.Canceled:
		return true
	}
	return false
}

// nextOnRequest is the status of a workflow after a request. tasksActive:
// some task is active. nothingLeft: no task is active, ready or paused.
func nextOnRequest(cur, request Status, tasksActive, nothingLeft bool) Status {
	pause := request == squall.Pausing || request == squall.Paused
	cancel := request == squall.Canceling || request == squall.Canceled
	choose := func(busy, idle Status) Status {
		if tasksActive {
			return busy
		}
		return idle
	}
	switch cur {
	case unset:
		switch request {
		case squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Failed:
			return request
		}
	case squall.Requested, squall.Scheduled, squall.Delayed:
		switch {
		case request == squall.Running, request == squall.Failed,
			request == squall.Scheduled && cur != squall.Scheduled, request == squall.Delayed && cur != squall.Delayed:
			return request
		case pause:
			return choose(cur, squall.Paused)
		case cancel:
			return choose(cur, squall.Canceled)
		}
	case squall.Running, squall.Resuming:
		switch {
		case pause:
			return choose(squall.Pausing, squall.Paused)
		case cancel:
			return choose(squall.Canceling, squall.Canceled)
		case request == squall.Failed, request == squall.Running && cur == squall.Resuming, request == squall.Succeeded && cur == squall.Running:
			return request
		}
	case squall.Pausing:
		switch {
		case pause:
			return choose(squall.Pausing, squall.Paused)
		case cancel:
			return choose(squall.Canceling, squall.Canceled)
		case request == squall.Running, request == squall.Resuming, request == squall.Failed:
			return request
		}
	case squall.Paused:
		switch {
		case request == squall.Running, request == squall.Resuming:
			if nothingLeft {
				return squall.Succeeded
			}
			return request
		case cancel:
			return choose(cur, squall.Canceled)
		case request == squall.Failed:
			return request
		}
	case squall.Canceling:
		switch {
		case cancel:
			return choose(squall.Canceling, squall.Canceled)
		case request == squall.Failed:
			return request
		}
	case squall.Succeeded:
		if request == squall.Failed {
			return request
		}
	}
	return cur
}

// taskEvent is what a task's new status means to its workflow.
type taskEvent struct {
	status     Status
	remediated bool // abended, but with a task or a join that comes next
	active     bool // some task is active
	class      itemsClass
}

// valid reports whether the original has such an event: a task that timed out
// or was abandoned before it ran, with nothing after it, has none.
func (ev taskEvent) valid() bool {
	return ev.remediated || ev.status != squall.Timeout && ev.status != squall.Abandoned && ev.status != unset
}

// nextOnTask is the status of a workflow after a task's event.
func nextOnTask(cur Status, ev taskEvent) Status {
	if ev.remediated || ev.status == squall.Succeeded {
		return nextOnSuccess(cur, ev)
	}
	choose := func(busy, idle Status) Status {
		if ev.active {
			return busy
		}
		return idle
	}
	switch cur {
	case squall.Running, squall.Resuming:
		switch ev.status {
		case squall.Running:
			return squall.Running
		case squall.Pending:
			return choose(squall.Pausing, squall.Paused)
		case squall.Paused:
			return choose(cur, squall.Paused) // st2: one that is resuming stays so, for ever
		case squall.Failed:
			return squall.Failed
		case squall.Canceling:
			return squall.Canceling
		case squall.Canceled:
			return choose(squall.Canceling, squall.Canceled)
		}
	case squall.Pausing:
		switch ev.status {
		case squall.Pending, squall.Paused, Retrying:
			return choose(squall.Pausing, squall.Paused)
		case squall.Failed:
			return squall.Failed
		case squall.Canceling:
			return squall.Canceling
		case squall.Canceled:
			return choose(squall.Canceling, squall.Canceled)
		}
	case squall.Paused:
		if ev.status == squall.Running || ev.status == squall.Resuming {
			return squall.Running
		}
	case squall.Canceling:
		switch ev.status {
		case squall.Pending, squall.Paused, squall.Failed, squall.Canceled, Retrying:
			return choose(squall.Canceling, squall.Canceled)
		}
	}
	return cur
}

func nextOnSuccess(cur Status, ev taskEvent) Status {
	switch cur {
	case squall.Running, squall.Resuming:
		switch {
		case ev.class == itemsIncomplete, ev.class == itemsCompleted && ev.active:
			return squall.Running
		case ev.class == itemsCompleted:
			return squall.Succeeded
		case ev.active && cur == squall.Resuming:
			return cur
		case ev.class == itemsPaused && ev.active:
			return squall.Pausing
		case ev.class == itemsPaused:
			return squall.Paused
		case ev.active:
			return squall.Canceling
		}
		return squall.Canceled
	case squall.Pausing:
		switch {
		case ev.class == itemsCanceled && !ev.active:
			return squall.Canceled
		case ev.class == itemsCanceled && ev.remediated:
			return squall.Canceling
		case ev.active:
			return squall.Pausing
		}
		return squall.Paused
	case squall.Canceling:
		if ev.active {
			return squall.Canceling
		}
		return squall.Canceled
	}
	return cur
}
