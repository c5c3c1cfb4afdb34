package native

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

	"squall/internal/sensor"
)

type journalConfig struct {
	Matches   []string `json:"matches"`   // FIELD=value, as journalctl takes them
	Unit      string   `json:"unit"`      // a systemd unit
	Priority  string   `json:"priority"`  // this and worse, such as err
	Directory string   `json:"directory"` // of journal files; empty: the machine's
}

// journalPlace is the cursor of the last entry.
type journalPlace struct {
	Cursor string `json:"cursor"`
}

// followJournal reports entries of systemd's journal, through journalctl, with
// the journal's own names: {"MESSAGE": ..., "PRIORITY": "3", "_SYSTEMD_UNIT": ..., ...}.
// It begins with what comes and goes on behind the last entry.
func followJournal(ctx context.Context, job *sensor.NativeJob) error {
	var c journalConfig
	if err := configure(job, &c); err != nil {
		return err
	}
	p := &place{job: job}
	var at journalPlace
	if _, err := p.read(ctx, &at); err != nil {
		return err
	}
	cmd := exec.Command("journalctl", c.arguments(at)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the journal is read with journalctl: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	job.Ready()
	err = c.read(ctx, job, bufio.NewReaderSize(out, 64<<10), p, &at)
	_ = cmd.Process.Kill() // it may have ended
	waited := cmd.Wait()
	if ctx.Err() != nil {
		return p.save(context.WithoutCancel(ctx), at, true)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("journalctl has ended: %w: %s", waited, strings.TrimSpace(complaint.String()))
	}
	return err
}

func (c *journalConfig) arguments(at journalPlace) []string {
	args := []string{"--follow", "--output=json", "--all", "--no-pager", "--quiet"}
	if at.Cursor != "" {
		args = append(args, "--after-cursor="+at.Cursor, "--no-tail")
	} else {
		args = append(args, "--lines=0")
	}
	for name, value := range map[string]string{"--unit=": c.Unit, "--priority=": c.Priority, "--directory=": c.Directory} {
		if value != "" {
			args = append(args, name+value)
		}
	}
	return append(args, c.Matches...)
}

func (c *journalConfig) read(ctx context.Context, job *sensor.NativeJob, r *bufio.Reader, p *place, at *journalPlace) error {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return err
		}
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			job.Log.WarnContext(ctx, "journalctl printed something strange", "error", err)
			continue
		}
		for name, v := range entry {
			if list, ok := v.([]any); ok { // bytes that are no text, or a field that is there several times
				entry[name] = readable(list)
			}
		}
		cursor, _ := entry["__CURSOR"].(string)
		if err := refused(ctx, job.Log, job.Emit(ctx, "", cursor, entry)); err != nil {
			return err
		}
		at.Cursor = cursor
		if err := p.save(ctx, at, false); err != nil {
			return err
		}
	}
}

// readable turns a list of byte values into text, and leaves other lists.
func readable(list []any) any {
	text := make([]byte, len(list))
	for i, v := range list {
		n, ok := v.(float64)
		if !ok || n < 0 || n > 255 {
			return list
		}
		text[i] = byte(n)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
