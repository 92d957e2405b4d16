"""Makes drafts out of what a decoder says: gives the uuid, the stamp, and the mark of a repeat.

The same item scanned twice on purpose is two scans, so a repeat is marked and never dropped.
"""

from __future__ import annotations

from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.clock import Now, boottime_ns, stamp_at
from pi_auto.client.spool.drafts import Draft, IncidentDraft, ScanDraft
from pi_auto.client.uuids import new_uuid
from pi_auto.typed import Any
from pi_auto.wire.scan import Scanner, Stamp

REPEAT_WINDOW = 500_000_000  # nanoseconds
_Symbol = tuple[bytes, str | None]  # what the scanner sent, and of which symbology: two on one label are two


class Drafter:
    """The desk of one scanner."""

    def __init__(self, scanner: Scanner, now: Now) -> None:
        self._scanner = scanner
        self._now = now
        self._recent: dict[_Symbol, tuple[str, int]] = {}  # uuid and time of what came last

    def memory(self) -> list[list[Any]]:
        """What may be repeated still: bytes, AIM identifier, uuid and time of each."""
        self._forget_before(boottime_ns() - REPEAT_WINDOW)
        return [[raw.hex(), aim, uuid, time] for (raw, aim), (uuid, time) in self._recent.items()]

    def recall(self, memory: list[list[Any]]) -> None:
        """Go on from there."""
        self._recent = {(bytes.fromhex(raw), aim): (uuid, time) for raw, aim, uuid, time in memory}

    def draft(self, outcome: Outcome) -> Draft:
        """The draft of a code, of its loss, or of the word that the scanner was calibrated."""
        stamp = stamp_at(self._now(), outcome.time)
        if isinstance(outcome, Lost):
            return IncidentDraft(new_uuid(), "scan_lost", outcome.reason, stamp, self._scanner)
        if isinstance(outcome, Calibration):
            reason = (
                f"the calibration code was read: from now on its keys are read as those of layout {outcome.layout}"
            )
            return IncidentDraft(new_uuid(), "scanner_calibrated", reason, stamp, self._scanner)
        return self._scan(outcome, stamp)

    def _scan(self, code: Code, stamp: Stamp) -> ScanDraft:
        self._forget_before(stamp.boottime_ns - REPEAT_WINDOW)
        symbol = code.raw, code.aim
        earlier = self._recent.get(symbol)
        repeat_of = earlier[0] if earlier else None
        draft = ScanDraft(new_uuid(), self._scanner, code.raw, code.text, stamp, repeat_of, code.aim)
        self._recent[symbol] = draft.uuid, stamp.boottime_ns
        return draft

    def _forget_before(self, moment: int) -> None:
        self._recent = {symbol: (uuid, time) for symbol, (uuid, time) in self._recent.items() if time >= moment}
