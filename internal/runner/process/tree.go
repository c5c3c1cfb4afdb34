package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Tree is the processes of one run: all descendants of the leader we started.
//
// There are ways to leave one's parent, so there are four marks, and one is
// enough: the leader's session, its process group, a parent in the tree, and
// the execution's id in the environment. The first three cost one pass over
// /proc; the last finds even a daemon that forked twice into a session of its
// own. What changes its environment as well, or belongs to another user on a
// server that is not root, can get away; only a cgroup per run would hold it,
// and that needs rights a plain service does not have. Making the server a
// subreaper would not: it cannot tell one run's orphans from another's.
type Tree struct {
	Leader int
	Marker string // "SQUALL_EXECUTION_ID=..."; empty: no such mark
	// Elevate sends a signal to processes of another user; nil: there is no way.
	Elevate func(sig unix.Signal, pids []int)
}

// End ends the tree: TERM, up to grace for a clean end, then KILL, repeated
// while new processes appear. It gives up delay after the first KILL. The
// leader must not have been reaped, so that its number means nobody else.
func (t *Tree) End(grace, delay time.Duration) {
	t.signal(unix.SIGTERM, t.alive())
	pause := newPause(grace)
	for pause.wait() {
		if len(t.alive()) == 0 {
			return
		}
	}
	pause = newPause(delay)
	for {
		left := t.alive()
		if len(left) == 0 {
			return
		}
		t.signal(unix.SIGKILL, left)
		if !pause.wait() {
			return
		}
	}
}

// signal sends sig to each process of the list; TERM also wakes stopped ones,
// which would not see it otherwise.
func (t *Tree) signal(sig unix.Signal, list []process) {
	var foreign []int
	for _, p := range list {
		if err := p.signal(sig); errors.Is(err, unix.EPERM) {
			foreign = append(foreign, p.pid)
		} else if sig == unix.SIGTERM {
			_ = p.signal(unix.SIGCONT)
		}
	}
	if len(foreign) > 0 && t.Elevate != nil {
		t.Elevate(sig, foreign)
	}
}

// alive lists the tree's processes that still run.
func (t *Tree) alive() []process {
	all := processes()
	inside := map[int]bool{t.Leader: true}
	unmarked := all[:0:0]
	var found []process
	take := func(p process) {
		inside[p.pid] = true
		if !p.dead {
			found = append(found, p)
		}
	}
	for _, p := range all {
		if p.pid == t.Leader || p.session == t.Leader || p.group == t.Leader || t.marked(p) {
			take(p)
		} else {
			unmarked = append(unmarked, p)
		}
	}
	for again := true; again; {
		again = false
		rest := unmarked[:0]
		for _, p := range unmarked {
			if inside[p.parent] {
				take(p)
				again = true
			} else {
				rest = append(rest, p)
			}
		}
		unmarked = rest
	}
	return found
}

// marked reports whether the process carries the run's mark. Between fork and
// exec a child shows its parent's environment, so ourselves are left out.
func (t *Tree) marked(p process) bool {
	if t.Marker == "" || p.dead || p.parent == 0 || p.pid == os.Getpid() {
		return false
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
	if err != nil {
		return false // gone, or somebody else's
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if string(entry) == t.Marker {
			return true
		}
	}
	return false
}

// process is one line of the process table.
type process struct {
	pid, parent, group, session int
	start                       uint64 // ticks since boot: with pid, who it is
	dead                        bool   // waits only to be reaped
}

// processes reads the process table.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	list := make([]process, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := readProcess(pid); ok {
				list = append(list, p)
			}
		}
	}
	return list
}

func readProcess(pid int) (process, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	return parseStat(pid, stat)
}

// parseStat reads the fields of /proc/PID/stat (proc(5)): the name in
// parentheses may hold anything, so they are counted from the last one on.
func parseStat(pid int, stat []byte) (process, bool) {
	_, rest, ok := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 20 {
		return process{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(string(fields[i])); return n }
	start, _ := strconv.ParseUint(string(fields[19]), 10, 64)
	return process{
		pid: pid, parent: number(1), group: number(2), session: number(3), start: start,
		dead: fields[0][0] == 'Z' || fields[0][0] == 'X',
	}, true
}

// signal sends sig to exactly this process, never to a later one of its number.
func (p process) signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if errors.Is(err, unix.ENOSYS) {
		return unix.Kill(p.pid, sig) // Linux before 5.3
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, ok := readProcess(p.pid); !ok || now.start != p.start {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// pause waits in growing steps up to a total.
type pause struct {
	until time.Time
	step  time.Duration
}

func newPause(total time.Duration) *pause {
	return &pause{until: time.Now().Add(total), step: 2 * time.Millisecond}
}

// wait sleeps one step; false means that the time is over.
func (p *pause) wait() bool {
	left := time.Until(p.until)
	if left <= 0 {
		return false
	}
	time.Sleep(min(left, p.step))
	p.step = min(2*p.step, 100*time.Millisecond)
	return true
}
