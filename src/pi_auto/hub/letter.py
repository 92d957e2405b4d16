"""A cloud-to-device message as a session sends it."""

from __future__ import annotations

from typing import NamedTuple


class Letter(NamedTuple):
    """A stored message on its way; `again` if it was sent before."""

    packet_id: int
    bag: str
    body: bytes
    again: bool
