package app

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"squall/internal/expr/pyyaml"
	"squall/internal/lifecycle"
	"squall/internal/sensor"
	"squall/internal/sensor/native"
	"squall/internal/squall"
)

// SensorsConfig says whether and which sensors run on this node.
type SensorsConfig struct {
	Enabled   bool
	Partition string
	Lease     time.Duration
}

func defaultSensors() SensorsConfig {
	return SensorsConfig{Enabled: true, Partition: "shared", Lease: 15 * time.Second}
}

func (c *SensorsConfig) options() []option {
	return []option{
		{key: "sensors.enabled", value: (*boolValue)(&c.Enabled), help: "run sensors on this node"},
		{key: "sensors.partition", value: (*textValue)(&c.Partition),
			help:  "which sensors run here: shared (the nodes share them), kvstore, file:PATH, or hash:RANGES such as hash:0..1024|2048..MAX (StackStorm's providers)",
			check: func() error { _, err := c.fixed(); return err }},
		{key: "sensors.lease", value: (*durationValue)(&c.Lease), help: "how long after a node's death another one takes its sensors", check: func() error {
			if c.Lease < time.Second {
				return squall.Errorf(squall.Invalid, "is %v, at least 1s is needed", c.Lease)
			}
			return nil
		}},
	}
}

// fixed returns the partition that the setting itself says.
func (c *SensorsConfig) fixed() (sensor.Partition, error) {
	kind, rest, _ := strings.Cut(c.Partition, ":")
	switch kind {
	case "shared", "kvstore":
		return sensor.Partition{}, nil
	case "file":
		if rest != "" {
			return sensor.Partition{}, nil
		}
	case "hash":
		return sensor.HashRanges(rest)
	}
	return sensor.Partition{}, squall.Errorf(squall.Invalid, "is %q; use shared, kvstore, file:PATH or hash:RANGES", c.Partition)
}

// newSensors makes what keeps sensors alive. Nothing runs yet.
func (s *server) newSensors(svc *lifecycle.Service, ids *squall.IDSource) *sensor.Manager {
	c := s.config
	data := sensor.Data{Store: s.store, Keyring: s.keyring, IDs: ids}
	return sensor.New(sensor.Options{
		Store: s.store, Node: c.NodeName(), Lease: c.Sensors.Lease, Log: s.log.With("part", "sensor"), Data: data,
		LogDir: filepath.Join(c.Server.Data, "logs", "sensors"),
		Emit: func(ctx context.Context, ev *squall.Event) error {
			_, err := s.events.Emit(ctx, *ev)
			return err
		},
		Directory: s.packDir,
		Config: func(ctx context.Context, pack string) (json.RawMessage, error) {
			return svc.PackConfig(ctx, pack, "")
		},
		Python:  s.sensorPython,
		Natives: native.All(),
		Partition: func(ctx context.Context) (sensor.Partition, error) {
			return c.Sensors.partition(ctx, c.NodeName(), data)
		},
	})
}

// partition reads which sensors are this node's.
func (c *SensorsConfig) partition(ctx context.Context, node string, data sensor.Data) (sensor.Partition, error) {
	kind, path, _ := strings.Cut(c.Partition, ":")
	switch kind {
	case "kvstore": // st2: the key NODE.sensor_partition holds references, with commas between them
		text, _, err := data.Get(ctx, node+".sensor_partition", false)
		return sensor.Only(fields(text)), err
	case "file":
		return partitionFile(path, node)
	default:
		return c.fixed()
	}
}

// partitionFile reads the references of a node's sensors from a YAML file that
// holds a list for each node (st2: the provider file).
func partitionFile(path, node string) (sensor.Partition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sensor.Partition{}, err
	}
	root, problems := pyyaml.Parse(nil, string(text))
	if root == nil || root.Kind != pyyaml.Mapping {
		if len(problems) > 0 {
			p := problems[0]
			return sensor.Partition{}, squall.Errorf(squall.Invalid, "%s:%d:%d: %s", path, p.Line, p.Column, p.Message)
		}
		return sensor.Partition{}, squall.Errorf(squall.Invalid, "%s: write the name of each node with a list of sensors below", path)
	}
	list := root.Get(node)
	if list == nil {
		return sensor.Partition{}, squall.Errorf(squall.Invalid, "%s says nothing of the node %s: add it, with an empty list for no sensors", path, node)
	}
	var refs []string
	for _, item := range list.Items {
		refs = append(refs, item.Text)
	}
	return sensor.Only(refs), nil
}

func fields(text string) (list []string) {
	for f := range strings.SplitSeq(text, ",") {
		if f = strings.TrimSpace(f); f != "" {
			list = append(list, f)
		}
	}
	return list
}

// packDir returns where a pack lies.
func (s *server) packDir(pack string) (string, bool) {
	for _, dir := range s.packDirs() {
		path := filepath.Join(dir, pack)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path, true
		}
	}
	return "", false
}

// sensorPython returns how to start the sensor wrapper for a pack: with the
// Python of its environment, or the machine's.
func (s *server) sensorPython(_ context.Context, pack string) (sensor.Command, error) {
	program := filepath.Join(s.config.virtualenvs(), pack, "bin", "python")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath(s.config.Python.Path); err != nil {
			return sensor.Command{}, squall.Errorf(squall.Unavailable, "there is no Python on this machine (%s); install python3 or set python.path", s.config.Python.Path)
		}
	}
	lib := s.pythonLib
	command := sensor.Command{
		Args: []string{program, "-u", "-X", "utf8", filepath.Join(lib, "lib", "squall_runner", "sensor_wrapper.py")},
		Env:  append(os.Environ(), "PYTHONPATH="+filepath.Join(lib, "lib")),
	}
	if dir, ok := s.packDir(pack); ok {
		command.LibPaths = []string{filepath.Join(dir, "sensors"), filepath.Join(dir, "lib")}
	}
	return command, nil
}

// runSensors keeps sensors running until the order to stop.
func (s *server) runSensors(stop, failed context.Context) error {
	if !s.config.Sensors.Enabled {
		return nil
	}
	ctx, cancel := context.WithCancel(failed)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	s.sensors.Run(ctx)
	return nil
}
