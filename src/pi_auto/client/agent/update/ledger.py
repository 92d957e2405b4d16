"""The steps of updates that the server has to hear of, kept until it has: each once, over restarts, never many.

The agent's own steps lie in `<state>/agent/update/ledger.json`; of the switcher's only the number is noted up
to which the server was told.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.update.told import FINAL, NOT_NOW, Step, told_in
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.times import format_time
from pi_auto.wire.update import DOWNLOADING, MOST_REASON, REFUSED

FILE = "update/ledger.json"  # in the agent's folder
_MOST = 64 * 1024  # bytes
_MOST_OWN = 16
_PROGRESS = 30.0  # seconds between two reports of how far a download is, at least


@dataclass(frozen=True, slots=True)
class _Page:
    """What is kept. `own` waits to be told; `said` are the own steps of the last update, told or not.

    `authority` is the last of the fleet's authorities that was handed over, or that was `settled` before that.
    """

    number: int = 0
    own: tuple[Step, ...] = ()
    said: tuple[Step, ...] = ()
    authority: str = ""
    settled: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "own": [step.to_json() for step in self.own],
            "said": [step.to_json() for step in self.said],
            "authority": self.authority,
            "settled": self.settled,
        }


@dataclass
class Ledger:
    """Of the device whose state folder it is; for all threads of the agent."""

    state: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _progress: tuple[Step, int] | None = None
    _progress_at: float = 0.0
    _page: _Page = field(default_factory=_Page)

    def __post_init__(self) -> None:
        self._page = _kept(self._file)

    def say(self, step: str, update_id: str, version: str, reason: str = "", *, once: bool = False) -> None:
        """Note a step of the agent's own; the same one again is no news, though it may be tried each hour.

        But for a refusal that is not told `once`: the server has offered the release again, and waits for what
        becomes of that.
        """
        new = Step(step, update_id, version, format_time(datetime.now(UTC)), reason[:MOST_REASON])
        with self._lock:
            said = tuple(one for one in self._page.said if one.update_id == update_id)
            was_said = any(replace(one, time=new.time) == new for one in said)
            if was_said and (once or step != REFUSED):
                return
            own = (*self._page.own, new)[-_MOST_OWN:]
            self._page = replace(self._page, own=own, said=(*said, new)[-_MOST_OWN:])
            self._write()

    def untold(self) -> Step | None:
        """The step that the server is to hear of next."""
        with self._lock:
            own, number = self._page.own, self._page.number
        steps = told_in(self.state)
        if steps and steps[-1].number < number:
            number = 0  # the disk has lost those before: the switcher counts anew
        return next(iter(own), None) or next((one for one in steps if one.number > number), None)

    def is_told(self, step: Step) -> None:
        """The server has it, or never will."""
        with self._lock:
            page = self._page
            if step.number:
                self._page = replace(page, number=step.number)
            else:
                own = list(page.own)
                with suppress(ValueError):
                    own.remove(step)  # one: two refusals of one moment answer two offers
                self._page = replace(page, own=tuple(own))
            self._write()

    def note_authority(self, mark: str, *, settled: bool) -> None:
        """It was handed over, or is not worth that: `mark` tells it apart, for the card that there is now."""
        with self._lock:
            self._page = replace(self._page, authority=mark, settled=settled)
            self._write()

    def is_done(self, mark: str, update_id: str) -> bool:
        """Whether an authority needs no further look: it says nothing new, or the switcher has had it for good."""
        if self._page.authority != mark:
            return False
        ended = [step for step in told_in(self.state) if step.update_id == update_id and step.step in FINAL]
        return self._page.settled or not (ended and ended[-1].reason.startswith(NOT_NOW))

    def progress(self, update_id: str, version: str, percent: int) -> None:
        """How far a download is: in memory alone, and the latest alone."""
        self._progress = (Step(DOWNLOADING, update_id, version, format_time(datetime.now(UTC))), percent)

    def progressed(self) -> bool:
        """Whether it is time to tell how far a download is."""
        return self._progress is not None and time.monotonic() >= self._progress_at

    def take_progress(self) -> tuple[Step, int] | None:
        """The latest, with its percent; the next not too soon after it."""
        progress, self._progress = self._progress, None
        self._progress_at = time.monotonic() + _PROGRESS
        return progress

    @property
    def _file(self) -> Path:
        return self.state / "agent" / FILE

    def _write(self) -> None:
        """Raises OSError; what is in memory holds until the next start."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._file, _written(self._page), mode=0o640)


def _written(page: _Page) -> str:
    """As many of the newest steps as may be read again: reasons may be long, in whatever letters."""
    while len(written := json.dumps(page.to_json())) > _MOST:
        page = replace(page, said=page.said[1:], own=page.own if page.said else page.own[1:])
    return written


def latest(state: Path) -> Step | None:
    """The last step that anybody on this device tells of: what an operator wants to know first."""
    switchers = told_in(state)[-1:]
    own = _kept(state / "agent" / FILE).said[-1:]
    return max([*switchers, *own], key=lambda step: step.time, default=None)


def _kept(file: Path) -> _Page:
    """A damaged page is a new one: the worst of it is that the server hears a step twice."""
    try:
        with file.open("rb") as opened:
            kept = json.loads(opened.read(_MOST))
        own, said = (tuple(Step.from_json(one) for one in kept[name]) for name in ("own", "said"))
        return _Page(int(kept["number"]), own, said, str(kept.get("authority", "")), bool(kept.get("settled")))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, FieldError):
        return _Page()
