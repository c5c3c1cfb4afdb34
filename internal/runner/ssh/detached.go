package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"squall/internal/runner"
)

// Detached names a command that goes on when the connection is lost: on the host
// it has a directory, with what it prints and how it ended, and a supervisor, a
// shell in a session of its own. The directory's existence is what keeps it from
// being started twice.
type Detached struct {
	Base string // directory of the host in which each user gets one of ours; "/var/tmp"
	// ID and Attempt tell the run; Host tells the machine where several share the
	// directory. All are letters, digits, "_", "-" and "." within Host.
	ID, Attempt, Host string
}

// State is what is found of a detached command on its host.
type State int

// The states. The numbers are exit codes of the scripts below.
const (
	HasEnded    State = 10 // it came to its end
	HasDied     State = 11 // its supervisor is not there any more
	HasRebooted State = 12 // the host has been started again since
	IsGone      State = 13 // its directory is not there
	IsStopped   State = 14 // Stop has ended it
	notStarted  State = 15 // its supervisor never began
	notOurs     State = 16 // the directory of ours is somebody else's, or cannot be made
	notWhole    State = 17 // the order broke off in the middle
	noOrder     State = 255
)

// Error words a state that leaves a command without a result.
func (s State) Error() string {
	switch s {
	case HasDied:
		return "the process that looked after the command on the host has died; nobody knows how the command ended"
	case HasRebooted:
		return "the host was restarted while the command ran"
	case IsGone:
		return "the command's directory on the host is gone; nobody knows how the command ended"
	case IsStopped:
		return "the command was ended"
	case notStarted:
		return "the command's supervisor did not start"
	case notOurs:
		return "the directory for detached commands cannot be used: it belongs to somebody else, or cannot be made"
	case HasEnded:
		return "the command has ended"
	case notWhole, noOrder: // Launch makes ErrLost of them
	}
	return fmt.Sprintf("the host answered with exit code %d", int(s))
}

// Launch starts c, or finds it: it has been started when the connection was lost,
// or by another process. only says that it has to be there already. An earlier
// attempt that still runs stands for this one: whoever began it is gone. dir is
// its directory, by which it is known from then on; startup is how long the login
// shell took. Output and grace of c are not used.
//
// The error is a State when the host has answered; with any other one except a
// ConnectError nobody knows whether it was started: ask again.
func (p *Pool) Launch(ctx context.Context, t *Target, c Command, d Detached, only bool) (dir string, end Ending, err error) {
	base, word, mode := d.Base, nonce(), ""
	if base == "" {
		base = "/var/tmp"
	}
	if only {
		mode = "only"
	}
	var out, said bytes.Buffer
	end, err = p.Run(ctx, t, Command{
		Line:   "exec sh -c " + words(common+launchScript, base, d.ID, d.Attempt, d.Host, word, common+superviseScript, mode),
		input:  body(c, word) + "\n" + word + "-\n" + payload(c, word),
		Stdout: &out, Stderr: &said, Grace: time.Second,
	})
	switch {
	case err != nil:
		return "", end, err
	case end.Stopped:
		return "", end, fmt.Errorf("start on %s: %w", t.Name, errors.Join(context.Cause(ctx), end.Left))
	case State(end.Code) == notWhole, State(end.Code) == noOrder:
		return "", end, fmt.Errorf("start on %s: %w", t.Name, ErrLost)
	case end.Code != 0:
		return "", end, State(end.Code)
	}
	_, rest, ok := strings.Cut(out.String(), word+" ")
	dir, _, whole := strings.Cut(rest, "\n")
	if !ok || !whole {
		return "", end, fmt.Errorf("start on %s: the shell did not say where: %s", t.Name, strings.TrimSpace(said.String()))
	}
	return dir, end, nil
}

// Follow passes on what a detached command prints, from the given bytes on, and
// returns when it has ended or is found to be gone. What it printed last may be
// missing: Rest has it. The error says that the host is out of reach, or ctx has
// ended; the command goes on.
func (p *Pool) Follow(ctx context.Context, t *Target, dir string, stdout, stderr io.Writer, outFrom, errFrom int64) (State, error) {
	code, err := p.script(ctx, t, "", nil, common+followScript, stdout, stderr, dir, at(outFrom), at(errFrom))
	return State(code), err
}

// Rest passes on what an ended command has printed from the given bytes on, and
// returns its exit code.
func (p *Pool) Rest(ctx context.Context, t *Target, dir string, stdout, stderr io.Writer, outFrom, errFrom int64) (code int, err error) {
	return p.script(ctx, t, "", new(string), restScript, stdout, stderr, dir, at(outFrom), at(errFrom))
}

