"""Says a complaint once, and how often it came again only when it is due to be said again.

A device that is refused every second gets one line per cause and quarter of an hour; a
stranger that floods the port with ever new names gets a hundred a minute at most.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict

logger = logging.getLogger("pi_auto.hub")

_QUIET = 900.0  # seconds
_MOST_CAUSES = 1024  # remembered; the oldest makes room
_MOST_LINES = 100  # a minute
_VARIABLE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\d+""")


class Complaints:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._minute, self._lines = 0, 0

    def say(self, subject: str, cause: str, detail: str = "") -> None:
        """Log a cause about a subject (a device, an address) unless it was said a short while ago.

        Neither numbers and quoted words in the cause nor `detail` make another cause: a stranger's nonsense is
        always new.
        """
        key = (subject, _VARIABLE.sub("", cause))
        now = time.monotonic()
        since, again = self._said.get(key, (now - _QUIET, 0))
        if now - since < _QUIET or not self._line_left(now):
            self._note(key, since, again + 1)
            return
        told = f"{cause}: {detail}" if detail else cause
        logger.warning("%s: %s%s", subject, told, f" (and {again} times before)" if again else "")
        self._note(key, now, 0)

    def _note(self, key: tuple[str, str], since: float, again: int) -> None:
        self._said[key] = (since, again)
        self._said.move_to_end(key)
        if len(self._said) > _MOST_CAUSES:
            self._said.popitem(last=False)

    def _line_left(self, now: float) -> bool:
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += 1
        if self._lines == _MOST_LINES:
            logger.warning("more complaints than fit into a log; the rest of this minute's are counted only")
        return self._lines < _MOST_LINES
