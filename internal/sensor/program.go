package sensor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	"squall/internal/squall"
)

// newProgram runs any program that prints one JSON object per line:
//
//	{"trigger": "pack.name", "payload": {...}, "key": "...", "trace_tag": "..."}
//
// Only payload is needed when the sensor has one trigger type; an object without
// "payload" is the payload itself. The program finds its configuration in
// SQUALL_SENSOR_CONFIG, as JSON. What it prints to stderr goes to its log.
func newProgram(u *unit, dir string, config json.RawMessage) (*process, error) {
	path := filepath.Join(dir, "sensors", filepath.FromSlash(u.EntryPoint))
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&0o111 == 0 {
		return nil, squall.Errorf(squall.Invalid, "%s is not executable: chmod +x it", path)
	}
	cmd := exec.Command(path)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SQUALL_SENSOR_NAME="+u.name, "SQUALL_SENSOR_CONFIG="+string(config))
	return &process{cmd: cmd, line: programLine}, nil
}

func programLine(ctx context.Context, u *unit, line []byte) error {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	var r reported
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		u.log.WarnContext(ctx, "the sensor printed a line that is no JSON object; use stderr for messages", "line", truncate(line))
		return nil
	}
	if _, has := members["payload"]; has {
		if err := json.Unmarshal(line, &r); err != nil {
			u.log.WarnContext(ctx, "the sensor printed an event that cannot be read", "line", truncate(line), "error", err)
			return nil
		}
	} else {
		r.Payload = bytes.Clone(line)
	}
	ev, err := u.event(r)
	if err == nil {
		err = u.emit(ctx, ev)
	}
	if squall.KindOf(err) == squall.Invalid || squall.KindOf(err) == squall.NotFound {
		u.log.WarnContext(ctx, "an event of the sensor was refused", "line", truncate(line), "error", err)
		return nil
	}
	return err
}
