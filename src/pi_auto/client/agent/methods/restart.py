"""`restart`: the agent ends itself, and its supervisor starts it anew from what is on disk.

It ends a moment later, so that the answer goes out first; if that is lost, it was done all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pi_auto.wire.methods import DONE, Answer

SOON = 1.0  # seconds: the answer has left by then


def restart(stop: Callable[[], None], soon: float = SOON) -> Callable[[dict[str, Any]], Answer]:
    """The method; `stop` ends the agent cleanly."""

    def method(_values: dict[str, Any]) -> Answer:
        timer = threading.Timer(soon, stop)
        timer.daemon = True
        timer.start()
        return Answer(DONE, {"within_seconds": soon})

    return method