// Stop ends the processes of a detached command, as the end of a context does
// for others. The error is the State HasEnded when it has ended by itself.
func (p *Pool) Stop(ctx context.Context, t *Target, dir string, c Command) error {
	err := p.end(ctx, t, c, common+stopScript+endScript, dir)
	var code endError
	if errors.As(err, &code) && State(code) == HasEnded {
		return HasEnded
	}
	return err
}

// Clean takes the directory of a command that has ended away, and more with it.
// name is whose it has to be: another attempt may have taken it over.
func (p *Pool) Clean(ctx context.Context, t *Target, dir string, d Detached, more ...string) error {
	code, err := p.script(ctx, t, "", new(string), cleanScript, io.Discard, io.Discard, append([]string{dir, d.ID + "." + d.Attempt}, more...)...)
	if err == nil && code != 0 {
		err = fmt.Errorf("delete %s on %s: exit code %d", path.Base(dir), t.Name, code)
	}
	return err
}

func at(n int64) string { return strconv.FormatInt(n+1, 10) } // tail counts from 1

// script runs a shell script of ours on t. What start-up files print is left out.
// sudo comes before it. input is what it reads first; nil: its input is open as
// long as we are there. When ctx ends it returns at once; the script is to end by
// itself then.
func (p *Pool) script(ctx context.Context, t *Target, sudo string, input *string, script string, stdout, stderr io.Writer, args ...string) (code int, err error) {
	s, err := p.open(ctx, t)
	if err != nil {
		return 0, err
	}
	defer s.close()
	word := nonce()
	line := "exec sh -c "
	if sudo != "" {
		line = sudo + "sh -c "
	}
	line += words("echo "+word+"; echo "+word+" >&2\n"+script, args...)
	if err := s.request(ctx, "exec", struct{ Command string }{line}); err != nil {
		return 0, fmt.Errorf("run on %s: %w", t.Name, err)
	}
	if input != nil {
		_, _ = io.WriteString(s.ch, *input) // a lost connection shows below
		_ = s.ch.CloseWrite()
	}
	out, fault := &after{to: stdout, word: word + "\n"}, &after{to: stderr, word: word + "\n"}
	defer out.leave()
	defer fault.leave()
	r := &running{s: s}
	r.out.Go(func() { r.pass(out, s.ch) }) // both end with the channel
	r.out.Go(func() { r.pass(fault, s.ch.Stderr()) })
	status := make(chan exit, 1)
	go func() { // as well
		e := exitOf(s.reqs)
		r.finish(settleMost) // nothing holds its output open
		status <- e
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case e := <-status:
		if !e.known || e.signal != "" {
			return 0, fmt.Errorf("run on %s: %w", t.Name, ErrLost)
		}
		fault.unmet()
		return int(e.code), nil
	}
}

// words is a shell script with its arguments, as words of a command line.
func words(script string, args ...string) string {
	var b strings.Builder
	b.WriteString(runner.Quote(script) + " squall")
	for _, arg := range args {
		b.WriteString(" " + runner.Quote(arg))
	}
	return b.String()
}

// after is a writer that passes on what comes after a word, until it is left.
type after struct {
	mu   sync.Mutex
	to   io.Writer
	word string
	held []byte
	met  bool
}

// Write implements io.Writer.
func (a *after) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.to == nil:
		return len(b), nil
	case a.met:
		return a.to.Write(b)
	}
	a.held = append(a.held, b...)
	if _, rest, ok := bytes.Cut(a.held, []byte(a.word)); ok {
		a.met, a.held = true, nil
		if len(rest) > 0 {
			_, _ = a.to.Write(rest)
		}
	} else if more := len(a.held) - holdLimit; more > 0 {
		a.held = append(a.held[:0], a.held[more:]...)
	}
	return len(b), nil
}

// unmet passes everything on when the word never came: it is sudo's, or that of a
// shell that is none.
func (a *after) unmet() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.met {
		_, _ = a.to.Write(a.held)
	}
}

func (a *after) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = nil
}

// common is the beginning of the scripts: alive says whether the supervisor in a
// directory lives: its number, when it began, and the host's own start, which tell
// it from a later process with its number. 1: it does not; 2: the host was restarted.
const common = `
alive() {
	{ read -r pid start boot <"$1/pid"; } 2>/dev/null || return 1
	{ read -r now </proc/sys/kernel/random/boot_id; } 2>/dev/null
	[ "$boot" = "$now" ] || return 2
	{ IFS= read -r s <"/proc/$pid/stat"; } 2>/dev/null || return 1
	born "${s##*) }"
	[ "$born" = "$start" ] && [ "$how" != Z ]
}
born() { set -- $1; how=$1 born=${20}; }
`

