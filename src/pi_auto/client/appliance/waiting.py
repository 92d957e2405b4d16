"""Waits for what services do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK = 0.5  # seconds


def comes_true(condition: Callable[[], bool], patience: float) -> bool:
    """Whether it does within so many seconds; it is looked at again and again."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
