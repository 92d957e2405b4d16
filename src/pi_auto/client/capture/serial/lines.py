"""Decide where in the bytes of a serial line a code ends: CR, LF, CRLF, Tab, ETX or none.

What a scanner's bytes end with before it goes quiet is its ending; from then on that alone ends
its codes, and all else is data: driving licences hold line feeds. Until it is known, and where there is
none, silence ends a code. Where it is known and does not come, the code is waited for, and then lost: what
is there may be a part. Three in a row without it, and the scanner has been set to another. A code is exact
or it is lost. No device and no clock here.
"""

from __future__ import annotations

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.guarding import GUARD, OPENED_LATE
from pi_auto.client.capture.octets import as_text
from pi_auto.client.capture.unfinished import LONGER_PAUSE, Unfinished
from pi_auto.typed import Any
from pi_auto.wire.scan import MOST_BYTES

PAUSE = 100_000_000  # ns of silence that end a code; at 9600 baud a character takes 1 ms
_CRLF, _CR, _LF, _ETX, _STX = b"\r\n", b"\r", b"\n", b"\x03", b"\x02"
_ENDINGS = {_CRLF: "CRLF", _CR: "CR", _LF: "LF", _ETX: "ETX", b"\t": "Tab"}
_TOO_LATE = "its bytes were read too late to tell whether they are one code or two"
_TOO_LONG = f"the code is longer than {MOST_BYTES} bytes"


class LineDecoder:
    """The bytes of one scanner since it was opened at `opened_at` (ns; None: from its very first)."""

    def __init__(self, *, opened_at: int | None = None) -> None:
        self._guarded_until = None if opened_at is None else opened_at + GUARD
        self._open = bytearray()
        self._ending = b""  # not known, or none
        self._last = 0
        self._discarding = False  # until the end of a code that is lost already
        self._unfinished = Unfinished()

    def feed(self, part: Octets | Gap) -> list[Outcome]:
        """What bytes bring to light, in order.

        They have the time at which they were read, by which alone no silence is judged: they may have waited.
        """
        is_late = part.time - self._last >= self._pause()
        self._last = part.time
        if isinstance(part, Gap):
            return self._lose(part.reason, part.time)
        outcomes = self._pass_guard(part.time)
        if self._open and is_late and not self._ending and not self._discarding:
            outcomes += self._lose(_TOO_LATE, part.time)
        self._unfinished.go_on()
        self._open += part.octets
        outcomes += self._cut()
        if len(self._open) > MOST_BYTES + len(_CRLF):
            outcomes += [] if self._discarding else [Lost(_TOO_LONG, part.time)]
            self._discard()
        return outcomes

    def overdue_at(self) -> int | None:
        """When silence will have ended the open code, or what is passed over; None if nothing is open."""
        if not (self._open or self._discarding):
            return None
        return self._last + self._unfinished.pause(self._pause())

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open, and nothing passed over."""
        return self.overdue_at() is None

    def memory(self) -> dict[str, Any]:
        """What must be known of this scanner to read on from here, at rest: plain data."""
        return {"ending": self._ending.hex(), "last": self._last, "unfinished": self._unfinished.memory()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Read on from where another process has stopped."""
        self._ending, self._last = bytes.fromhex(memory["ending"]), memory["last"]
        self._unfinished.recall(memory["unfinished"])
        self._guarded_until = None

    def guard(self, opened_at: int) -> None:
        """Somebody else has read since then, and may have begun a code."""
        self._guarded_until = opened_at + GUARD

    def close_overdue(self, now: int) -> list[Outcome]:
        """The codes that silence has ended by `now`, and the loss of one that was waited for in vain."""
        silence = now - self._last
        if silence < self._pause():
            return []
        if not self._lacks_its_ending():
            return self._settle()
        if self._unfinished.is_habit():
            return self._believe_silence()
        return self._give_up() if self._unfinished.is_given_up(silence) else []

    def finish(self) -> list[Outcome]:
        """The open code, or its loss, if there is one, when it is known that no more bytes will come."""
        return self._give_up() if self._lacks_its_ending() else self._settle()

    def cut_off(self, reason: str, time: int) -> list[Outcome]:
        """The loss of the open code, if there is one, when its bytes stop coming before its end."""
        is_open = bool(self._open) and not self._discarding
        self._open.clear()
        self._unfinished.over()
        return [Lost(reason, time)] if is_open else []

    def _lacks_its_ending(self) -> bool:
        """Whether there is a code open of a scanner that ends them otherwise than by silence.

        CR alone where CRLF was known is an ending as well: of the code nothing can be missing.
        """
        if not self._ending or not self._open or self._discarding:
            return False
        return not (self._ending == _CRLF and self._open.endswith(_CR))

    def _believe_silence(self) -> list[Outcome]:
        """It has another ending now, or none. What is open is a code, unless it came with silence in it."""
        if self._unfinished.is_joined:
            outcomes = self._give_up()
            self._ending = b""
        else:
            outcomes = self._settle()
        self._unfinished.ended()
        return outcomes

    def _give_up(self) -> list[Outcome]:
        self._open.clear()
        self._unfinished.over()
        return [
            Lost(
                f"{_ENDINGS[self._ending]}, which ends its codes, has not come: some of it may be missing",
                self._last,
            )
        ]

    def _pause(self) -> int:
        return LONGER_PAUSE if self._ending else PAUSE

    def _pass_guard(self, time: int) -> list[Outcome]:
        guarded_until, self._guarded_until = self._guarded_until, None
        return self._lose(OPENED_LATE, time) if guarded_until is not None and time < guarded_until else []

    def _lose(self, reason: str, time: int) -> list[Outcome]:
        self._open.clear()
        self._unfinished.over()
        self._discarding = True
        return [Lost(reason, time)]

    def _discard(self) -> None:
        """Forget what is open, but for what may be the beginning of an ending."""
        self._discarding = True
        del self._open[: -len(_CRLF)]

    def _cut(self) -> list[Outcome]:
        """The codes that their ending has ended."""
        self._know_crlf()
        if not self._ending:
            return []
        *whole, rest = bytes(self._open).split(self._ending)
        self._open[:] = rest
        if whole:
            self._unfinished.ended()
        self._know_crlf()
        if whole and self._discarding:
            self._discarding = False
            del whole[0]
        return self._codes(whole)

    def _know_crlf(self) -> None:
        """A line feed behind what ends by CR, or a CR before what ends by LF: the scanner was set to CRLF."""
        if self._ending == _CR and (self._open.startswith(_LF) or _CRLF in self._open):
            self._ending = _CRLF
            self._open[:] = self._open.removeprefix(_LF)
        elif self._ending == _LF and _CRLF in self._open:
            self._ending = _CRLF

    def _settle(self) -> list[Outcome]:
        """The codes in what came before a silence, which also shows what they end with."""
        self._know_crlf()
        waiting, discarding = bytes(self._open), self._discarding
        self._open.clear()
        self._unfinished.over()
        self._discarding = False
        if not waiting:
            return []
        ending = next((each for each in _ENDINGS if waiting.endswith(each)), b"")
        if ending or not discarding:  # of a code that was dropped not all is here
            self._ending = ending
        codes = waiting.removesuffix(ending).split(ending) if ending else [waiting]
        return self._codes(codes[discarding:])

    def _codes(self, found: list[bytes]) -> list[Outcome]:
        if self._ending == _ETX:
            found = [each.removeprefix(_STX) for each in found]
        return [
            Code(as_text(each), each, self._last) if len(each) <= MOST_BYTES else Lost(_TOO_LONG, self._last)
            for each in found
            if each
        ]
