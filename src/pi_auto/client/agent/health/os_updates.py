"""Whether security updates of the system come by themselves, when they last came, if a reboot is due."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.wire.times import format_time

_PROGRAM = "usr/bin/unattended-upgrade"
_STAMP = "var/lib/apt/periodic/unattended-upgrades-stamp"  # touched by each run
_REBOOT = "run/reboot-required"


def os_updates(root: Path = Path("/")) -> dict[str, Any]:
    """`on`, `reboot` (asked for), and when they `last` came, where that is known."""
    told: dict[str, Any] = {"on": (root / _PROGRAM).exists(), "reboot": (root / _REBOOT).exists()}
    with suppress(OSError, OverflowError, ValueError):
        told["last"] = format_time(datetime.fromtimestamp((root / _STAMP).stat().st_mtime, UTC))
    return told
