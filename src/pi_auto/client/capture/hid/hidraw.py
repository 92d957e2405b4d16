"""Opens a raw HID device to listen to it. Source: hidraw(4) of the kernel's documentation.

Nothing is ever written to a device, and no other program is kept from it.
"""

from __future__ import annotations

import os
from pathlib import Path

KEPT = 63  # reports that the kernel keeps for a reader; what comes then it drops, and says nothing
MOST_BYTES = 16_384  # of a report: HID_MAX_BUFFER_SIZE


def open_hidraw(path: Path) -> int:
    """A non-blocking descriptor, of which each read gives one report. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
