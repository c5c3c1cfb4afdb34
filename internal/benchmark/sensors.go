package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// idleSensors is how many sensors of a kind are measured.
const idleSensors = 100

// sensors: the memory of many sensors that have nothing to do, beside a server that
// has none: those in Python are processes of their own, the native ones are not.
// Memory is counted in shares: pages that several processes have in common are
// counted once.
func (b *bench) sensors() error {
	python, err := interpreter()
	if err != nil {
		return err
	}
	none, err := b.sensorMemory("none", nil, 0, python)
	if err != nil {
		return err
	}
	native, err := b.sensorMemory("native", map[string]string{
		"sensors/tail.yaml": "name: tail\nrunner_type: file-tail\ntrigger_types:\n  - name: line\ninstances:\n" + instances("    config: {path: /nonexistent/%d}\n"),
	}, idleSensors, python)
	if err != nil {
		return err
	}
	each := (native - none) / idleSensors
	b.row(fmt.Sprintf("%d idle native sensors", idleSensors), megabytes(native), megabytes(none)+" without", fmt.Sprintf("%d KB each", each>>10), "< 1 MB each", each < 1<<20)
	scripts, err := b.sensorMemory("python", map[string]string{
		"sensors/idle.yaml": "class_name: Idle\nentry_point: idle.py\npoll_interval: 60\ntrigger_types:\n  - name: tick\ninstances:\n" + instances("    config: {n: %d}\n"),
		"sensors/idle.py": "from st2reactor.sensor.base import PollingSensor\n\n\nclass Idle(PollingSensor):\n    def setup(self):\n        pass\n\n    def poll(self):\n        pass\n\n" +
			"    def cleanup(self):\n        pass\n\n    def add_trigger(self, trigger):\n        pass\n\n    def update_trigger(self, trigger):\n        pass\n\n    def remove_trigger(self, trigger):\n        pass\n",
	}, idleSensors, python)
	if err != nil {
		return err
	}
	each = (scripts - none) / idleSensors
	b.row(fmt.Sprintf("%d idle Python sensors", idleSensors), megabytes(scripts), megabytes(none)+" without", fmt.Sprintf("%.1f MB each", float64(each)/(1<<20)), "-", true)
	return nil
}

func instances(config string) string {
	var text strings.Builder
	for i := range idleSensors {
		fmt.Fprintf(&text, "  - name: i%d\n"+config, i, i)
	}
	return text.String()
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// sensorMemory starts a server with the sensors and returns what it and its
// processes use when all of them run.
func (b *bench) sensorMemory(name string, files map[string]string, want int, python string) (int64, error) {
	dir, err := b.fresh("sensors-" + name)
	if err != nil {
		return 0, err
	}
	pack := filepath.Join(dir, "content", "idle")
	for name, text := range files {
		path := filepath.Join(pack, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return 0, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	args := []string{"--set", "python.path=" + python}
	if want > 0 {
		if err := os.WriteFile(filepath.Join(pack, "pack.yaml"), []byte("name: idle\nref: idle\nversion: 1.0.0\ndescription: sensors\nauthor: nobody\nemail: nobody@example.com\n"), 0o644); err != nil {
			return 0, err
		}
		args = append(args, "--set", "packs.dirs="+filepath.Dir(pack))
	}
	s, _, err := startServer(b.binary, dir, args...)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		running, err := s.runningSensors()
		if err != nil {
			return 0, err
		}
		if running >= want {
			break
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("only %d of %d sensors run: %s", running, want, s.log.String())
		}
	}
	time.Sleep(5 * time.Second) // what the start used is given back
	return share(s.cmd.Process.Pid)
}

// runningSensors counts the sensors that run.
func (s *server) runningSensors() (n int, err error) {
	req, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/sensors", nil)
	if err != nil {
		return 0, err
	}
	var list []struct{ State string }
	if err := s.do(req, &list); err != nil {
		return 0, err
	}
	for _, sensor := range list {
		if sensor.State == "running" {
			n++
		}
	}
	return n, nil
}

// share returns the memory of a process and all its descendants, each page divided
// among those that have it.
func share(pid int) (total int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0, err
			}
			total, found = kb<<10, true
		}
	}
	if !found {
		return 0, errors.New("no Pss in /proc")
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, child := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				return 0, err
			}
			if more, err := share(id); err == nil { // else it has ended
				total += more
			}
		}
	}
	return total, nil
}
