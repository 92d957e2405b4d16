"""A record before it has a place in a spool: all of a scan or an incident but its position."""

from __future__ import annotations

from pi_auto.frozen import frozen
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Record, Scan, Scanner, Stamp


@frozen
class ScanDraft:
    """A code that waits to be stored. The uuid is given here, so that a second try makes no second scan."""

    uuid: str
    scanner: Scanner
    raw: bytes
    text: str
    stamp: Stamp
    repeat_of: str | None = None
    aim: str | None = None
    symbology: str | None = None
    gtin: str | None = None
    check_digit_ok: bool | None = None

    def at(self, position: Position) -> Record:
        """The scan that it becomes at a position."""
        return Scan(
            self.uuid,
            position,
            self.scanner,
            self.raw,
            self.text,
            self.stamp,
            self.aim,
            self.symbology,
            self.gtin,
            self.check_digit_ok,
            self.repeat_of,
        )


@frozen
class IncidentDraft:
    """Something a person must know of, waiting to be stored."""

    uuid: str
    type: str
    reason: str
    stamp: Stamp
    scanner: Scanner | None = None

    def at(self, position: Position) -> Record:
        """The incident that it becomes at a position."""
        return Incident(self.uuid, position, self.type, self.reason, self.stamp, self.scanner)


Draft = ScanDraft | IncidentDraft
