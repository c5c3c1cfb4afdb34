#!/bin/sh
# service.sh ACT SERVICE: with systemd where it runs, with service(8) elsewhere.
if [ -d /run/systemd/system ]; then
	exec systemctl "$1" "$2"
fi
exec service "$2" "$1"
