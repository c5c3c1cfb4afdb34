package sensor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxLog is how large a sensor's log gets before it is moved aside, in bytes.
// One old log is kept.
const maxLog = 4 << 20

// logFile is a sensor's own log: what it prints to stderr.
type logFile struct {
	path string
	mu   sync.Mutex
	f    *os.File
	size int64
}

// openLog opens DIR/NAME.log. With an empty dir what is written goes nowhere; so
// it does after an error.
func openLog(dir, name string) (*logFile, error) {
	if dir == "" {
		return &logFile{}, nil
	}
	l := &logFile{path: filepath.Join(dir, strings.ReplaceAll(name, string(filepath.Separator), "_")+".log")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &logFile{}, err
	}
	if err := l.open(); err != nil {
		return &logFile{}, err
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.f, l.size = f, info.Size()
	return nil
}

// Write never fails: a full disk must not stop a sensor.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return len(p), nil
	}
	if l.size+int64(len(p)) > maxLog {
		l.f.Close()
		l.f = nil
		if os.Rename(l.path, l.path+".1") != nil || l.open() != nil {
			return len(p), nil
		}
	}
	n, _ := l.f.Write(p)
	l.size += int64(n)
	return len(p), nil
}

func (l *logFile) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
}

// lastLine passes on what is written and remembers the last line, which often
// says why a program ended.
type lastLine struct {
	to   io.Writer
	mu   sync.Mutex
	line []byte
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(p) {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			l.line = append(l.line[:0], text[:min(len(text), 500)]...)
		}
	}
	return l.to.Write(p)
}

func (l *lastLine) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ToValidUTF8(string(l.line), "?")
}

// clockTicks is the unit of times in /proc on Linux, per second.
const clockTicks = 100

// usage reads what a process has used: processor time and resident memory in bytes.
func usage(pid int) (cpu time.Duration, rss int64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return 0, 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	return time.Duration(user+system) * time.Second / clockTicks, pages * int64(os.Getpagesize())
}
