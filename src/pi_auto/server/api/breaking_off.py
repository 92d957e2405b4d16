"""Keeps an answer that fails after it has begun from looking whole to its reader.

Its status is out, and its length was never told. Granian ends such an answer as it ends a good one, so that an
export of half the scans would pass for all of them. Where nothing more is said instead, the connection is cut as
stalled (stalled.py), and the reader is told by its own HTTP library that the rest is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from pi_auto.server.stalled import MOST_SILENCE

_LOOK = 0.5  # seconds
_MOST = 5 * MOST_SILENCE  # seconds, in which also a slow reader has taken what was sent before
_log = logging.getLogger(__name__)


def whole_or_cut(body: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of an answer; where one cannot be had, empty ones until the connection is cut."""
    try:
        yield from body
    except Exception:
        _log.exception("an answer broke off after it had begun; its connection is cut")
        for _ in range(int(_MOST / _LOOK)):
            time.sleep(_LOOK)
            yield b""  # sends nothing, and is how granian notices that nobody listens any more
        raise  # to another server than ours, which cuts nothing
