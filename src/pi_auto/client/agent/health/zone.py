"""Where this device's clock is said to be: the time zone by which its maintenance window opens."""

from __future__ import annotations

from pathlib import Path

_LINK = "etc/localtime"  # into the zones, by the name that counts (localtime(5))
_ZONES = "zoneinfo/"


def time_zone(root: Path = Path("/")) -> str | None:
    """As IANA names it, such as Europe/Rome; None where nobody has set one."""
    try:
        target = str((root / _LINK).readlink())
    except (OSError, ValueError):
        return None
    return target.rpartition(_ZONES)[2] or None if _ZONES in target else None
