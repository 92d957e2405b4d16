"""Which device is connected through which session: one each, the newest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pi_auto.hub.letter import Letter


class Line(Protocol):
    """A session, as the rest of the hub sees it. `active_ms` is its last activity, ms since 1970."""

    active_ms: int

    def end(self, *, clean: bool) -> None:
        """Close the connection; not clean means that the device did not ask for it."""

    def tell_desired(self, patch: bytes, version: int) -> None:
        """Hand the device a change of its desired properties, if it wants to hear of them."""

    @property
    def takes_letters(self) -> bool:
        """Whether the device has subscribed to cloud-to-device messages."""

    def tell_letter(self, letter: Letter) -> None:
        """Hand the device such a message, if it has subscribed to them."""

    def call_method(self, name: str, request_id: str, payload: bytes) -> bool:
        """Hand the device a call of a method; whether it takes any and was sent this one."""


class Switchboard:
    """The connected devices."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def enter(self, device_id: str, line: Line) -> None:
        """A device has connected; its older connection, if there is one, is dropped first."""
        older = self._lines.pop(device_id, None)
        if older:
            older.end(clean=False)
        self._lines[device_id] = line

    def leave(self, device_id: str, line: Line) -> None:
        """A connection has ended. A newer one of the same device stays."""
        if self._lines.get(device_id) is line:
            del self._lines[device_id]

    def find(self, device_id: str) -> Line | None:
        """The session of a device that is connected."""
        return self._lines.get(device_id)

    def drop(self, device_id: str) -> None:
        """Close the connection of a device, if it has one: it was disabled or deleted, or its keys changed."""
        line = self._lines.get(device_id)
        if line:
            line.end(clean=False)

    def __iter__(self) -> Iterator[tuple[str, Line]]:
        """All that are connected, and their sessions."""
        return iter(self._lines.items())

    def __len__(self) -> int:
        return len(self._lines)
