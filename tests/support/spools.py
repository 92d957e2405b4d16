"""Spools for tests: drafts to store, a clock that stands, and what a spool holds."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from pi_auto.client.spool.drafts import IncidentDraft, ScanDraft
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Incident, Record, Scan
from support.records import SCANNER, stamp


def draft(text: str = "4006381333931") -> ScanDraft:
    """A scan that waits to be stored."""
    return ScanDraft(str(uuid4()), SCANNER, text.encode(), text, stamp())


def lost() -> IncidentDraft:
    """A loss that waits to be stored."""
    return IncidentDraft(str(uuid4()), "scan_lost", "keys were dropped", stamp(), SCANNER)


def filled(folder: Path, *texts: str) -> Spool:
    """An open spool with scans of the texts, one commit for each."""
    spool = Spool.open(folder, stamp)
    for text in texts:
        spool.append([draft(text)])
    return spool


def held(folder: Path) -> list[Record]:
    """All records of the spool in a folder, each of which must be readable."""
    with SpoolReader(folder) as reader:
        rows = reader.read(0, 1_000_000)
    records = [row for row in rows if isinstance(row, Scan | Incident)]
    assert len(records) == len(rows)
    return records


def texts(records: list[Record]) -> list[str]:
    """What the scans among the records say."""
    return [record.text for record in records if isinstance(record, Scan)]
