package ssh

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"squall/internal/runner"
)

// Command is a command line for the host's login shell.
type Command struct {
	Line string
	// Env is exported before Line runs. It travels over the session's input,
	// not in the command line, where every user of the host could read it.
	Env map[string]string
	// Sudo runs Line as root, in bash (st2). Password is for sudo, where it asks.
	Sudo     bool
	Password string
	// Mark is a text that stands in Env: it tells the processes of this command.
	Mark string

	Stdout, Stderr io.Writer // get what is printed as it comes; never used after Run
	Grace          time.Duration

	input string // what Line can read; not with Sudo
}

// Ending is what is known of a command that has ended.
type Ending struct {
	Code  int // exit code; 128+n after signal n, as a shell reports it
	Shell string
	// Startup is how long the login shell took until the command could begin.
	Startup time.Duration
	// Stopped says that ctx ended it; Left is why something of it may still run.
	Stopped bool
	Left    error
}

// ErrLost says that the connection broke, or the host ended the session, before
// the command had ended: nobody knows how it did.
var ErrLost = errors.New("the connection was lost before the command had ended")

// settle is how long output is waited for when the command has ended: a daemon it
// left behind may hold the streams open for ever (st2 does not wait either). As long
// as something comes over a slow line, settleMost is the limit.
var settle = 300 * time.Millisecond // tests on busy machines change it

const settleMost = 10 * time.Second

// startLimit is how long a shell's start-up files may take at least.
const startLimit = time.Minute

// Run runs c on t and returns when it has ended, or has been ended because ctx
// is. The error says that it was not run, or that its end is not known (ErrLost).
//
// The login shell first says its process number on standard error, which is taken
// out of the output again, and waits for our word. So a command whose shell hangs
// in its start-up files never begins after we have given it up, and what it starts
// can be found again.
func (p *Pool) Run(ctx context.Context, t *Target, c Command) (Ending, error) {
	s, err := p.open(ctx, t)
	if err != nil {
		return Ending{}, err
	}
	defer s.close()
	word := nonce()
	asked := time.Now()
	if err := s.request(ctx, "exec", struct{ Command string }{boot(c, word)}); err != nil {
		return Ending{}, fmt.Errorf("run on %s: %w", t.Name, err)
	}
	r := &running{s: s, c: c, word: word, begun: make(chan struct{})}
	r.read()
	status := make(chan exit, 1)
	go func() { status <- exitOf(s.reqs) }() // ends with the channel

	// Until the shell has spoken there is nothing to be ended but the shell.
	slow := time.NewTimer(startLimit)
	defer slow.Stop()
	var end Ending
	select {
	case <-r.begun:
		end.Startup, end.Shell = time.Since(asked), r.shell
		if _, err := io.WriteString(s.ch, payload(c, word)); err != nil {
			r.finish(0)
			return end, fmt.Errorf("run on %s: %w", t.Name, ErrLost)
		}
		_ = s.ch.CloseWrite() // a lost connection shows below
	case e := <-status: // the shell has not become one: nologin, a forced command
		r.finish(settle)
		return e.ending(end, t)
	case <-slow.C:
		r.finish(0)
		return end, fmt.Errorf("run on %s: the login shell did not begin within %s: look at its start-up files", t.Name, startLimit)
	case <-ctx.Done():
		r.finish(0)
		end.Stopped = true
		return end, nil
	}

	select {
	case e := <-status:
		r.finish(settle)
		return e.ending(end, t)
	case <-ctx.Done():
		end.Stopped = true
		end.Left = p.end(context.WithoutCancel(ctx), t, c, endScript, r.pid)
		r.finish(settle)
		return end, nil
	}
}

// running is a command whose output is being read.
type running struct {
	s     *session
	c     Command
	word  string
	begun chan struct{} // closed when the shell has spoken
	pid   string
	shell string
	out   sync.WaitGroup
	heard atomic.Int64 // how much has come
}

// read passes the output on until the streams end.
func (r *running) read() {
	stderr := &greeting{to: r.c.Stderr, word: r.word, met: func(pid, shell string) {
		r.pid, r.shell = pid, shell
		close(r.begun)
	}}
	r.out.Go(func() { r.pass(r.c.Stdout, r.s.ch) })
	r.out.Go(func() {
		r.pass(stderr, r.s.ch.Stderr())
		stderr.flush()
	})
}

