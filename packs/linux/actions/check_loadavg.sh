#!/bin/sh
# check_loadavg.sh 1|5|15|all: load averages for each processor, as StackStorm's
# action prints them: one as a number, all as an object of texts.
read -r one five fifteen _ </proc/loadavg || exit 2
cpus=$(grep -c '^processor' /proc/cpuinfo)
exec awk -v one="$one" -v five="$five" -v fifteen="$fifteen" -v cpus="$cpus" -v period="$1" 'BEGIN {
	if (cpus < 1) cpus = 1
	load["1"] = one / cpus; load["5"] = five / cpus; load["15"] = fifteen / cpus
	if (period in load) printf "%.6g\n", load[period]
	else printf "{\"1\": \"%.6g\", \"5\": \"%.6g\", \"15\": \"%.6g\"}\n", load["1"], load["5"], load["15"]
}'
