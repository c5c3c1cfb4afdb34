package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
)

// Journals remember detached runs on this machine's disk: which hosts have begun,
// what came from them, how they ended. Of that a later process builds up where an
// earlier one was, and goes on. It is the runner.Keep of detached runs.
type Journals struct {
	dir  string
	base string // see Config.DetachDir
	pool *ssh.Pool
	log  *slog.Logger

	mu       sync.Mutex
	inHand   map[string]bool
	plans    map[string]*plan // of runs that are not released yet
	closed   bool
	cleaning sync.WaitGroup
	ctx      context.Context // of what is deleted on hosts
	cancel   context.CancelFunc
}

var _ runner.Keep = (*Journals)(nil)

// forgetAfter is how long hosts are asked to delete what is left of a run. After
// as long they do it by themselves, when the next detached command begins there.
const forgetAfter = 7 * 24 * time.Hour

// OpenJournals returns the journals in dir. Hosts are reached through pool.
func OpenJournals(dir string, pool *ssh.Pool, detachDir string, log *slog.Logger) (*Journals, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of detached runs: %w", err)
	}
	js := &Journals{dir: dir, base: detachDir, pool: pool, log: log, inHand: map[string]bool{}, plans: map[string]*plan{}}
	js.ctx, js.cancel = context.WithCancel(context.Background())
	return js, nil
}

// Close waits a moment for what is being deleted on hosts.
func (js *Journals) Close() {
	js.mu.Lock()
	js.closed = true
	js.mu.Unlock()
	late := time.AfterFunc(3*time.Second, js.cancel)
	defer late.Stop()
	js.cleaning.Wait()
	js.cancel()
}

