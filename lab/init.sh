#!/bin/sh
# PID 1 of a lab: it mounts what only the lab may see, holds the lab's lock (taken by phx, on fd 4), reaps, and ends the lab
# when its phx is gone.
# fd 3: read end of a pipe from phx (a byte hands the lab over, end of file before it ends the lab).
set -eu
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mkdir -p /run/netns /run/phx
echo ready
exec >/dev/null 2>&1
# While the shell waits for a child of its own it reaps the servers' orphans too; reading by itself it would not.
head -c 1 <&3 | grep -q K || exit 0
exec 3<&-
while :; do sleep 1000000; done
