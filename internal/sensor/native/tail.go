package native

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"squall/internal/sensor"
	"squall/internal/squall"
)

// maxTailLine bounds a line of a file; a longer one is cut, in bytes.
const maxTailLine = 1 << 20

type tailConfig struct {
	Path      string  `json:"path"`
	Pattern   string  `json:"pattern"`    // only lines that match; named groups become part of the payload
	FromStart bool    `json:"from_start"` // of a file seen for the first time
	Poll      seconds `json:"poll"`       // 1 s
}

// tailPlace is how far a file was read.
type tailPlace struct {
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"`
	// File numbers the files that were at the path, and what a file was before it
	// was cut back: neither inodes nor offsets are used only once.
	File int64 `json:"file"`
}

// tailFile reports the lines that are appended to a file, through rotation by
// renaming and by truncation:
// {"path": ..., "line": ..., "groups": {...}, "cut": true}.
func tailFile(ctx context.Context, job *sensor.NativeJob) error {
	var c tailConfig
	if err := configure(job, &c); err != nil {
		return err
	}
	if c.Path == "" {
		return squall.Errorf(squall.Invalid, "configuration: path is missing: which file?")
	}
	t := &tailer{job: job, config: c, place: place{job: job}}
	if c.Pattern != "" {
		var err error
		if t.pattern, err = regexp.Compile(c.Pattern); err != nil {
			return squall.Errorf(squall.Invalid, "configuration: pattern: %w", err)
		}
	}
	known, err := t.place.read(ctx, &t.at)
	if err != nil {
		return err
	}
	defer t.close()
	job.Ready()
	for first := true; ; first = false {
		if err := t.step(ctx, first && !known); err != nil {
			return err
		}
		if !pause(ctx, c.Poll.or(time.Second)) {
			return t.place.save(context.WithoutCancel(ctx), t.at, true)
		}
	}
}

type tailer struct {
	job     *sensor.NativeJob
	config  tailConfig
	pattern *regexp.Regexp
	place   place
	at      tailPlace
	file    *os.File
	reader  *bufio.Reader
}

func (t *tailer) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// step reads what is there. Of a file that was moved away the rest is read
// before the one in its place.
func (t *tailer) step(ctx context.Context, atEnd bool) error {
	if t.file != nil {
		if err := t.drain(ctx); err != nil {
			return err
		}
	}
	info, err := os.Stat(t.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it may come, or is just being rotated
	}
	if err != nil {
		return err
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	switch {
	case t.file != nil && inode == t.at.Inode && info.Size() >= t.at.Offset:
		return nil
	case inode != t.at.Inode || info.Size() < t.at.Offset: // another file, or cut back
		t.at = tailPlace{Inode: inode, File: t.at.File + 1}
		if atEnd && !t.config.FromStart {
			t.at.Offset = info.Size()
		}
	}
	t.close()
	if t.file, err = os.Open(t.config.Path); err != nil {
		return err
	}
	if _, err := t.file.Seek(t.at.Offset, io.SeekStart); err != nil {
		return err
	}
	t.reader = bufio.NewReaderSize(t.file, 64<<10)
	return t.drain(ctx)
}

// drain reports all whole lines.
func (t *tailer) drain(ctx context.Context) error {
	for {
		line, size, cut, err := t.line()
		if err != nil {
			return err
		}
		if size == 0 {
			return t.place.save(ctx, t.at, false)
		}
		if err := t.report(ctx, line, cut); err != nil {
			return err
		}
		t.at.Offset += size
		if err := t.place.save(ctx, t.at, false); err != nil {
			return err
		}
	}
}

// line returns the next line and how many bytes of the file it is; 0: it is not
// whole yet.
func (t *tailer) line() (text string, size int64, cut bool, err error) {
	var b strings.Builder
	for {
		part, err := t.reader.ReadSlice('\n')
		size += int64(len(part))
		if room := maxTailLine - b.Len(); len(part) > room {
			part, cut = part[:room], true
		}
		b.Write(part)
		switch {
		case err == nil:
			return strings.ToValidUTF8(strings.TrimRight(b.String(), "\r\n"), "\uFFFD"), size, cut, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if _, err := t.file.Seek(t.at.Offset, io.SeekStart); err != nil {
				return "", 0, false, err
			}
			t.reader.Reset(t.file)
			return "", 0, false, nil
		default:
			return "", 0, false, err
		}
	}
}

func (t *tailer) report(ctx context.Context, line string, cut bool) error {
	payload := map[string]any{"path": t.config.Path, "line": line}
	if cut {
		payload["cut"] = true
	}
	if t.pattern != nil {
		match := t.pattern.FindStringSubmatch(line)
		if match == nil {
			return nil
		}
		groups := map[string]string{}
		for i, name := range t.pattern.SubexpNames() {
			if name != "" {
				groups[name] = match[i]
			}
		}
		payload["groups"] = groups
	}
	key := fmt.Sprintf("%d:%d:%d", t.at.File, t.at.Inode, t.at.Offset)
	return refused(ctx, t.job.Log, t.job.Emit(ctx, "", key, payload))
}
