"""What a virtual Pi's journal says, as it arrives on this side: read here at once, without asking the guest.

What stands in it was written in the guest before: it is there even if the power went right afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `at` is seconds since its boot, `unit` whom it is about."""

    boot: str
    at: float
    unit: str
    text: str


class Journal:
    """The lines so far, of all boots, in the order they came."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._seen: set[str] = set()
        self._entries: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """All lines."""
        self._catch_up()
        return self._entries

    def mark(self) -> int:
        """A place to look from later: everything so far lies before it."""
        return len(self.entries)

    def since(self, mark: int, *, unit: str = "", text: str = "") -> list[Entry]:
        """The lines after a mark that are about `unit` and hold `text`."""
        return [each for each in self.entries[mark:] if unit in each.unit and text in each.text]

    def wait_for(self, text: str, mark: int = 0, *, unit: str = "", timeout: float = 30.0) -> Entry:
        """The first such line after a mark."""
        return wait_until(
            lambda: next(iter(self.since(mark, unit=unit, text=text)), None),
            timeout, f"the journal says {text!r}{f' of {unit}' if unit else ''}",
        )  # fmt: skip

    def wait_until(self, condition: Callable[[list[Entry]], bool], mark: int, timeout: float, what: str) -> None:
        """Until the lines after a mark are as wanted."""
        wait_until(lambda: condition(self.since(mark)), timeout, what)

    def _catch_up(self) -> None:
        for line in self._new_lines():
            entry = _entry(line)
            # The follower begins anew when it is started again within a boot.
            if entry and line["__CURSOR"] not in self._seen:
                self._seen.add(line["__CURSOR"])
                self._entries.append(entry)

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.splitlines():
            try:
                yield json.loads(line[line.index(b"{") :])
            except ValueError:  # the power went in the middle of it
                continue


def _entry(line: dict[str, Any]) -> Entry | None:
    message = line.get("MESSAGE")
    if isinstance(message, list):  # bytes that are no text
        message = bytes(message).decode("utf-8", "replace")
    if not isinstance(message, str) or "_BOOT_ID" not in line or "__CURSOR" not in line:
        return None
    # When it was said, not when the journal got to it: the kernel tells.
    told = line.get("_SOURCE_MONOTONIC_TIMESTAMP", line["__MONOTONIC_TIMESTAMP"])
    unit = line.get("UNIT") or line.get("_SYSTEMD_UNIT") or line.get("_TRANSPORT", "")
    return Entry(line["_BOOT_ID"], int(told) / 1e6, unit, message)