// Kept implements runner.Keep.
func (js *Journals) Kept() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(js.dir, "*.run"))
	if err != nil {
		return nil, err
	}
	var keys []string
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, file := range files {
		key := strings.TrimSuffix(filepath.Base(file), ".run")
		if !js.inHand[key] {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Release implements runner.Keep: what is left on the hosts is ended and deleted,
// while the caller goes on. Where that does not work it is tried again by the
// next process.
func (js *Journals) Release(key string) {
	if _, err := os.Stat(js.file(key)); err != nil {
		return // it was not detached
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	p := js.plans[key]
	delete(js.plans, key)
	if js.closed || js.inHand[key] {
		return
	}
	js.inHand[key] = true
	js.cleaning.Go(func() {
		js.clean(key, p)
		js.mu.Lock()
		delete(js.inHand, key)
		js.mu.Unlock()
	})
}

func (js *Journals) file(key string) string { return filepath.Join(js.dir, key+".run") }

// clean takes everything away that there is of a run. Without a plan it knows what
// the journal does, which holds no secrets.
func (js *Journals) clean(key string, p *plan) {
	head, states, err := readJournal(js.file(key), nil)
	if err != nil {
		js.log.Warn("the journal of a detached run cannot be read", "run", key, "error", err)
		_ = os.Remove(js.file(key))
		return
	}
	if p == nil {
		p = &plan{hosts: head.hosts(), user: head.User, bastion: head.Bastion, dir: head.Files, command: ssh.Command{Sudo: head.Sudo, Mark: head.Mark}}
	}
	ctx, cancel := context.WithTimeout(js.ctx, 30*time.Second)
	defer cancel()
	lanes := make(ssh.Lanes, 50)
	var all sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	for i, h := range p.hosts {
		if states[i].dir == "" {
			continue
		}
		all.Go(func() {
			leave, err := lanes.Enter(ctx)
			if err == nil {
				defer leave()
				err = js.cleanHost(ctx, key, p, h, states[i])
			}
			if err != nil {
				mu.Lock()
				faults = append(faults, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	info, err := os.Stat(js.file(key))
	if len(faults) > 0 && err == nil && time.Since(info.ModTime()) < forgetAfter {
		js.log.Warn("what is left of a detached run on its hosts was not deleted", "run", key, "error", errors.Join(faults...))
		return
	}
	_ = os.Remove(js.file(key)) // at worst it is asked for again
}

func (js *Journals) cleanHost(ctx context.Context, key string, p *plan, h host, st *hostState) error {
	t, err := js.pool.Resolve(ssh.Spec{Host: h.host, Port: h.port, User: p.user, Bastion: p.bastion, Login: p.login})
	if err != nil {
		return err
	}
	if !st.sure {
		var state ssh.State
		if err := js.pool.Stop(ctx, t, st.dir, p.command); err != nil && !errors.As(err, &state) {
			return err
		}
	}
	var more []string
	if p.dir != "" {
		more = []string{p.dir}
	}
	return js.pool.Clean(ctx, t, st.dir, detachedOf(js.base, key, h), more...)
}

// header is the first line of a journal.
type header struct {
	Hosts   []hostLine `json:"hosts"`
	User    string     `json:"user,omitempty"`
	Bastion string     `json:"bastion,omitempty"`
	Sudo    bool       `json:"sudo,omitempty"`
	Mark    string     `json:"mark,omitempty"`
	Files   string     `json:"files,omitempty"`
}

type hostLine struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Port int    `json:"port,omitempty"`
}

func (h *header) hosts() (list []host) {
	for _, l := range h.Hosts {
		list = append(list, host{l.Name, l.Host, l.Port})
	}
	return list
}

// line is any other line: a host has begun, has printed something, or has ended.
type line struct {
	Host int        `json:"h"`
	Dir  string     `json:"dir,omitempty"`
	At   *time.Time `json:"at,omitempty"` // when it began
	Out  []byte     `json:"out,omitempty"`
	Err  []byte     `json:"err,omitempty"`
	More int64      `json:"more,omitempty"` // bytes of the same stream that were too many to be kept
	End  *ending    `json:"end,omitempty"`
}

type ending struct {
	Code    int    `json:"code"`
	Timeout bool   `json:"timeout,omitempty"`
	Problem string `json:"problem,omitempty"`
	Notice  string `json:"notice,omitempty"`
}

// hostState is what is known of a host.
type hostState struct {
	dir   string // of its command; empty: nobody knows that it has begun
	at    time.Time
	ended bool
	sure  bool // by itself, as far as we know
}

// journal is one run's, while it is in hand. A nil one remembers nothing.
type journal struct {
	js   *Journals
	key  string
	mu   sync.Mutex // one order for the journal and what is passed on
	file *os.File
}

// begin makes the journal of a new run.
func (js *Journals) begin(key string, p *plan) (*journal, error) {
	head := header{User: p.user, Bastion: p.bastion, Sudo: p.command.Sudo, Mark: p.command.Mark, Files: p.dir}
	for _, h := range p.hosts {
		head.Hosts = append(head.Hosts, hostLine{h.name, h.host, h.port})
	}
	f, err := os.OpenFile(js.file(key), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the journal of a detached run: %w", err)
	}
	j := &journal{js: js, key: key, file: f}
	err = errors.Join(j.write(head), f.Sync(), syncDir(js.dir))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the journal of a detached run: %w", err)
	}
	js.take(key, p)
	return j, nil
}

// reopen goes on with the journal of an earlier process. What it remembers is told to see.
func (js *Journals) reopen(key string, p *plan, see func(line)) (*journal, []*hostState, error) {
	head, states, err := readJournal(js.file(key), see)
	if err != nil {
		return nil, nil, fmt.Errorf("read the journal of a detached run: %w", err)
	}
	if !slices.Equal(head.hosts(), p.hosts) {
		return nil, nil, errors.New("the journal of the detached run names other hosts than the execution")
	}
	f, err := os.OpenFile(js.file(key), os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal of a detached run: %w", err)
	}
	js.take(key, p)
	return &journal{js: js, key: key, file: f}, states, nil
}

func (js *Journals) take(key string, p *plan) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.inHand[key], js.plans[key] = true, p
}

// close lets go of the run: it is kept until it is released.
func (j *journal) close() {
	if j == nil {
		return
	}
	j.file.Close()
	j.js.mu.Lock()
	defer j.js.mu.Unlock()
	delete(j.js.inHand, j.key)
}

func (j *journal) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(text, '\n'))
	return err
}

// note writes a line, and calls then before anything else is written.
func (j *journal) note(l line, then func()) {
	if j == nil {
		then()
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(l); err != nil {
		j.js.log.Error("the journal of a detached run cannot be written: it will not survive a restart", "run", j.key, "error", err)
	}
	then()
}

// begun notes that a host has begun, so that it outlives a crash of this machine.
func (j *journal) begun(host int, st *hostState) {
	j.note(line{Host: host, Dir: st.dir, At: &st.at}, func() {})
	if j != nil {
		_ = j.file.Sync() // what is lost is asked of the host again
	}
}

// noted is a writer that journals what goes into a stream.
type noted struct {
	j      *journal
	host   int
	stderr bool
	to     *stream
}

// Write implements io.Writer; it never fails. What exceeds the stream's limit is
// counted, and passed on to nobody.
func (n noted) Write(b []byte) (int, error) {
	text := b[:min(len(b), max(0, n.to.limit-len(n.to.kept)))]
	l := line{Host: n.host, Out: text, More: int64(len(b) - len(text))}
	if n.stderr {
		l.Out, l.Err = nil, text
		if len(text) == 0 {
			l.Err = []byte{} // More is its
		}
	}
	n.j.note(l, func() { n.to.add(text, l.More) })
	return len(b), nil
}

// add is Write for a text and a number of bytes that are not kept.
func (s *stream) add(text []byte, more int64) {
	if len(text) > 0 {
		_, _ = s.Write(text)
	}
	s.total += more
}

// readJournal reads what is there; a line that was not finished, and what follows
// it, is cut off. see is told every line that is not about a beginning.
func readJournal(name string, see func(line)) (head header, states []*hostState, err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return head, nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	text, err := r.ReadBytes('\n')
	if err != nil || json.Unmarshal(text, &head) != nil {
		return head, nil, fmt.Errorf("%s has no beginning", filepath.Base(name))
	}
	for range head.Hosts {
		states = append(states, &hostState{})
	}
	good := int64(len(text))
	for {
		text, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return head, nil, err
		}
		var l line
		if err != nil || json.Unmarshal(bytes.TrimSpace(text), &l) != nil || l.Host < 0 || l.Host >= len(states) {
			break
		}
		good += int64(len(text))
		st := states[l.Host]
		switch {
		case l.Dir != "":
			st.dir, st.at = l.Dir, *l.At
			continue
		case l.End != nil:
			st.ended, st.sure = true, l.End.Problem == ""
		}
		if see != nil {
			see(l)
		}
	}
	return head, states, f.Truncate(good)
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
