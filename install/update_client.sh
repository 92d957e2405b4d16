#!/bin/sh
# Asks the server for an update now instead of within the hour.
set -eu
exec /usr/local/bin/pi-auto-client check-update "$@"
