#!/bin/sh
# traceroute.sh HOST [HOPS] [QUERIES]
if ! command -v traceroute >/dev/null; then
	echo "traceroute is not installed" >&2
	exit 2
fi
exec traceroute -m "${2:-30}" -q "${3:-3}" "$1"
