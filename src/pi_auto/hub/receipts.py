"""The PUBACKs that a connection still owes, given in the order in which the messages came.

A twin request may be done before the telemetry that came first; MQTT wants the
acknowledgements in order all the same [MQTT-4.6.0-2].
"""

from __future__ import annotations

from collections import deque

from pi_auto.hub.mqtt.packets import puback


class Receipt:
    """One message of QoS 1 that is being dealt with, or several in a row that are done together."""

    __slots__ = ("done", "pubacks")

    def __init__(self, packet_id: int) -> None:
        self.pubacks, self.done = puback(packet_id), False

    def add(self, packet_id: int) -> None:
        """The message came right after those of the receipt, and shares their fate."""
        self.pubacks += puback(packet_id)


class Receipts:
    """All messages of QoS 1 of one connection that are not acknowledged yet."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: deque[Receipt] = deque()

    def owe(self, packet_id: int) -> Receipt:
        """Note a message that came."""
        receipt = Receipt(packet_id)
        self._open.append(receipt)
        return receipt

    def settle(self, receipt: Receipt) -> bytes:
        """The message is dealt with: the PUBACKs that may go now, none while an earlier one is open."""
        receipt.done = True
        due: list[bytes] = []
        while self._open and self._open[0].done:
            due.append(self._open.popleft().pubacks)
        return b"".join(due)
