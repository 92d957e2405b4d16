"""Work that goes on beside the requests for as long as the process lives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def in_background(name: str, target: Callable[..., None], *arguments: Any) -> None:
    """Do it in a thread of that name, which keeps no process from ending."""
    threading.Thread(target=target, args=arguments, name=name, daemon=True).start()