// launchScript starts a command once. Its input: the command line, a line with the
// word and "-", what the command line reads; the last line is the word and ".". The
// word stands there too when all has come.
const launchScript = `
base=$1 id=$2 attempt=$3 host=$4 word=$5 supervise=$6 only=$7
mask=$(umask); umask 077
b=$base/squall-$(id -u)
mkdir "$b" 2>/dev/null
[ -d "$b" ] && [ ! -L "$b" ] && [ -O "$b" ] || exit 16
d=$b/$id.$attempt.$host
[ -d "$d" ] || for e in "$b/$id".*."$host"; do
	if [ -d "$e" ] && [ ! -e "$e/code" ] && alive "$e"; then d=$e; break; fi
done
if [ ! -d "$d" ]; then
	[ -z "$only" ] || exit 13
	for e in $(find "$b" -mindepth 1 -maxdepth 1 -type d -mtime +7 2>/dev/null); do
		alive "$e" || rm -rf "$e"
	done
	all=$(cat)
	case $all in *"$word.") ;; *) exit 17;; esac
	cut="
$word-
"
	if mkdir "$d" 2>/dev/null; then
		: >"$d/out"; : >"$d/err"
		printf '%s\n' "${all%%"$cut"*}" >"$d/run"
		s=; command -v setsid >/dev/null 2>&1 && s=setsid
		{ printf '%s\n' "${all#*"$cut"}" | $s sh -c "$supervise" squall "$d" "$mask" "${SHELL:-sh}" & } </dev/null >/dev/null 2>&1
	elif [ ! -d "$d" ]; then
		exit 16
	fi
fi
n=0
while [ ! -e "$d/pid" ]; do
	[ $n -lt 300 ] || exit 15
	n=$((n+1)); sleep 0.1 2>/dev/null || { sleep 1; n=$((n+9)); }
done
printf '%s' "$id.$attempt" >"$d/owner.$$" && mv "$d/owner.$$" "$d/owner"
echo "$word $d"
`

// superviseScript looks after one command: it writes down who it is, runs the
// command with its output in files, and writes down how it ended.
const superviseScript = `
d=$1 mask=$2 shell=$3
IFS= read -r s </proc/$$/stat; born "${s##*) }"
read -r boot </proc/sys/kernel/random/boot_id
echo "$$ $born $boot" >"$d/pid.new" && mv "$d/pid.new" "$d/pid" || exit
line=$(cat "$d/run"); rm -f "$d/run"
(umask "$mask"; exec "$shell" -c "$line") >"$d/out" 2>"$d/err"
echo $? >"$d/code.new" && mv "$d/code.new" "$d/code"
`

// followScript prints what comes, until the command has ended. It also ends when
// its connection has: its input ends then, or sshd, its parent.
const followScript = `
d=$1
[ -d "$d" ] || exit 13
tail -c "+$2" -f "$d/out" 2>/dev/null & a=$!
tail -c "+$3" -f "$d/err" >&2 2>/dev/null & b=$!
exec 3<&0
{ cat <&3 >/dev/null; kill -TERM $$; } 2>/dev/null & c=$!
trap 'kill $a $b $c 2>/dev/null' EXIT
trap 'exit 129' HUP TERM PIPE
n=0
while :; do
	[ -d "$d" ] || exit 13
	[ ! -e "$d/stopped" ] || exit 14
	[ ! -e "$d/code" ] || exit 10
	alive "$d"; r=$?
	if [ $r != 0 ]; then # it may have ended in between
		[ ! -e "$d/code" ] || exit 10
		exit $((10+r))
	fi
	[ -d "/proc/$PPID" ] || exit 129
	n=$((n+1)); p=1; [ $n -gt 100 ] || p=0.1
	sleep $p 2>/dev/null || sleep 1
done
`

// restScript prints what followScript has not, and ends as the command did.
const restScript = `
d=$1
[ -d "$d" ] || exit 255
tail -c "+$2" "$d/out"
tail -c "+$3" "$d/err" >&2
read -r code <"$d/code" || code=255
exit "$code"
`

// stopScript goes before endScript, of which it finds the first argument.
const stopScript = `
d=$1; shift
[ -d "$d" ] || exit 0
[ ! -e "$d/code" ] || exit 10
: >"$d/stopped"
if alive "$d"; then set -- "$pid" "$@"; else set -- none "$@"; fi
`

// cleanScript deletes a command's directory, and others, if it is this run's.
const cleanScript = `
d=$1 name=$2; shift 2
[ -d "$d" ] || exit 0
read -r owner <"$d/owner"
[ "$owner" = "$name" ] || exit 0
exec rm -rf "$d" "$@"
`
