#!/bin/sh
# Asks the server for an update now instead of within the hour. As root, --rollback goes back to the release before.
set -eu
if [ "${1:-}" = --rollback ]; then
    exec /usr/local/bin/pi-auto-client rollback
fi
exec /usr/local/bin/pi-auto-client check-update "$@"
