package ssh

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// endLimit bounds the ending of a command on a host, connection included.
const endLimit = 10 * time.Second

// end ends all processes of a command: in a session of its own, for the one it
// runs in is of no use for that. Signals of the SSH protocol reach only the
// shell's process group, and nothing that sudo started. script is endScript, with
// something before it perhaps; whose is its first argument.
func (p *Pool) end(ctx context.Context, t *Target, c Command, script, whose string) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	if n, err := strconv.Atoi(whose); script == endScript && (err != nil || n < 2) {
		return fmt.Errorf("end the command on %s: the shell's process number %q is none", t.Name, whose)
	}
	grace := c.Grace
	if grace == 0 {
		grace = 3 * time.Second
	}
	sudo, input := "", ""
	if c.Sudo {
		sudo = "sudo -n -- "
		if c.Password != "" {
			sudo, input = "sudo -S -- ", c.Password+"\n"
		}
	}
	said := &head{limit: 4096}
	code, err := p.script(ctx, t, sudo, &input, script, io.Discard, said, whose, c.Mark, strconv.Itoa(int(grace/(100*time.Millisecond))))
	switch {
	case err != nil:
		return fmt.Errorf("end the command on %s: %w", t.Name, err)
	case code != 0:
		return fmt.Errorf("end the command on %s: %w: %s", t.Name, endError(code), strings.TrimSpace(string(said.text)))
	}
	return nil
}

// endError is the exit code of an ending that came to nothing.
type endError int

func (endError) Error() string { return "some of its processes may still run" }

// head is a writer that keeps the beginning.
type head struct {
	limit int
	text  []byte
}

// Write implements io.Writer.
func (h *head) Write(b []byte) (int, error) {
	h.text = append(h.text, b[:min(len(b), h.limit-len(h.text))]...)
	return len(b), nil
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
