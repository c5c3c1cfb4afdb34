#!/bin/sh
# Named arguments come before positional ones.
loud=no
if [ "$1" = --loud ]; then
    loud=yes
    shift
fi
text="Hello, $1!"
[ "$loud" = yes ] && text=$(printf '%s' "$text" | tr '[:lower:]' '[:upper:]')
i=0
while [ "$i" -lt "${2:-1}" ]; do
    echo "$text"
    i=$((i + 1))
done
