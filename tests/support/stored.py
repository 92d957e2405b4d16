"""A device's spool for tests, written by the real writer: what capture would have stored."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from pi_auto.client.clock import system_clock
from pi_auto.client.spool.doorbell import ring
from pi_auto.client.spool.drafts import IncidentDraft, ScanDraft
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Record, Stamp
from support.records import SCANNER, stamp


class StoredScans:
    """The spool of the device whose state is in `state`; rings the agent's bell as capture does."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state / "capture"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.spool = Spool.open(self.folder, system_clock())

    def scan(self, *texts: str) -> list[Record]:
        """Store scans of these texts."""
        return self._append([ScanDraft(str(uuid4()), SCANNER, text.encode(), text, stamp()) for text in texts])

    def scan_at(self, moment: Stamp, *texts: str) -> list[Record]:
        """Store scans of these texts, stamped so."""
        return self._append([ScanDraft(str(uuid4()), SCANNER, text.encode(), text, moment) for text in texts])

    def incident(self, reason: str = "the kernel dropped events") -> list[Record]:
        """Store an incident."""
        return self._append([IncidentDraft(str(uuid4()), "scan_lost", reason, stamp(), SCANNER)])

    def close(self) -> None:
        self.spool.close()

    def _append(self, drafts: list[ScanDraft] | list[IncidentDraft]) -> list[Record]:
        records = self.spool.append(drafts)
        ring(self.state / "agent" / "wake.sock")
        return records
