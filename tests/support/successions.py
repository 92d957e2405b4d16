"""Captures that take over from each other, as a service: each is started out of the file that `current` is now."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from pi_auto.client.bulletin import posts_in
from pi_auto.client.capture.events import KEY_ENTER
from pi_auto.client.clock import boottime_ns
from pi_auto.wire.scan import Incident, Scan
from support.keys import MS, Fifo, typed
from support.service_manager import ServiceManager
from support.spools import held
from support.waiting import wait_until as wait_for_long

PROGRAM = """
import os, sys
from pathlib import Path
from pi_auto.client.capture import program
from pi_auto.logs import start_logging
{before}
start_logging()
sys.exit(program.run_capture(Path(sys.argv[1]), sys.argv[2]))
"""


_STALL = 100 * MS  # ns; no scanner stops for so long within a code
TIMES = int(os.environ.get("PI_AUTO_SUCCESSIONS", "0"))  # how often it is taken over; all cases if it is told


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """The first truthy value: several processes are started meanwhile, and the machine may be busy."""
    return wait_for_long(condition, timeout, what)


def some(cases: Iterable[str], *few: str) -> list[str]:
    """Those that are tried each time; script/test-long tries them all."""
    return list(cases) if TIMES else list(few)


class Succession:
    """A service, its folder below `home`, and a scanner that types."""

    def __init__(self, home: Path, scanner: str | None = None, before: str = "") -> None:
        self.home, self.state = home, home / "state"
        self.fifo = Fifo(home / "scanner")
        self.manager = ServiceManager(home)
        self.current = home / "current.py"
        self.release(before)
        self._scanner = scanner or str(self.fifo.path)
        self.start()

    def release(self, before: str = "") -> None:
        """The release from now on; `before` is done first of all in it."""
        self.current.write_text(PROGRAM.replace("{before}", before))

    def start(self) -> None:
        """As systemd does at the beginning, and after its end."""
        self.manager.start(self.current, str(self.state), self._scanner)
        wait_until(lambda: "storing" in posts_in(self.state / "capture"), what="it stores")

    def hand_over(self) -> dict[str, Any]:
        """Have it done; what the bulletin tells of it then."""
        former, tries = self.manager.main, self.told.get("tries", 0)
        self.manager.reload()

        def known() -> dict[str, Any] | None:
            told = self.told
            is_over = self.manager.main != former and told.get("ok")
            return told if is_over or told.get("tries", 0) > tries else None

        told = wait_until(known, f"it is taken over: {self.manager.log}")
        return dict(told)

    def revive(self) -> None:
        """What systemd does when the main process has ended by itself: end the others, start the service again."""
        self.manager.ended(self.manager.main)
        self.manager.kill_all()
        self.start()

    def scan(self, text: str) -> None:
        """A code; until it is stored."""
        wait_until(self.fifo.is_drained, what="all that was typed before is read")
        time.sleep(0.2)  # what is typed sooner after a start may be the rest of a code
        self.type(text)
        wait_until(lambda: text in self.stored, what=f"{text} is stored: {self.manager.log}")

    @property
    def told(self) -> dict[str, Any]:
        """What the bulletin tells of the last handing over."""
        post = posts_in(self.state / "capture").get("succession")
        return dict(post.news) if post else {}

    @property
    def stored(self) -> list[str]:
        """Texts of all scans, in their order."""
        return [record.text for record in held(self.state / "capture") if isinstance(record, Scan)]

    @property
    def lost(self) -> list[str]:
        """Why codes were lost."""
        return [one.reason for one in held(self.state / "capture") if isinstance(one, Incident)]

    def type(self, text: str, suffix: int | None = KEY_ENTER) -> None:
        """A code at once."""
        self.fifo.send(typed(text, boottime_ns(), suffix=suffix))

    def has_all_of(self, typist: Typist, *before: str) -> bool:
        """Whether each code that was typed is stored, once and in order, after those before; wait for it.

        Where the machine has kept the typist from typing for longer than scanners stop, that code is excused.
        """
        whole = {text for text in typist.typed if text not in typist.stalled}
        wait_until(lambda: whole <= set(self.stored), what="all is stored")
        if not typist.stalled:
            return (self.stored, self.lost) == ([*before, *typist.typed], [])
        return self.has_in_order(typist, *before)

    def has_in_order(self, typist: Typist, *before: str) -> bool:
        """Whether what is stored was typed, each code once and in order; pieces of a code are excused as above."""
        known = [*before, *typist.typed]
        stored = [text for text in self.stored if text in known]
        return stored == [text for text in known if text in stored] and (
            bool(typist.stalled) or stored == self.stored
        )

    def close(self) -> None:
        """End all."""
        self.manager.close()
        self.fifo.close()


class Typist(threading.Thread):
    """Types codes without end, key by key at their times: `gap` ms a character, `pause` ms between two codes."""

    def __init__(
        self, send: Callable[[Any], object], gap: float = 2.0, pause: float = 5.0, suffix: int | None = KEY_ENTER
    ) -> None:
        super().__init__(daemon=True)
        self._send, self._gap, self._pause, self._suffix = send, gap, pause, suffix
        self._is_over = threading.Event()
        self.typed: list[str] = []
        self.stalled: set[str] = set()  # codes in which this thread was kept from typing

    def run(self) -> None:
        """Until it is told to end."""
        while not self._is_over.is_set():
            text = f"Code-{len(self.typed):06d}"
            self._type(text)
            self.typed.append(text)
            time.sleep(self._pause / 1000)

    def _type(self, text: str) -> None:
        last = boottime_ns()
        for report in _reports(typed(text, last, gap=int(self._gap * MS), suffix=self._suffix)):
            _sleep_until(report[0].time)
            self._send([event._replace(time=boottime_ns()) for event in report])
            last = self._watched(text, last)

    def _watched(self, text: str, last: int) -> int:
        now = boottime_ns()
        if now - last > _STALL:
            self.stalled.add(text)
        return now

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after the code that is typed just now."""
        self._is_over.set()
        self.join()


class LineTypist(Typist):
    """The same on a serial line: byte by byte, with CR behind each code."""

    def _type(self, text: str) -> None:
        last = boottime_ns()
        for octet in f"{text}\r".encode():
            self._send(bytes([octet]))
            last = self._watched(text, last)
            time.sleep(self._gap / 1000)


def _reports(events: Sequence[Any]) -> list[list[Any]]:
    """Events, by the reports that they belong to."""
    reports: list[list[Any]] = [[]]
    for event in events:
        reports[-1].append(event)
        if (event.type, event.code) == (0, 0):
            reports.append([])
    return [report for report in reports if report]


def _sleep_until(moment: int) -> None:
    left = moment - boottime_ns()
    if left > 0:
        time.sleep(left / 1e9)
