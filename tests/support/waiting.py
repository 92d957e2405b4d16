"""Waiting for a condition instead of sleeping for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], timeout: float = 60.0, what: str = "") -> T:
    """The first truthy value of `condition`; AssertionError naming `what` after `timeout` seconds without one.

    A condition that is dear to ask is asked less often: waiting is to leave the machine to what is waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"gave up after {timeout} s: {what or condition}")
        time.sleep(min(0.25, max(0.01, 2 * (now - began))))


def over(seconds: float) -> Callable[[], bool]:
    """Whether that long has passed, from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
