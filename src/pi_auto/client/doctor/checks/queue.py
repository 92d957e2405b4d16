"""Whether scans can be stored, and how many wait for which of the two ways, for how long."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from pi_auto.client.clock import read_clock
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader

_HOUR, _DAY = 3600.0, 86400.0
_SENT_LATER = "they are kept, and sent as soon as it can be reached: see the lines about network, server and hub"
_NAMES = {API: "the server", HUB: "the IoT Hub"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many records wait for a destination, and for how many seconds the oldest has."""

    destination: str
    count: int
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """`unreadable` says why the spool cannot be read, `not_storing` why capture cannot write it."""

    waiting: tuple[Waiting, ...] = ()
    aside: int = 0
    unreadable: str = ""
    not_storing: str = ""


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read the spool, the marks, and what capture tells. Raises PermissionError."""
    post = patient.capture_tells().get("storing")
    not_storing = str(post.news["said"]) if post and not post.news["ok"] else ""
    given = patient.registration()
    ways = (API, HUB) if given is None or given.connection_string else (API,)
    try:
        with SpoolReader(patient.settings.capture_folder) as reader:
            waiting, aside = _waiting(patient, reader, ways)
    except SpoolUnavailable as error:
        if isinstance(error.__cause__, PermissionError):
            raise error.__cause__ from None
        return Facts(unreadable=str(error), not_storing=not_storing)
    return Facts(waiting, aside, not_storing=not_storing)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.not_storing:
        return wrong(
            f"scans cannot be stored: {facts.not_storing}", "see the line about the disk, and do that first"
        )
    if facts.unreadable:
        return wrong(facts.unreadable, "see the line about the services: sudo journalctl -u pi-auto-capture -n 50")
    late = [each for each in facts.waiting if each.count and each.age > _HOUR]
    said = ", ".join(f"{each.count or 'none'} for {_NAMES[each.destination]}" for each in facts.waiting)
    if late:
        oldest = max(late, key=lambda each: each.age)
        told = f"waiting: {said}; the oldest for {oldest.age / _HOUR:.0f} h"
        return wrong(told, _SENT_LATER) if oldest.age > _DAY else warn(told, _SENT_LATER)
    if facts.aside:
        return warn(
            f"{facts.aside} records were refused for good and set aside",
            "look at them and tell the server's operator: sudo pi-auto-client status --json",
        )
    return ok(f"waiting: {said}")


def _waiting(patient: Patient, reader: SpoolReader, ways: tuple[str, ...]) -> tuple[tuple[Waiting, ...], int]:
    """What waits for each way, and how much was set aside; without an agent so far everything waits."""
    path = patient.settings.agent_folder / "marks.sqlite"
    try:
        path.stat()
    except FileNotFoundError:
        return tuple(_waits(reader, way, 0) for way in ways), 0
    with closing(Marks.reading(path)) as marks:
        spool = reader.uuid()
        return tuple(_waits(reader, way, marks.through(way, spool)) for way in ways), marks.aside_count()


def _waits(reader: SpoolReader, way: str, through: int) -> Waiting:
    age = reader.oldest_age(through, read_clock())
    return Waiting(way, max(0, reader.newest() - through), age or 0.0)
