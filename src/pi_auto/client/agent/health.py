"""What a heartbeat says of this device. Checks and repairs will each add a part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pi_auto.client.agent.delivery.lane import backlog
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import DESTINATIONS, Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.version import __version__
from pi_auto.wire.heartbeat import Heartbeat


def heartbeat(toward: tuple[str, int], reader: SpoolReader, marks: Marks) -> Heartbeat:
    """The device as it is now; `toward` is the server, as it is dialled."""
    return Heartbeat(
        status="online",
        last_seen=datetime.now(UTC),
        client_version=__version__,
        device_info=system_info(toward),
        queue=_queue(reader, marks),
    )


def _queue(reader: SpoolReader, marks: Marks) -> dict[str, Any]:
    try:
        return {name: backlog(name, reader, marks).to_json() for name in DESTINATIONS}
    except SpoolUnavailable as error:
        return {"trouble": str(error)[:200]}
