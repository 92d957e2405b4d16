"""Which versions run here: of the client, the system, the kernel and Python."""

from __future__ import annotations

import platform
from contextlib import suppress

from pi_auto.version import __version__

_LONGEST = 256  # characters


def versions() -> dict[str, str]:
    """By name; the system is left out where /etc/os-release does not name it."""
    found = {"client": __version__, "kernel": platform.release(), "python": platform.python_version()}
    with suppress(OSError, KeyError, ValueError):  # the last of a file that is no UTF-8
        found["os"] = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {name: value[:_LONGEST] for name, value in found.items()}
