"""From which addresses somebody has proved lately who they are: a device by its token, an operator as well.

Nothing is let in by that. It is who goes first, when not everybody can stay (crowding.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

PROVED = "pi_auto.proved"  # in a request's environ: its sender has shown what is good
_LASTS = 900.0  # seconds
_MOST = 50_000  # addresses, some 10 MB


class Proven:
    """Addresses, each with when that was last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: dict[str, float] = {}

    def note(self, address: str) -> None:
        """Somebody there has just proved who they are. The oldest make room."""
        self._at.pop(address, None)
        self._at[address] = self._clock()
        while len(self._at) > _MOST:
            self._at.pop(next(iter(self._at)), None)

    def addresses(self) -> list[str]:
        """Those of the last quarter of an hour."""
        since = self._clock() - _LASTS
        return [address for address, at in list(self._at.items()) if at >= since]
