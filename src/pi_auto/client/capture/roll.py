"""The roll of devices that capture has to do with, and how it is told on the bulletin. For the lookout alone.

On it are the devices that are open (scanners, and keyboards that are not judged yet), a person's
keyboards that were let go of, while they are plugged in, scanners that cannot scan as they are set,
serial lines that may be anything, and what could not be opened and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.finding.census import Census
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.learning.facts import Standing
from pi_auto.client.capture.sources.source import Source
from pi_auto.typed import Any
from pi_auto.wire.fields import Fields
from pi_auto.wire.scan import Scanner

SCANNERS, TROUBLES, RELEASE, SUCCESSION = "scanners", "troubles", "release", "succession"  # topics
SCANNER, UNJUDGED, PERSON = "scanner", "unjudged", "person"  # standings
MUTE, UNKNOWN = "mute", "unknown"


class Roll:
    """Begins empty; `post` tells what stands on it, if that is news."""

    def __init__(self, bulletin: Bulletin) -> None:
        self._bulletin = bulletin
        self._open: dict[Path, Source] = {}
        self._unjudged: dict[Path, Source] = {}
        self._persons: dict[tuple[Path, int], Scanner] = {}
        self._by_setting: set[tuple[Path, int]] = set()  # those of them that are so because somebody says it
        self._troubles: dict[Path, str] = {}
        self._not_opened: list[dict[str, str]] = []

    def __contains__(self, path: object) -> bool:
        """Whether a device is open."""
        return path in self._open

    def __len__(self) -> int:
        """How many devices are open."""
        return len(self._open)

    def opened(self, source: Source) -> None:
        """A device was opened."""
        self._open[source.path] = source
        self._persons.pop(_plugged(source.path), None)
        if not source.known:
            self._unjudged[source.path] = source

    def gone(self, path: Path) -> None:
        """An open device is there no more."""
        self._open.pop(path, None)
        self._unjudged.pop(path, None)

    def judged(self, path: Path, verdict: Verdict) -> Source | None:
        """A keyboard is known for what it is; its source, if it was open and not judged before."""
        source = self._unjudged.pop(path, None)
        if source and verdict is Verdict.PERSON:
            self._open.pop(path, None)
            self._persons[_plugged(path)] = source.scanner
        return source

    def memory(self) -> list[list[Any]]:
        """The persons' keyboards that were let go of, as plain data."""
        return [[str(path), node, scanner.to_json()] for (path, node), scanner in self._persons.items()]

    def recall(self, memory: list[list[Any]]) -> None:
        """Leave those alone that another process has let go of."""
        self._persons |= {
            (Path(path), node): Scanner.from_fields(Fields(told, "scanner")) for path, node, told in memory
        }

    def is_unjudged(self, path: Path) -> bool:
        """Whether an open device may still be a person's keyboard."""
        return path in self._unjudged

    def sources(self) -> list[Source]:
        """Whatever is open."""
        return list(self._open.values())

    def left_alone(self, scanner: Scanner, path: Path) -> None:
        """A keyboard that is not opened, since somebody has said that it is a person's."""
        self._persons[_plugged(path)] = scanner
        self._by_setting.add(_plugged(path))

    def reconsider(self, path: Path, *, is_forgotten: bool) -> None:
        """Take a keyboard for a person's no more if all learned is forgotten, or if a setting alone said so."""
        if is_forgotten or _plugged(path) in self._by_setting:
            self._persons.pop(_plugged(path), None)
            self._by_setting.discard(_plugged(path))

    def is_a_persons(self, path: Path) -> bool:
        """Whether the keyboard that is plugged in there was let go of."""
        return _plugged(path) in self._persons

    def begin_look(self) -> None:
        """All that could not be opened is tried once more now; keyboards that were unplugged are forgotten."""
        self._troubles.clear()
        self._persons = {key: told for key, told in self._persons.items() if key[1] and _plugged(key[0]) == key}
        self._by_setting &= self._persons.keys()

    def not_opened(self, census: Census) -> None:
        """What else a look has found."""
        unknown = [
            told(way.scanner, way.node.path, UNKNOWN)
            for way in census.strangers
            if way.node.path not in self._open
        ]
        mutes = [
            told(way.scanner, way.node.path, MUTE) | {"said": mute.said, "do": mute.do}
            for way, mute in census.mutes
        ]
        self._not_opened = unknown + mutes

    def trouble(self, path: Path, sentence: str) -> None:
        """A device could not be opened."""
        self._troubles[path] = sentence

    def post(self, known: Mapping[Path, Standing] | None = None) -> None:
        """Tell it, and of scanners that type what is `known` of their layouts."""
        opened = [
            told(source.scanner, path, UNJUDGED if path in self._unjudged else SCANNER)
            | _layout((known or {}).get(path))
            for path, source in self._open.items()
        ]
        persons = [told(scanner, path, PERSON) for (path, _), scanner in self._persons.items()]
        self._bulletin.post(SCANNERS, sorted(opened + persons + self._not_opened, key=lambda one: one["path"]))
        self._bulletin.post(TROUBLES, {str(path): sentence for path, sentence in self._troubles.items()})


def told(scanner: Scanner, path: Path, standing: str) -> dict[str, str]:
    """A device as the bulletin tells it."""
    return {**scanner.to_json(), "path": str(path), "standing": standing}


def _layout(standing: Standing | None) -> dict[str, str]:
    if standing is None:
        return {}
    by = {"layout_by": standing.layout_by} if standing.layout_by else {}
    return {"layout": standing.layout} | by | ({"calibrates": "yes"} if standing.calibrates else {})


def _plugged(path: Path) -> tuple[Path, int]:
    """A device as it is plugged in now: event numbers are given again, nodes are not."""
    try:
        return path, path.stat().st_ino
    except OSError:
        return path, 0
