"""Keeps codes with secrets away from all that stores, logs or sends: the first to see what one node has read.

They join a Wi-Fi, or bind the device to a fleet. Outcomes of a decoder go in, in order; scans and losses come out,
and the text of such a code beside them. One that came in pieces goes on in what is read soon after: those pieces
are dropped and told as lost, since each may hold a part of the secret. Pure.
"""

from __future__ import annotations

from pi_auto.client.binding import likeness as binding
from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.wifi.likeness import is_whole, is_wifi, may_be_a_tail
from pi_auto.frozen import frozen

LOST = "a Wi-Fi or fleet code could not be read whole"
REST = "it came just after a Wi-Fi or fleet code that was not whole, and may be the rest of that"
_SOON = 3_000_000_000  # ns from the end of a piece to that of the next


@frozen
class WifiCode:
    """A Wi-Fi code as it was read: to be handed on and forgotten. It shows its text to nobody by accident."""

    text: str

    def __repr__(self) -> str:
        return "WifiCode(…)"


@frozen
class FleetCode:
    """A code that binds this device to a fleet, as it was read. The same holds for it."""

    text: str

    def __repr__(self) -> str:
        return "FleetCode(…)"


SecretCode = WifiCode | FleetCode


class Diverter:
    """Of one open node of a scanner."""

    def __init__(self) -> None:
        self._rest_until = self._tail_until = -1  # until when a rest of a secret code, or one of any, may come

    def expects_rest(self, time: int) -> bool:
        """Whether what comes at that time may be the rest of a secret code."""
        return time < self._rest_until

    def memory(self) -> list[int]:
        """Until when a rest of a secret code may come, and one of any."""
        return [self._rest_until, self._tail_until]

    def recall(self, rest_until: int, tail_until: int) -> None:
        """Go on from there."""
        self._rest_until, self._tail_until = rest_until, tail_until

    def divert(self, outcome: Outcome) -> Outcome | SecretCode:
        """What is to become of an outcome: what comes back as a Code is a scan."""
        if isinstance(outcome, Lost):
            self._lost(outcome)
        elif isinstance(outcome, Code):
            return self._judge(outcome)
        return outcome

    def _lost(self, lost: Lost) -> None:
        self._tail_until = lost.time + _SOON
        if lost.reason == LOST:
            self._rest_until = lost.time + _SOON

    def _judge(self, code: Code) -> Outcome | SecretCode:
        if is_wifi(code.text):
            self._rest_until = -1 if is_whole(code.text) else code.time + _SOON
            return WifiCode(code.text)
        if binding.is_binding(code.text):
            self._rest_until = -1 if binding.is_whole(code.text) else code.time + _SOON
            return FleetCode(code.text)
        if code.time < self._rest_until:
            self._rest_until = -1 if is_whole(code.text) else self._rest_until
            return Lost(REST, code.time)
        if code.time < self._tail_until and may_be_a_tail(code.text):
            return Lost(REST, code.time)
        return code
