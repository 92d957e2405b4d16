"""How much of one peer may be under way in the hub before no more of it is read. Pure."""

from __future__ import annotations

_MOST_UNDER_WAY = 1024 * 1024  # weight; see Session


class Room:
    """`under_way` is the weight of what waits for the disk; `writable` whether the peer takes its answers.

    `resting`: it was faster than it may be, and is not read for a while.
    """

    __slots__ = ("resting", "under_way", "writable")

    def __init__(self) -> None:
        self.under_way = 0
        self.writable, self.resting = True, False

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be read, however much room there is for all peers together."""
        return not self.writable or self.resting or self.under_way > _MOST_UNDER_WAY

    @property
    def awaits_the_hub(self) -> bool:
        """Whether it is the hub that keeps the peer waiting."""
        return self.under_way > 0 or self.resting
