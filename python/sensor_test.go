package python_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/python"
)

const sensors = `
import subprocess
from st2reactor.sensor.base import PollingSensor, Sensor


class Common(object):
    def setup(self):
        self.log = self._sensor_service.get_logger(name="x")
        self.log.info("setup %s", self.config["a"])
        print("printed")
        subprocess.call(["echo", "printed too"])

    def cleanup(self):
        self.log.info("cleanup")

    def add_trigger(self, trigger):
        self.log.info("added %s", trigger["ref"])

    def update_trigger(self, trigger):
        self.log.info("updated %s", trigger["ref"])

    def remove_trigger(self, trigger):
        raise ValueError("cannot forget %s" % trigger["ref"])


class Polling(Common, PollingSensor):
    def poll(self):
        count = int(self.sensor_service.get_value("count") or 0) + 1
        self.sensor_service.set_value("count", count, ttl=60)
        self.sensor_service.dispatch(trigger="p.t", payload={"count": count, "odd": {1, 2}}, trace_tag="tag")
        self.set_poll_interval(600)


class Refused(Common, PollingSensor):
    def poll(self):
        try:
            self.sensor_service.dispatch_with_context("p.unknown", payload=None, trace_context={"trace_tag": "a"})
        except Exception as error:
            self.log.warning("refused: %s", error)
        values = self.sensor_service.list_values(prefix="c")
        self.log.info("values %s", [(v.name, v.value) for v in values])
        self.sensor_service.delete_value("gone", local=False)
        raise RuntimeError("enough")


class Returns(Common, Sensor):
    def run(self):
        self._sensor_service.get_value("k", scope="user")
`

// wrapper is a running sensor_wrapper.
type wrapper struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan map[string]any
	stderr strings.Builder
}

func startSensor(t *testing.T, class string) *wrapper {
	t.Helper()
	python3, err := exec.LookPath("/usr/bin/python3")
	if err != nil {
		t.Skip("SKIPPED: python3 is not installed")
	}
	if path := os.Getenv("SQUALL_TEST_PYTHON"); path != "" {
		python3 = path
	}
	lib, err := python.Unpack(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sensors", "s.py")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(sensors), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &wrapper{t: t, lines: make(chan map[string]any, 100)}
	w.cmd = exec.CommandContext(t.Context(), python3, "-u", "-X", "utf8", filepath.Join(lib, "lib", "squall_runner", "sensor_wrapper.py"))
	w.cmd.Stderr = &w.stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			line := map[string]any{}
			if json.Unmarshal(scan.Bytes(), &line) != nil {
				line["type"] = "not JSON: " + scan.Text()
			}
			w.lines <- line
		}
	}()
	w.say(map[string]any{"type": "start", "pack": "p", "class_name": class, "file_path": file, "config": map[string]any{"a": 1}, "poll_interval": 1, "triggers": []any{map[string]any{"ref": "p.t.1"}}})
	return w
}

func (w *wrapper) say(message any) {
	w.t.Helper()
	line, err := json.Marshal(message)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		w.t.Fatal(err)
	}
}

// hear returns the next line, which must be of that type.
func (w *wrapper) hear(kind string) map[string]any {
	w.t.Helper()
	select {
	case line := <-w.lines:
		if line["type"] != kind {
			w.t.Fatalf("heard %v, want a line of type %s; stderr: %s", line, kind, w.stderr.String())
		}
		return line
	case <-time.After(30 * time.Second):
		w.t.Fatalf("nothing is said, want a line of type %s", kind)
		return nil
	}
}

func (w *wrapper) hearLog(message string) {
	w.t.Helper()
	if line := w.hear("log"); line["message"] != message {
		w.t.Errorf("log %q, want %q", line["message"], message)
	}
}

func (w *wrapper) reply(to map[string]any, value any) {
	w.t.Helper()
	w.say(map[string]any{"type": "reply", "id": to["id"], "value": value})
}

// ended waits for the end and returns the exit status.
func (w *wrapper) ended() int {
	w.t.Helper()
	for line := range w.lines {
		w.t.Errorf("said after its last line: %v", line)
	}
	_ = w.cmd.Wait() // the status is what counts
	return w.cmd.ProcessState.ExitCode()
}

