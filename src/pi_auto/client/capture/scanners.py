"""Which scanner is meant: reads the setting."""

from __future__ import annotations

import stat
from pathlib import Path

from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.frozen import frozen

_AUTO, _REPLAY = "auto", "replay:"


@frozen
class Choice:
    """What a setting names: every scanner there is (neither path), one device, or a recording."""

    device: Path | None = None
    recording: Path | None = None


def choose(spec: str) -> Choice:
    """What `auto`, a device path or `replay:FILE` means. CaptureRefused if it can never be a scanner."""
    if spec == _AUTO:
        return Choice()
    if spec.startswith(_REPLAY) and spec != _REPLAY:
        return Choice(recording=Path(spec.removeprefix(_REPLAY)))
    path = Path(spec)
    try:
        there = path.exists()
        readable = there and _can_be_read(path)
    except OSError as error:  # its folder is not for this user, or its name is none
        raise CaptureRefused(
            f"scanner is {spec!r}, which cannot be looked at ({error.strerror}); "
            "allowed: auto, an existing device or its full path, replay:FILE"
        ) from None
    if not path.is_absolute() and not there:
        raise CaptureRefused(
            f"scanner is {spec!r}; allowed: auto, an existing device or its full path, replay:FILE"
        )
    if there and not readable:
        raise CaptureRefused(
            f"scanner is {spec!r}, which is no device; "
            "allowed: auto, /dev/input/event0, /dev/hidraw0, /dev/ttyACM0 and such, a FIFO, replay:FILE"
        )
    return Choice(device=path)


def _can_be_read(path: Path) -> bool:
    mode = path.stat().st_mode
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
