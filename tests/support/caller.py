"""A device reduced to its API calls: it registers with a running server and hands over records."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from pi_auto.wire.batch import Batch
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Scan, Stamp
from support.conversation import register
from support.records import BOOT, SCANNER
from support.server import RunningServer


class Caller:
    """Enrols at once. Records get this moment's time and the next number of the caller's spool."""

    def __init__(self, server: RunningServer, device_id: str, hostname: str = "goods-in") -> None:
        self.server, self.device_id = server, device_id
        self.spool, self.number = str(uuid4()), 0
        self.token = str(register(server, device_id, hostname)["api_token"])

    def scan(self, *texts: str) -> None:
        """Have scans booked; they are in the books when this returns."""
        first = self.number + 1
        scans = tuple(self._scan(text) for text in texts)
        self._send(Batch(self.device_id, self.spool, first, self.number, 1, scans=scans))

    def report(self, reason: str) -> None:
        """Report a lost scan."""
        lost = Incident(str(uuid4()), self._next(), "scan_lost", reason, self._stamp(), SCANNER)
        self._send(Batch(self.device_id, self.spool, self.number, self.number, 1, incidents=(lost,)))

    def _scan(self, text: str) -> Scan:
        position = self._next()
        return Scan(str(uuid4()), position, SCANNER, text.encode(), text, self._stamp())

    def _next(self) -> Position:
        self.number += 1
        return Position(self.spool, self.number)

    def _stamp(self) -> Stamp:
        return Stamp(BOOT, self.number * 1_000_000, datetime.now(UTC), synced=True)

    def _send(self, batch: Batch) -> None:
        answer = self.server.request("/api/scans", batch.to_json(), token=self.token)
        assert answer.status == 200, answer.body
        assert not answer.json["refused"], answer.json