func TestAPollingSensorsLife(t *testing.T) {
	w := startSensor(t, "Polling")
	w.hearLog("setup 1")
	w.hearLog("added p.t.1")
	w.hear("ready")
	call := w.hear("call")
	if args := call["arguments"].(map[string]any); call["method"] != "get_value" || args["name"] != "p.Polling:count" || args["decrypt"] != false {
		t.Errorf("%v", call)
	}
	w.reply(call, "41")
	call = w.hear("call")
	if args := call["arguments"].(map[string]any); call["method"] != "set_value" || args["value"] != "42" || args["ttl"] != 60.0 {
		t.Errorf("%v", call)
	}
	w.say(map[string]any{"type": "something new"}) // is ignored
	w.reply(call, true)
	dispatch := w.hear("dispatch")
	payload, context := dispatch["payload"].(map[string]any), dispatch["trace_context"].(map[string]any)
	if dispatch["trigger"] != "p.t" || payload["count"] != 42.0 || payload["odd"] != "{1, 2}" || context["trace_tag"] != "tag" {
		t.Errorf("%v", dispatch)
	}
	w.reply(dispatch, nil)
	w.say(map[string]any{"type": "trigger", "event": "updated", "trigger": map[string]any{"ref": "p.t.1"}})
	w.hearLog("updated p.t.1")
	w.say(map[string]any{"type": "stop"})
	w.hearLog("cleanup")
	w.hear("stopped")
	if code := w.ended(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if !strings.Contains(w.stderr.String(), "printed\n") || !strings.Contains(w.stderr.String(), "printed too\n") {
		t.Errorf("stderr: %s", w.stderr.String())
	}
}

func TestWhatGoesWrongInASensorIsTold(t *testing.T) {
	w := startSensor(t, "Refused")
	w.hearLog("setup 1")
	w.hearLog("added p.t.1")
	w.hear("ready")
	w.say(map[string]any{"type": "reply", "id": w.hear("dispatch")["id"], "error": "no such trigger"})
	w.hearLog("refused: no such trigger")
	call := w.hear("call")
	if args := call["arguments"].(map[string]any); call["method"] != "list_values" || args["prefix"] != "p.Refused:c" {
		t.Errorf("%v", call)
	}
	w.reply(call, []any{map[string]any{"name": "p.Refused:c1", "value": "v"}})
	w.hearLog("values [('p.Refused:c1', 'v')]")
	w.reply(w.hear("call"), true)
	failed := w.hear("failed")
	if failed["stage"] != "run" || failed["error"] != "RuntimeError: enough" || !strings.Contains(failed["traceback"].(string), "in poll") {
		t.Errorf("%v", failed)
	}
	if code := w.ended(); code != 1 {
		t.Errorf("exit status %d", code)
	}
}

func TestOtherEndsOfASensor(t *testing.T) {
	w := startSensor(t, "Returns")
	w.hearLog("setup 1")
	w.hearLog("added p.t.1")
	w.hear("ready")
	if failed := w.hear("failed"); failed["error"] != "ValueError: Scope user is unsupported." {
		t.Errorf("%v", failed)
	}
	w.ended()

	w = startSensor(t, "NoSuchClass")
	if failed := w.hear("failed"); failed["stage"] != "load" || !strings.Contains(failed["error"].(string), `no class "NoSuchClass"`) {
		t.Errorf("%v", failed)
	}
	w.ended()

	// The server goes away.
	w = startSensor(t, "Polling")
	w.hearLog("setup 1")
	w.hearLog("added p.t.1")
	w.hear("ready")
	w.hear("call")
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	w.hearLog("cleanup")
	w.hear("stopped")
	if code := w.ended(); code != 0 {
		t.Errorf("exit status %d", code)
	}

	w = startSensor(t, "Polling")
	w.hearLog("setup 1")
	w.hearLog("added p.t.1")
	w.hear("ready")
	w.reply(w.hear("call"), nil)
	w.reply(w.hear("call"), nil)
	w.reply(w.hear("dispatch"), nil)
	w.say(map[string]any{"type": "trigger", "event": "removed", "trigger": map[string]any{"ref": "p.t.1"}})
	if failed := w.hear("failed"); failed["stage"] != "trigger" || failed["error"] != "ValueError: cannot forget p.t.1" {
		t.Errorf("%v", failed)
	}
	w.ended()
}
