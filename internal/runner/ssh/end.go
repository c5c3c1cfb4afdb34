package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"squall/internal/runner"
)

// endLimit bounds the ending of a command on a host, connection included.
const endLimit = 10 * time.Second

// end ends all processes of a command: in a session of its own, for the one it
// runs in is of no use for that. Signals of the SSH protocol reach only the
// shell's process group, and nothing that sudo started.
func (p *Pool) end(ctx context.Context, t *Target, c Command, pid string) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	if n, err := strconv.Atoi(pid); err != nil || n < 2 {
		return fmt.Errorf("end the command on %s: the shell's process number %q is none", t.Name, pid)
	}
	s, err := p.open(ctx, t)
	if err != nil {
		return fmt.Errorf("end the command: %w", err)
	}
	defer s.close()
	grace := c.Grace
	if grace == 0 {
		grace = 3 * time.Second
	}
	line := "sh -c " + runner.Quote(endScript) + " squall " + pid + " " + runner.Quote(c.Mark) + " " + strconv.Itoa(int(grace/(100*time.Millisecond)))
	if c.Sudo {
		flags := "-n"
		if c.Password != "" {
			flags = "-S"
		}
		line = "sudo " + flags + " -- " + line
	}
	if err := s.request(ctx, "exec", struct{ Command string }{line}); err != nil {
		return fmt.Errorf("end the command on %s: %w", t.Name, err)
	}
	defer context.AfterFunc(ctx, s.close)()
	_, _ = io.WriteString(s.ch, c.Password+"\n")
	_ = s.ch.CloseWrite()
	var said bytes.Buffer
	go func() { _, _ = io.Copy(io.Discard, s.ch) }() // ends with the session
	heard := make(chan struct{})
	go func() { defer close(heard); _, _ = io.Copy(&said, io.LimitReader(s.ch.Stderr(), 4096)) }()
	e := exitOf(s.reqs)
	s.close()
	<-heard
	switch {
	case !e.known:
		return fmt.Errorf("end the command on %s: %w", t.Name, errors.Join(context.Cause(ctx), ErrLost))
	case e.code != 0:
		return fmt.Errorf("end the command on %s: some of its processes may still run: %s", t.Name, strings.TrimSpace(said.String()))
	}
	return nil
}

// endScript finds the processes of a command as internal/runner/local does (its
// session, its group, its descendants, its mark in the environment), sends TERM,
// waits, sends KILL. Arguments: the login shell's number, the mark, tenths of
// seconds to wait. It needs nothing but a POSIX shell, grep, sleep and /proc.
const endScript = `
p=$1 m=$2 n=$3
[ -r /proc/self/stat ] || { kill -TERM -"$p"; sleep 1; kill -KILL -"$p"; exit 0; }
tree() {
	all=
	for d in /proc/[0-9]*; do
		{ IFS= read -r s <"$d/stat"; } 2>/dev/null || continue
		i=${d#/proc/}; s=${s##*) }; set -- $s
		case $1 in Z|X) continue;; esac
		[ "$i" = "$$" ] || all="$all$i $2 $3 $4
"
	done
	t=" $p "
	[ -z "$m" ] || for f in $(grep -slF -e "$m" /proc/[0-9]*/environ 2>/dev/null); do
		f=${f#/proc/}; t="$t${f%/environ} "
	done
	live= again=1
	while [ $again = 1 ]; do
		again=0 rest=
		while read -r i pp g se; do
			[ -n "$i" ] || continue
			x=
			case $t in *" $i "*) x=1;; *" $pp "*) x=1;; esac
			[ "$g" = "$p" ] || [ "$se" = "$p" ] && x=1
			if [ -n "$x" ]; then t="$t$i " live="$live $i" again=1; else rest="$rest$i $pp $g $se
"; fi
		done <<END
$all
END
		all=$rest
	done
}
tree; [ -z "$live" ] && exit 0
kill -TERM $live 2>/dev/null; kill -CONT $live 2>/dev/null
while [ "$n" -gt 0 ]; do
	sleep 0.1 2>/dev/null || { sleep 1; n=$((n-9)); }
	n=$((n-1)); tree; [ -z "$live" ] && exit 0
done
n=20
while [ "$n" -gt 0 ]; do
	kill -KILL $live 2>/dev/null
	sleep 0.1 2>/dev/null || { sleep 1; n=$((n-9)); }
	n=$((n-1)); tree; [ -z "$live" ] && exit 0
done
echo "left:$live" >&2
exit 1
`
