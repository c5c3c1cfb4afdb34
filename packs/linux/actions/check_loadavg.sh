#!/bin/sh
# check_loadavg.sh 1|5|15|all: prints JSON, as the result is read by workflows.
read -r one five fifteen _ </proc/loadavg
case $1 in
1) echo "{\"1\": $one}" ;;
5) echo "{\"5\": $five}" ;;
15) echo "{\"15\": $fifteen}" ;;
*) echo "{\"1\": $one, \"5\": $five, \"15\": $fifteen}" ;;
esac
