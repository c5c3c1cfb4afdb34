#!/bin/sh
trap 'echo "stopped at step $i, cleaning up" >&2; exit 1' TERM
i=0
while [ "$i" -lt "$1" ]; do
    i=$((i + 1))
    echo "step $i of $1"
    # In the background, so that the trap runs at once and not after the pause.
    sleep "$2" &
    wait $!
done
echo "done"
