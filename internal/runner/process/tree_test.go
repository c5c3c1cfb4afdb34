package process

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// stateOf returns the letter ps shows, "" when there is no such process.
func stateOf(pid string) string {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func TestParseStat(t *testing.T) {
	// A name may hold blanks, brackets and what looks like fields.
	line := "4242 (a) R 1 (b) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11"
	p, ok := parseStat(4242, []byte(line))
	want := process{pid: 4242, parent: 7, group: 8, session: 9, start: 987654}
	if !ok || p != want {
		t.Errorf("%+v, %t, want %+v", p, ok, want)
	}
	for _, bad := range []string{"", "4242", "4242 (x)", "4242 (x) Z 1 2"} {
		if p, ok := parseStat(1, []byte(bad)); ok {
			t.Errorf("%q was read as %+v", bad, p)
		}
	}
}

func TestSignalLeavesALaterProcessOfThatNumberAlone(t *testing.T) {
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	p, ok := readProcess(sleeper.Process.Pid)
	if !ok {
		t.Fatal("no such process")
	}
	stale := p
	stale.start--
	if err := stale.signal(9); err == nil {
		t.Error("a process that started at another time was signalled")
	}
	if state := stateOf(strconv.Itoa(p.pid)); state == "" || state == "Z" {
		t.Errorf("it is in state %q", state)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("4242 (a) R 1 (b) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if p, ok := parseStat(1, stat); ok && p.pid != 1 {
			t.Errorf("%q: %+v", stat, p)
		}
	})
}
