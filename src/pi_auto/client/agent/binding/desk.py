"""Takes in binding codes while this device is nobody's: from capture, or from a person by a command.

A datagram socket in the agent's folder, so that nothing of the agent listens for connections. What a code says is
in no log, and what came of it is one word in a file.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pi_auto.client.binding.door import MOST_CODE, tell
from pi_auto.client.binding.likeness import plain
from pi_auto.client.binding.outcomes import SENTENCES, Outcome
from pi_auto.client.binding.places import DOOR
from pi_auto.client.spool.doorbell import short_name
from pi_auto.wire.binding import BindingCode
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import UUID_FORM

log = logging.getLogger("pi_auto.registration")

MOST, WINDOW = 6, 60.0  # codes within so many seconds


class Desk:
    """In `folder`, the agent's; `bind` does what a code says."""

    def __init__(self, folder: Path, bind: Callable[[BindingCode], Outcome]) -> None:
        self._folder, self._bind = folder, bind
        self._taken: deque[float] = deque(maxlen=MOST)
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, name="binding", daemon=True)
        self._socket = _bound(folder / DOOR)
        self._thread.start()

    def close(self) -> None:
        """Take in no more; a code that is being followed is left to the process's end."""
        (self._folder / DOOR).unlink(missing_ok=True)
        os.eventfd_write(self._end, 1)
        self._thread.join(1.0)  # so that the word of what came of it is told

    def _serve(self) -> None:
        with closing(self._socket):
            while True:
                ready, _, _ = select.select([self._socket.fileno(), self._end], [], [])
                if self._end in ready:
                    return
                self._take(self._socket.recv(MOST_CODE + 1))

    def _take(self, octets: bytes) -> None:
        attempt, _, text = octets.decode("utf-8", "replace").partition(" ")
        if not UUID_FORM.match(attempt):
            return
        self._tell(attempt, Outcome.TRYING)
        outcome = self._judge(text)
        log.log(
            logging.INFO if outcome is Outcome.BOUND else logging.WARNING,
            "a fleet's code was given: %s", SENTENCES[outcome],
        )  # fmt: skip
        self._tell(attempt, outcome)

    def _judge(self, text: str) -> Outcome:
        now = time.monotonic()
        if len(self._taken) == MOST and now - self._taken[0] < WINDOW:
            return Outcome.TOO_OFTEN
        self._taken.append(now)
        try:
            return self._bind(BindingCode.parse(plain(text)))
        except FieldError:
            return Outcome.MISREAD
        except Exception:
            log.exception("following a fleet's code has failed")
            return Outcome.FAILED

    def _tell(self, attempt: str, outcome: Outcome) -> None:
        try:
            tell(self._folder, attempt, outcome)
        except OSError as error:
            log.warning("what came of a code cannot be told: %s", error.strerror)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with short_name(path) as name:
        made.bind(name)
    return made
