"""Until when somebody looks for this device, as the agent's bulletin tells it. Whatever else it tells means no."""

from __future__ import annotations

import math
import time
from pathlib import Path

from pi_auto.client.bulletin import MOST_FOR_CAPTURE, posts_in
from pi_auto.client.clock import boottime_ns

TOPIC = "identify"
_LONGEST = 300.0  # seconds from now, whatever is told


def wanted_until(agent: Path) -> float:
    """A moment of time.monotonic; `agent` is that program's folder. Never fails."""
    try:
        post = posts_in(agent, MOST_FOR_CAPTURE).get(TOPIC)
        left = float(post.news["until"]) - boottime_ns() / 1e9 if post else 0.0
    except (OSError, KeyError, TypeError, ValueError, OverflowError):
        left = 0.0
    return time.monotonic() + min(left, _LONGEST) if math.isfinite(left) and left > 0 else -math.inf
