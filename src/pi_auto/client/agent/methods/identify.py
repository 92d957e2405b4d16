"""`identify`: the device shows which one it is, by its own LED, and by a buzzer where it has one.

Lamps are capture's. The agent tells on its bulletin until when (CLOCK_BOOTTIME, to a second), and rings;
whatever more it might tell means nothing. Being told again and again moves the end of it and no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.client.agent.telling import Telling
from pi_auto.client.bulletin import posts_in
from pi_auto.client.clock import boottime_ns
from pi_auto.wire.methods import DONE, NOT_NOW, Answer, refusal

_SECOND = 10**9
_AWAY = "scanners and lamps are not served now: pi-auto-capture does not run"
_DARK = "this device has no lamp to show it with; see the settings led and signal_gpio"


def identify(capture: Path, telling: Telling) -> Callable[[dict[str, Any]], Answer]:
    """The method; `capture` is that program's folder, where it tells which lamps it has."""

    def method(values: dict[str, Any]) -> Answer:
        post = posts_in(capture).get("signals")
        if post is None:
            return refusal(NOT_NOW, _AWAY)
        if not (isinstance(post.news, dict) and post.news.get("identifies")):
            return refusal(NOT_NOW, _DARK)
        telling.identify(math.ceil(boottime_ns() / _SECOND) + values["seconds"])
        return Answer(DONE, values)

    return method
