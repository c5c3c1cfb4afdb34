package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
	"squall/python"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a database, a pack's directory, and what sensors have reported.
type world struct {
	st     store.Store
	dir    string
	mu     sync.Mutex
	events []*squall.Event
	refuse error // what emit answers, once
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{st: st, dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(w.dir, "sensors"), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "sensors", name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (w *world) put(t *testing.T, nouns ...any) {
	t.Helper()
	err := w.st.Update(t.Context(), func(tx store.Tx) error {
		for _, n := range nouns {
			if err := store.Put(t.Context(), tx, n); err != nil {
				return err
			}
		}
		tx.Wake(store.TopicCatalog)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) emit(_ context.Context, ev *squall.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuse; err != nil && ev.Trigger.Pack == "p" {
		w.refuse = nil
		return err
	}
	w.events = append(w.events, ev)
	return nil
}

// reported lists the payloads of a trigger, in the order in which they came.
func (w *world) reported(trigger string) (payloads []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		if ev.Trigger.String() == trigger {
			payloads = append(payloads, string(ev.Payload))
		}
	}
	return payloads
}

// testLog shows the log of a test that fails.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// host starts a manager as a node; stop ends it and waits.
func (w *world) host(t *testing.T, node string, change ...func(*Options)) (stop func()) {
	t.Helper()
	o := Options{
		Store: w.st, Node: node, Emit: w.emit, Log: slog.New(slog.NewTextHandler(testLog{t}, nil)),
		Directory: func(pack string) (string, bool) { return w.dir, pack == "p" },
		Config: func(context.Context, string) (json.RawMessage, error) {
			return json.RawMessage(`{"host":"h1","port":1}`), nil
		},
		Python: func(context.Context, string) (Command, error) {
			return Command{}, errors.New("no Python in this test")
		},
		Data:      Data{Store: w.st, Keyring: auth.NewKeyring(time.Now()), IDs: squall.NewIDSource()},
		Partition: func(context.Context) (Partition, error) { return Partition{}, nil },
		LogDir:    filepath.Join(w.dir, "logs"),
		Lease:     time.Second, Poll: 50 * time.Millisecond, Pause: 20 * time.Millisecond, Grace: 5 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(o).Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never true: %s", what)
		}
	}
}

func (w *world) state(t *testing.T, name string) store.SensorState {
	t.Helper()
	var found store.SensorState
	err := w.st.View(t.Context(), func(tx store.Tx) error {
		list, err := tx.SensorStates(t.Context())
		for _, s := range list {
			if s.Name == name {
				found = *s
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func program(name string, change ...func(*squall.Sensor)) *squall.Sensor {
	s := &squall.Sensor{
		Ref: squall.Ref{Pack: "p", Name: name}, ClassName: name, EntryPoint: name, Enabled: true, RunnerType: squall.ProgramSensor,
		TriggerTypes: []squall.Ref{{Pack: "p", Name: "seen"}},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func TestAnyProgramIsASensor(t *testing.T) {
	w := newWorld(t)
	w.file(t, "watch", `#!/bin/sh
echo "to the log" >&2
echo '{"payload": {"n": 1, "config": '"$SQUALL_SENSOR_CONFIG"'}, "key": "one", "trace_tag": "t"}'
echo 'no JSON'
echo '{"n": 2}'
echo '{"trigger": "p.other", "payload": [3]}'
echo '{"trigger": "nonsense", "payload": {}}'
exec sleep 100
`)
	w.refuse = squall.Errorf(squall.Unavailable, "the database is away")
	w.put(t, program("watch", func(s *squall.Sensor) {
		s.Instances = []squall.SensorInstance{{Name: "a", Enabled: true, Config: json.RawMessage(`{"port":2}`)}, {Name: "off"}}
	}))
	stop := w.host(t, "n1")
	eventually(t, "three events", func() bool { return len(w.reported("p.seen")) == 2 && len(w.reported("p.other")) == 1 })
	if got, want := w.reported("p.seen"), []string{`{"n": 1, "config": {"host":"h1","port":2}}`, `{"n": 2}`}; !slices.Equal(got, want) {
		t.Errorf("payloads %q, want %q", got, want)
	}
	w.mu.Lock()
	i := slices.IndexFunc(w.events, func(ev *squall.Event) bool { return ev.Trigger.Name == "seen" })
	first := w.events[i]
	w.mu.Unlock()
	if first.Key != "p.watch:a one" || first.TraceTag != "t" || first.OccurredAt.IsZero() {
		t.Errorf("event %+v", first)
	}
	eventually(t, "the state says running", func() bool { return w.state(t, "p.watch:a").State == running })
	if s := w.state(t, "p.watch:a"); s.Node != "n1" || s.PID == 0 {
		t.Errorf("state %+v", s)
	}
	pid := w.state(t, "p.watch:a").PID
	stop()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if s := w.state(t, "p.watch:a"); s.State != stopped || s.PID != 0 {
		t.Errorf("state after the stop %+v", s)
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "logs", "p.watch:a.log"))
	if err != nil || string(text) != "to the log\n" {
		t.Errorf("log %q, %v", text, err)
	}
	if len(w.reported(spawned.String())) == 0 || len(w.reported(exited.String())) == 0 {
		t.Error("nobody was told of the process")
	}
}

func TestASensorThatEndsIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.file(t, "short", "#!/bin/sh\necho '{\"payload\": {}}'\necho 'out of luck' >&2\nexit 3\n")
	w.put(t, program("short"))
	w.host(t, "n1")
	eventually(t, "three runs", func() bool { return len(w.reported("p.seen")) >= 3 })
	eventually(t, "the state says why", func() bool { return w.state(t, "p.short").Error == "exit status 3: out of luck" })
	if s := w.state(t, "p.short"); s.Restarts < 1 {
		t.Errorf("state %+v", s)
	}
	// One that cannot be started at all is no different.
	w.put(t, program("missing"))
	eventually(t, "the state says what is missing", func() bool { return strings.Contains(w.state(t, "p.missing").Error, "no such file") })
}

func TestAChangedSensorIsStartedAgainAndADisabledOneStops(t *testing.T) {
	w := newWorld(t)
	w.file(t, "watch", "#!/bin/sh\necho \"{\\\"payload\\\": $SQUALL_SENSOR_CONFIG}\"\nexec sleep 100\n")
	w.put(t, program("watch"))
	w.host(t, "n1")
	eventually(t, "it runs", func() bool { return len(w.reported("p.seen")) == 1 })
	w.put(t, program("watch", func(s *squall.Sensor) { s.Config = json.RawMessage(`{"port":9}`) }))
	eventually(t, "it runs with the new configuration", func() bool {
		got := w.reported("p.seen")
		return len(got) == 2 && got[1] == `{"host":"h1","port":9}`
	})
	w.put(t, program("watch", func(s *squall.Sensor) { s.Enabled = false }))
	eventually(t, "it is stopped", func() bool { return w.state(t, "p.watch").State == stopped })
}

// Each sensor runs on one node; when a node goes, the others take its sensors.
func TestSensorsAreSharedAndTakenOver(t *testing.T) {
	w := newWorld(t)
	w.file(t, "watch", "#!/bin/sh\nexec sleep 100\n")
	const count = 12
	names := map[string]bool{}
	for i := range count {
		s := program(fmt.Sprintf("w%d", i), func(s *squall.Sensor) { s.EntryPoint = "watch" })
		names[s.Ref.String()] = true
		w.put(t, s)
	}
	stops := map[string]func(){}
	for _, node := range []string{"n1", "n2", "n3"} {
		stops[node] = w.host(t, node)
	}
	// placed returns how many sensors run on each node, by the locks.
	placed := func() map[string]int {
		on := map[string]int{}
		err := w.st.View(t.Context(), func(tx store.Tx) error {
			locks, err := tx.Locks(t.Context(), sensorLock)
			for _, l := range locks {
				on[l.Owner]++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	total := func(on map[string]int) (n int) {
		for _, k := range on {
			n += k
		}
		return n
	}
	eventually(t, "all run, on all three nodes", func() bool { on := placed(); return len(on) == 3 && total(on) == count })
	eventually(t, "the states agree", func() bool {
		n := 0
		for name := range names {
			if s := w.state(t, name); s.State == running {
				n++
			}
		}
		return n == count
	})
	stops["n2"]()
	eventually(t, "the others have taken over", func() bool { on := placed(); return on["n2"] == 0 && total(on) == count })
	stops["n3"]()
	eventually(t, "one has all", func() bool { on := placed(); return on["n1"] == count })
}

// A node that cannot prolong its locks stops its sensors before they run out.
func TestANodeWithoutItsLockReportsNothing(t *testing.T) {
	w := newWorld(t)
	w.file(t, "watch", "#!/bin/sh\ni=0\nwhile sleep 0.02; do i=$((i+1)); echo \"{\\\"payload\\\": {\\\"n\\\": $i}}\"; done\n")
	w.put(t, program("watch"))
	w.host(t, "n1")
	eventually(t, "it reports", func() bool { return len(w.reported("p.seen")) > 2 })
	// Another node has the lock by force.
	err := w.st.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Unlock(t.Context(), sensorLock+"p.watch", "n1"); err != nil {
			return err
		}
		_, err := tx.TryLock(t.Context(), sensorLock+"p.watch", "other", time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool { return w.state(t, "p.watch").State == stopped })
	n := len(w.reported("p.seen"))
	time.Sleep(100 * time.Millisecond)
	if more := len(w.reported("p.seen")); more != n {
		t.Errorf("%d events were reported after the stop", more-n)
	}
}

func TestNativeSources(t *testing.T) {
	w := newWorld(t)
	w.put(t, program("inside", func(s *squall.Sensor) { s.RunnerType, s.EntryPoint = "counter", "" }))
	w.host(t, "n1", func(o *Options) {
		o.Natives = map[string]Native{"counter": func(ctx context.Context, job *NativeJob) error {
			job.Ready()
			if err := job.Emit(ctx, "", "k", map[string]any{"config": job.Config}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}}
	})
	eventually(t, "it reports", func() bool {
		return slices.Equal(w.reported("p.seen"), []string{`{"config":{"host":"h1","port":1}}`})
	})
	eventually(t, "it runs without a process", func() bool { s := w.state(t, "p.inside"); return s.State == running && s.PID == 0 })
	w.put(t, program("strange", func(s *squall.Sensor) { s.RunnerType = "nosuch" }))
	eventually(t, "an unknown kind is named", func() bool { return strings.Contains(w.state(t, "p.strange").Error, `no sensor runner "nosuch"`) })
}

const pollingSensor = `
from st2reactor.sensor.base import PollingSensor

class Counter(PollingSensor):
    def setup(self):
        self.seen = []
        self.logger = self.sensor_service.get_logger("Counter")

    def poll(self):
        n = int(self.sensor_service.get_value("n") or 0) + 1
        self.sensor_service.set_value("n", n)
        if n == 1:
            self.sensor_service.dispatch("p.counted", {"n": n, "seen": self.seen, "host": self.config["host"]}, trace_tag="tag")
        if "b" in self.seen:
            self.sensor_service.dispatch({"type": "p.counted", "parameters": {"which": "b"}}, {"seen": self.seen})
            self.seen.append("done")
            self.sensor_service.set_value("done", "yes", local=False)

    def cleanup(self):
        self.sensor_service.set_value("cleaned", "up", local=False)

    def add_trigger(self, trigger):
        self.seen.append((trigger["parameters"] or {}).get("which"))

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        self.seen.append("gone")
`

// pythonCommand starts the real wrapper with the Python of the machine.
func pythonCommand(t *testing.T) Command {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: apt-get install python3")
	}
	lib, err := python.Unpack(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Command{
		Args: []string{path, "-u", "-X", "utf8", filepath.Join(lib, "lib", "squall_runner", "sensor_wrapper.py")},
		Env:  append(os.Environ(), "PYTHONPATH="+filepath.Join(lib, "lib")),
	}
}

func TestPythonSensor(t *testing.T) {
	command := pythonCommand(t)
	w := newWorld(t)
	w.file(t, "counter.py", pollingSensor)
	counted := squall.Ref{Pack: "p", Name: "counted"}
	trigger := func(which string) *squall.Trigger {
		return squall.TriggerFor(counted, json.RawMessage(`{"which":"`+which+`"}`))
	}
	w.put(t, trigger("a"), &squall.Sensor{
		Ref: squall.Ref{Pack: "p", Name: "Counter"}, ClassName: "Counter", EntryPoint: "counter.py", Enabled: true,
		PollInterval: 0.05, TriggerTypes: []squall.Ref{counted},
	})
	stop := w.host(t, "n1", func(o *Options) {
		o.Python = func(context.Context, string) (Command, error) { return command, nil }
	})
	eventually(t, "the first event", func() bool { return len(w.reported("p.counted")) == 1 })
	if got := w.reported("p.counted")[0]; got != `{"n": 1, "seen": ["a"], "host": "h1"}` {
		t.Errorf("payload %s", got)
	}
	w.put(t, trigger("b"))
	b := trigger("b").Ref.String()
	eventually(t, "it has seen the new trigger", func() bool { return len(w.reported(b)) > 0 })
	if got := w.reported(b)[0]; got != `{"seen": ["a", "b"]}` {
		t.Errorf("payload %s", got)
	}
	stop()
	data := Data{Store: w.st, Keyring: auth.NewKeyring(time.Now()), IDs: squall.NewIDSource()}
	if text, found, err := data.Get(t.Context(), "cleaned", false); err != nil || !found || text != "up" {
		t.Errorf("after cleanup(): %q, %v, %v", text, found, err)
	}
	if text, found, _ := data.Get(t.Context(), "p.Counter:n", false); !found {
		t.Errorf("the sensor's own key: %q, %v", text, found)
	}
}

func TestAPythonSensorThatFailsSaysWhy(t *testing.T) {
	command := pythonCommand(t)
	w := newWorld(t)
	w.file(t, "bad.py", "from st2reactor.sensor.base import Sensor\nclass Bad(Sensor):\n    def setup(self):\n        raise ValueError('no luck')\n"+
		"    def run(self): pass\n    def cleanup(self): pass\n    def add_trigger(self, t): pass\n    def update_trigger(self, t): pass\n    def remove_trigger(self, t): pass\n")
	w.put(t, &squall.Sensor{Ref: squall.Ref{Pack: "p", Name: "Bad"}, ClassName: "Bad", EntryPoint: "bad.py", Enabled: true})
	w.host(t, "n1", func(o *Options) {
		o.Python = func(context.Context, string) (Command, error) { return command, nil }
	})
	eventually(t, "the state says why", func() bool { return w.state(t, "p.Bad").Error == "setup: ValueError: no luck" })
}
