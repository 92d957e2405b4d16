"""`pi-auto-client scanners --test`: shows live what each scanner sends, byte for byte.

Follows the spool, which it only reads, so what is shown is what was stored and will be
delivered: there is no second way for keys, and no scan that does not count.
"""

from __future__ import annotations

import select
import sys
import time

from pi_auto.client.bulletin import posts_in
from pi_auto.client.clock import boot_id, boottime_ns
from pi_auto.client.settings import Settings
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import SpoolReader, Unreadable
from pi_auto.client.status.devices import Devices, described, not_running, refuse, standing
from pi_auto.client.stopping import stop_signals
from pi_auto.wire.escape import printable
from pi_auto.wire.scan import Incident, Record, Scan

_LOOK = 0.1  # seconds
_AT_ONCE = 100  # records
_NOT_OPEN = frozenset(("person", "mute", "unknown"))
_INTRODUCTION = (
    "Scan something: what each scanner sends is shown here. "
    "It is stored and delivered like any other scan. Ctrl-C ends this."
)


def try_scanners(settings: Settings, seconds: float | None) -> int:
    """Show what is scanned for so long, or until SIGINT or SIGTERM; the exit code."""
    try:
        if not posts_in(settings.capture_folder):
            print(f"pi-auto-client scanners: {not_running(settings)}", file=sys.stderr)
            return 1
    except PermissionError:
        return refuse(settings)
    ends_at = None if seconds is None else time.monotonic() + seconds
    with stop_signals() as stop, SpoolReader(settings.capture_folder) as reader:
        shown = _Follower(reader)
        _say(_INTRODUCTION)
        plugged = _Plugged(settings)
        while True:
            plugged.look()
            shown.look()
            left = _LOOK if ends_at is None else min(_LOOK, ends_at - time.monotonic())
            if left <= 0 or select.select([stop], [], [], left)[0]:
                break
        _say(f"{_count(shown.scans, 'scan')}, {shown.lost} lost")
    return 0


class _Follower:
    """Says what comes into the spool from now on."""

    def __init__(self, reader: SpoolReader) -> None:
        self.scans = self.lost = 0
        self._reader = reader
        self._boot, self._begun = boot_id(), boottime_ns()
        self._spool, self._after, self._trouble = "", 0, ""
        try:
            self._spool, self._after = reader.uuid(), reader.newest()
        except SpoolUnavailable as error:
            self._tell(str(error))
        self._first = self._spool

    def look(self) -> None:
        """Say what has come since the last look."""
        try:
            spool = self._reader.uuid()
            if spool != self._spool:
                self._spool, self._after = spool, 0
            for item in self._reader.read(self._after, _AT_ONCE):
                self._after = item.position.number
                self._show(item)
        except SpoolUnavailable as error:
            self._tell(str(error))
        else:
            self._trouble = ""

    def _show(self, item: Record | Unreadable) -> None:
        if isinstance(item, Unreadable):
            _say(f"number {item.position.number} cannot be read: {item.reason}")
        elif self._is_new(item):
            self.scans += isinstance(item, Scan)
            self.lost += isinstance(item, Incident) and item.type == "scan_lost"
            _say(line_of(item))

    def _is_new(self, record: Record) -> bool:
        """A spool that was begun anew holds what could be saved of the one before."""
        stamp = record.stamp
        return self._spool == self._first or (stamp.boot_id == self._boot and stamp.boottime_ns >= self._begun)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            _say(trouble)


class _Plugged:
    """Says which devices are there, come and go."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, dict[str, str]] | None = None
        self._runs = True

    def look(self) -> None:
        """Say what has changed since the last look."""
        devices = Devices.told_in(posts_in(self._settings.capture_folder))
        if devices.runs != self._runs:
            self._runs = devices.runs
            _say("capture runs again" if devices.runs else not_running(self._settings))
        if devices.scanners is not None:
            self._compare({one["path"]: one for one in devices.scanners})

    def _compare(self, now: dict[str, dict[str, str]]) -> None:
        known, self._known = self._known, now
        if now == known:
            return
        for path, device in now.items():
            if device != (known or {}).get(path):
                come = known is not None and path not in known
                _say(f"{'plugged in: ' if come else ''}{printable(described(device))}: {standing(device)}")
        for path, device in (known or {}).items():
            if path not in now:
                _say(f"unplugged: {printable(described(device))}")
        if all(one["standing"] in _NOT_OPEN for one in now.values()):
            _say("no scanner is open; waiting for one to be plugged in")


def line_of(record: Record) -> str:
    """A record in a line, with all that is from outside escaped."""
    at = record.stamp.wall_time.astimezone().strftime("%H:%M:%S")
    who = printable(record.scanner.name or record.scanner.id) if record.scanner else "-"
    if isinstance(record, Incident):
        what = "LOST" if record.type == "scan_lost" else record.type
        return f"{at} {who}: {what}: {printable(record.reason)}"
    return f"{at} {who}: '{printable(record.text)}' ({', '.join(_facts(record))})"


def _facts(scan: Scan) -> list[str]:
    facts = [_count(len(scan.text), "character")]
    if printable(scan.text).encode() not in (scan.raw, scan.raw.removeprefix((scan.aim or "").encode())):
        facts.append(f"bytes {scan.raw.hex(' ')}")
    named = {"AIM": scan.aim, "symbology": scan.symbology, "GTIN": scan.gtin}
    facts += [f"{name} {printable(value)}" for name, value in named.items() if value]
    if scan.check_digit_ok is False:
        facts.append("its check digit is wrong")
    if scan.repeat_of:
        facts.append("a repeat within half a second")
    return facts


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _say(line: str) -> None:
    print(line, flush=True)
