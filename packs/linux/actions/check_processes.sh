#!/bin/sh
# check_processes.sh state|name|pid CRITERIA [pidlist]: the processes of a state, with
# a command line that matches a regular expression, or of a number, as a JSON object
# of command lines. With pidlist, their numbers are written to standard error too.
search=$1 criteria=$2
list=
for arg in "$@"; do [ "$arg" != pidlist ] || list=1; done
[ -n "$criteria" ] || { echo "no criteria" >&2; exit 2; }

group() { set -- $1; group=$3; } # of what follows the name in /proc/PID/stat
{ IFS= read -r stat </proc/$$/stat; } && group "${stat##*) }"
own=$group

processes() {
	for d in /proc/[0-9]*; do
		{ IFS= read -r stat <"$d/stat"; } 2>/dev/null || continue
		pid=${d#/proc/} rest=${stat##*) }
		state=${rest%% *}
		# Not ourselves: our own command line holds the criteria.
		group "$rest"
		[ "$group" != "$own" ] && [ "$pid" != $PPID ] || continue
		case $search in
		state) [ "$state" = "$criteria" ] || continue ;;
		pid) [ "$pid" = "$criteria" ] || continue ;;
		esac
		printf '%s %s\n' "$pid" "$({ tr '\000-\037' ' ' <"$d/cmdline"; } 2>/dev/null)"
	done
}

# The expression goes through the environment, where awk takes it as it is.
found=$(processes | CRITERIA=$criteria SEARCH=$search awk '{
	line = substr($0, length($1) + 2); sub(/ +$/, "", line)
	if (ENVIRON["SEARCH"] != "name" || line ~ ENVIRON["CRITERIA"]) print $1 " " line
}' | sed 's/[\\"]/\\&/g; s/^\([0-9]*\) \(.*\)/"\1": "\2"/; $!s/$/,/' | tr '\n' ' ')
found=${found% }
printf '%s\n' "{$found}"
if [ -n "$list" ]; then
	printf '%s\n' "{$found}" | grep -o '"[0-9]*": "' | tr -d '": ' | tr '\n' ' ' >&2
fi
exit 0
