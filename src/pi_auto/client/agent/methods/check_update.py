"""`check_update`: the registrar asks the server for an update now instead of within the hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pi_auto.wire.methods import DONE, Answer


def check_update(wake: Callable[[], None]) -> Callable[[dict[str, Any]], Answer]:
    """The method; `wake` has the registrar ask, which tells of the outcome on its bulletin and in the log."""

    def method(_values: dict[str, Any]) -> Answer:
        wake()
        return Answer(DONE, {"asked": True})

    return method
