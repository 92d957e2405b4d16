"""Waiting for a condition instead of sleeping for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], timeout: float = 10.0, what: str = "") -> T:
    """The first truthy value of `condition`; AssertionError naming `what` after `timeout` seconds without one."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up after {timeout} s: {what or condition}")
        time.sleep(0.01)


def over(seconds: float) -> Callable[[], bool]:
    """Whether that long has passed, from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
