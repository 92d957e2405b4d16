"""Somebody who scans at random moments, in bursts and with rests, codes of which no two are the same."""

from __future__ import annotations

import random
import string
import threading

from pi_auto.simulator.scanner import VirtualScanner
from support.chaos.at_work import AtWork

_CHARACTERS = string.ascii_letters + string.digits + " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_MOST = 14  # characters behind the number: the kernel takes such a code into a FIFO whole or not at all
_BURST, _RESTS = 0.004, (0.1, 0.9)  # seconds between two codes
_BURSTS = 0.75  # how probable it is, within a burst, that another code follows


def code(dice: random.Random, number: int) -> str:
    """The code of that number; texts sort as numbers do."""
    rest = "".join(dice.choices(_CHARACTERS, k=dice.randrange(_MOST)))
    return f"C{number:06d}-{rest}|"


class TypingPerson(AtWork):
    """`typed` are the codes so far, in order."""

    def __init__(self, scanner: VirtualScanner, codes: random.Random, pauses: random.Random) -> None:
        super().__init__()
        self._scanner, self._codes, self._pauses = scanner, codes, pauses
        self.typed: list[str] = []
        self._one_at_a_time = threading.Lock()

    def scan(self) -> str:
        """Scan the next code, from any thread; which it was."""
        with self._one_at_a_time:
            text = code(self._codes, len(self.typed))
            self.typed.append(text)
            self._scanner.type_at_once(text)
        return text

    def _work(self) -> None:
        pause, bursting = 0.0, False
        while not self._over.wait(pause):
            self.scan()
            bursting = self._pauses.random() < (_BURSTS if bursting else 0.1)
            pause = _BURST if bursting else self._pauses.uniform(*_RESTS)
