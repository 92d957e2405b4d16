"""What is under way to the hub, and up to where everything has arrived. Pure.

Acknowledgements may come in any order; the mark may only move over an unbroken run of
them. Whatever is in here when a connection goes is forgotten and sent again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pi_auto.wire.ids import Position

WINDOW = 20  # messages


@dataclass(slots=True)
class _Message:
    position: Position
    token: int
    sent_at: float
    arrived: bool = False


class Window:
    """At most `size` messages under way, in the order they were sent. Tokens are what acknowledgements bear."""

    def __init__(self, size: int = WINDOW) -> None:
        self._size = size
        self._under_way: deque[_Message] = deque()
        self.last: Position | None = None

    @property
    def room(self) -> int:
        """How many more may be sent."""
        return max(0, self._size - len(self._under_way))

    @property
    def waiting_since(self) -> float | None:
        """When the oldest message under way was sent."""
        return self._under_way[0].sent_at if self._under_way else None

    @property
    def oldest(self) -> Position | None:
        """The first of those under way."""
        return self._under_way[0].position if self._under_way else None

    def sent(self, position: Position, token: int, now: float) -> None:
        """A message is under way."""
        self.last = position
        self._under_way.append(_Message(position, token, now))

    def skipped(self, position: Position) -> None:
        """An item has been dealt with otherwise: nothing is under way for it."""
        self.last = position
        self._under_way.append(_Message(position, 0, 0.0, arrived=True))

    def acknowledged(self, token: int) -> None:
        """A message has arrived. A token that nothing waits for means nothing."""
        for message in self._under_way:
            if message.token == token and not message.arrived:
                message.arrived = True
                return

    def settle(self) -> Position | None:
        """Up to where everything has arrived, if that is farther than at the last call."""
        settled = None
        while self._under_way and self._under_way[0].arrived:
            settled = self._under_way.popleft().position
        return settled
