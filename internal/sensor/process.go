package sensor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"squall/internal/squall"
)

// maxLine bounds a line of a sensor, in bytes: an event larger than that is a
// mistake.
const maxLine = 16 << 20

// Trigger types that tell of sensors' processes (st2).
var (
	spawned = squall.Ref{Pack: "core", Name: "st2.sensor.process_spawn"}
	exited  = squall.Ref{Pack: "core", Name: "st2.sensor.process_exit"}
)

// process is a sensor in a process of its own. Its group dies with it, and it
// with the server.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // nil: it gets none
	// line handles a line of stdout. An error ends the sensor.
	line func(ctx context.Context, u *unit, line []byte) error
	// begin is called when the process is there, and farewell when it is to end:
	// both may write to stdin.
	begin, farewell func(ctx context.Context, u *unit) error
}

// run starts the process and reads it until it ends or ctx does.
func (p *process) run(ctx context.Context, u *unit) error {
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	own, err := openLog(u.m.LogDir, u.name)
	if err != nil {
		u.log.WarnContext(ctx, "the sensor has no log of its own", "error", err)
	}
	defer own.Close()
	last := &lastLine{to: own}
	p.cmd.Stderr = last
	p.cmd.WaitDelay = 2 * time.Second // a child may have kept stderr open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.begin != nil {
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			return err
		}
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.cmd.Path, err)
	}
	u.process(ctx, p.cmd.Process.Pid)
	p.tell(ctx, u, spawned, map[string]any{"cmd": strings.Join(p.cmd.Args, " ")})

	read := make(chan error, 1)
	lines, end := context.WithCancel(context.WithoutCancel(ctx)) // what it says while it tidies up still counts
	defer end()
	go func() { read <- p.read(lines, u, stdout) }()
	if p.begin != nil {
		if err := p.begin(ctx, u); err != nil {
			u.log.WarnContext(ctx, "the sensor cannot be told what to do", "error", err)
		}
	}

	var readErr error
	select {
	case readErr = <-read:
	case <-ctx.Done():
		p.stop(u)
		select {
		case readErr = <-read:
		case <-time.After(u.m.Grace):
		}
	}
	p.signal(syscall.SIGKILL) // what is left of its group
	waitErr := p.cmd.Wait()
	p.tell(context.WithoutCancel(ctx), u, exited, map[string]any{"exit_code": p.cmd.ProcessState.ExitCode()})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case readErr != nil && !errors.Is(readErr, io.EOF):
		return readErr
	case last.text() != "":
		return fmt.Errorf("%s: %s", exitText(waitErr), last.text())
	default:
		return errors.New(exitText(waitErr))
	}
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// stop asks the sensor to end.
func (p *process) stop(u *unit) {
	if p.farewell != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.farewell(ctx, u) // TERM follows
	}
	p.signal(syscall.SIGTERM)
}

// signal reaches the sensor's whole process group.
func (p *process) signal(sig syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may be gone
}

// read handles lines until there are no more.
func (p *process) read(ctx context.Context, u *unit, from io.Reader) error {
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			continue
		}
		if err := p.line(ctx, u, line); err != nil {
			return err
		}
	}
}

// readLine returns the next line without its end. Error: io.EOF, and Invalid for
// a line that never ends.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := r.ReadLine()
		if err != nil {
			return nil, err
		}
		if line == nil && !more {
			return part, nil
		}
		if line = append(line, part...); len(line) > maxLine {
			return nil, squall.Errorf(squall.Invalid, "the sensor printed a line of more than %d MB", maxLine>>20)
		}
		if !more {
			return line, nil
		}
	}
}

// tell makes the internal triggers about processes. Nobody need listen.
func (p *process) tell(ctx context.Context, u *unit, trigger squall.Ref, more map[string]any) {
	now := time.Now().UTC()
	more["id"], more["timestamp"], more["pid"] = u.ClassName, now.Unix(), p.cmd.Process.Pid
	payload, err := json.Marshal(map[string]any{"object": more})
	if err != nil {
		panic(fmt.Sprintf("sensor: marshal texts and numbers: %v", err)) // cannot happen
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := u.m.Emit(ctx, &squall.Event{Trigger: trigger, Type: trigger, Payload: payload, OccurredAt: now}); err != nil {
		u.log.WarnContext(ctx, "an event about the sensor's process was not stored", "trigger", trigger.String(), "error", err)
	}
}
