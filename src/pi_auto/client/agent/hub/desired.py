"""What the fleet wants this device to be: the desired properties of its twin. Pure; times are time.monotonic.

After connecting the whole of them is asked for, then patches come by themselves. A patch whose
version does not follow the last one known shows that another was missed: the whole is asked for again.
Nothing in them is believed here; who uses a part reads it with care.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from pi_auto.client.agent.hub.wishes import Wishes
from pi_auto.wire.twin import Section, merged

_AGAIN = 30.0  # seconds until the next try after a missing answer or a no
_OK = 200
_MOST = 64 * 1024  # bytes; IoT Hub: a section has at most 32 KiB
_MOST_DEPTH = 32  # IoT Hub: ten


class Desired:
    """The desired properties on one connection; `wanted` is told all of them whenever they have changed.

    `wishes` are those that concern the agent itself.
    """

    def __init__(self, wanted: Callable[[Section], None]) -> None:
        self._wanted = wanted
        self.wishes = Wishes()
        self._section: Section = {}
        self._version: int | None = None
        self._next = 0.0
        self._awaited: str | None = None
        self._count = 0

    @property
    def next_at(self) -> float | None:
        """When to ask; None while nothing is to be asked."""
        return self._next if self._version is None else None

    def due(self, now: float) -> bool:
        """Whether it is time to ask for the whole."""
        return self._version is None and now >= self._next

    def asked(self, now: float) -> str:
        """It is asked for now; the request id that the question must bear."""
        self._count += 1
        self._awaited, self._next = f"twin-{self._count}", now + _AGAIN
        return self._awaited

    def answered(self, status: int, request_id: str, body: bytes) -> bool:
        """Take the hub's answer; whether it is the one waited for."""
        if request_id != self._awaited:
            return False
        self._awaited = None
        twin = _read(body) if status == _OK else {}
        section = twin.get("desired")
        if isinstance(section, dict):
            self._section, self._version = {}, _version_of(section)
            self._take(section)
        return True

    def patched(self, body: bytes) -> None:
        """Take a patch that came by itself."""
        patch = _read(body)
        version = _version_of(patch)
        if self._version is None or version is None:
            return  # the whole is on its way, and newer
        if version <= self._version:
            return  # a patch that the whole has brought already
        follows = version == self._version + 1
        self._version = version if follows else None
        if follows:
            self._take(patch)

    def _take(self, patch: Section) -> None:
        self._section = merged(self._section, patch)
        desired = {name: value for name, value in self._section.items() if not name.startswith("$")}
        self.wishes.take(desired, self._version or 0)
        self._wanted(desired)


def _version_of(section: Section) -> int | None:
    version = section.get("$version")
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _read(body: bytes) -> Section:
    """A JSON object; an empty one if it is none, or a tower of them, which a hub does not send."""
    try:
        value = json.loads(body) if len(body) <= 2 * _MOST else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and not _is_tower(value) else {}


def _is_tower(value: object) -> bool:
    """Whether it is nested so deeply that whoever goes down into it may not come back."""
    floor = [value]
    for _ in range(_MOST_DEPTH):
        rooms = [
            each.values() if isinstance(each, dict) else each for each in floor if isinstance(each, (dict, list))
        ]
        floor = [each for room in rooms for each in room]
    return bool(floor)