// pass copies to the end. Outputs never fail; a lost connection shows elsewhere.
func (r *running) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.heard.Add(int64(n))
		if n > 0 {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// finish waits for the rest of the output, until nothing has come for that long,
// and ends the session.
func (r *running) finish(quiet time.Duration) {
	ended := make(chan struct{})
	go func() { r.out.Wait(); close(ended) }()
	t := time.NewTimer(quiet)
	defer t.Stop()
	most := time.Now().Add(settleMost)
	for before := r.heard.Load(); ; {
		select {
		case <-ended:
			r.s.close()
			return
		case <-t.C:
		}
		now := r.heard.Load()
		if now == before || time.Now().After(most) {
			r.s.ch.Close()
			<-ended
			r.s.close()
			return
		}
		before = now
		t.Reset(quiet)
	}
}

// exit is how the host says a command ended.
type exit struct {
	known  bool
	code   uint32
	signal string
}

func (e exit) ending(end Ending, t *Target) (Ending, error) {
	end.Code = int(e.code)
	switch {
	case !e.known:
		return end, fmt.Errorf("run on %s: %w", t.Name, ErrLost)
	case e.signal != "":
		end.Code = 128 + signals[e.signal]
	}
	return end, nil
}

// exitOf answers the host's requests until it has said how the command ended,
// or has closed the channel without that.
func exitOf(reqs <-chan *ssh.Request) (e exit) {
	for req := range reqs {
		switch req.Type {
		case "exit-status":
			var m struct{ Code uint32 }
			if ssh.Unmarshal(req.Payload, &m) == nil {
				e = exit{known: true, code: m.Code}
			}
		case "exit-signal":
			var m struct {
				Signal  string
				Dumped  bool
				Message string
				Lang    string
			}
			if ssh.Unmarshal(req.Payload, &m) == nil {
				e = exit{known: true, signal: m.Signal}
			}
		}
		if req.WantReply {
			_ = req.Reply(false, nil)
		}
		if e.known {
			go ssh.DiscardRequests(reqs)
			return e
		}
	}
	return e
}

// signals are the numbers on Linux of the names in RFC 4254.
var signals = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9,
	"USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15,
}

func nonce() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return "squall" + hex.EncodeToString(b[:])
}

// boot is the line that the login shell is given: it says who it is, reads what
// is to be exported, and runs the command. Any Bourne shell understands it.
func boot(c Command, word string) string {
	return `echo "` + word + ` $$ $SHELL" >&2; ` + body(c, word)
}

// body is boot without the greeting.
func body(c Command, word string) string {
	line := reader(word, c.input != "") + c.Line
	if !c.Sudo {
		return line
	}
	flags := "-E"
	if c.Password != "" {
		flags = "-S -E"
	}
	return "sudo " + flags + " -- bash -c " + runner.Quote(strings.Replace(line, readerEnd, readerEnd+"exec </dev/null; ", 1))
}

const readerEnd = `eval "$squall_e"; unset squall_e squall_l; `

// reader is shell code that takes the lines between two marks of its input for
// commands. Without the second mark it goes no further. What stands before the
// first, sudo's password if sudo did not want it, is nobody's business.
//
// Shells read lines byte by byte, which costs more than all else on a host with
// little to do, so bash is told to read whatever comes, to the end; where
// more comes after the second mark it must not.
func reader(word string, more bool) string {
	lines := `while IFS= read -r squall_l && [ "$squall_l" != ` + word + ` ]; do :; done; squall_e=; ` +
		`while :; do IFS= read -r squall_l || exit 255; [ "$squall_l" = ` + word + `. ] && break; squall_e="$squall_e$squall_l` + "\n" + `"; done`
	if more {
		return lines + "; " + readerEnd
	}
	return `case ${BASH_VERSION:-0} in 0|[0-3].*|4.0*) ` + lines + `;; ` + // older ones cannot
		`*) IFS= read -r -N 100000000 squall_e; case $squall_e in *` + word + `.?) ;; *) exit 255;; esac; ` +
		`squall_e=${squall_e#*` + word + `?}; squall_e=${squall_e%%` + word + `*};; esac; ` + readerEnd
}

// payload is the session's input: sudo's password, then what reader reads.
func payload(c Command, word string) string {
	var b strings.Builder
	if c.Sudo && c.Password != "" {
		b.WriteString(c.Password + "\n")
	}
	b.WriteString(word + "\n")
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, runner.Quote(c.Env[name]))
	}
	b.WriteString(word + ".\n" + c.input)
	return b.String()
}

// greeting is a writer that takes the shell's first word out of the stream. What
// the start-up files print around it goes through.
type greeting struct {
	to   io.Writer
	word string
	met  func(pid, shell string)
	held []byte
	over bool
}

// holdLimit is how much is held back to look for the word.
const holdLimit = 256 << 10

// Write implements io.Writer.
func (g *greeting) Write(b []byte) (int, error) {
	if g.over {
		return g.to.Write(b)
	}
	g.held = append(g.held, b...)
	before, rest, found := strings.Cut(string(g.held), g.word+" ")
	line, after, whole := strings.Cut(rest, "\n")
	switch {
	case found && whole:
		pid, shell, _ := strings.Cut(strings.TrimSpace(line), " ")
		g.over, g.held = true, nil
		if text := before + after; text != "" {
			_, _ = io.WriteString(g.to, text)
		}
		g.met(pid, shell)
	case !found && len(g.held) > holdLimit:
		// The shell talks and talks. The tail may be the beginning of the word.
		keep := len(g.held) - len(g.word)
		_, _ = g.to.Write(g.held[:keep])
		g.held = append([]byte(nil), g.held[keep:]...)
	}
	return len(b), nil
}

// flush passes on what was held back when the stream ends.
func (g *greeting) flush() {
	if !g.over && len(g.held) > 0 {
		_, _ = g.to.Write(g.held)
		g.over = true
	}
}
