"""An event hub as a process, which a test gives events and azure-eventhub reads.

with running_eventhub() as hub:
    hub.telemetry("0", "pi-1", record)
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.scan import Record
from pi_auto.wire.telemetry import telemetry_body

PYTHON = "/usr/bin/python3"  # qpid-proton has no wheel; Debian has python3-qpid-proton
NAME = "events"
_TESTS = Path(__file__).parents[2]
_PATIENCE = 20.0  # seconds


@cache
def has_proton() -> bool:
    """Whether the system's Python has qpid-proton."""
    asked = [PYTHON, "-c", "import proton.reactor"]
    return Path(PYTHON).exists() and subprocess.run(asked, check=False, capture_output=True).returncode == 0


needs_proton = pytest.mark.skipif(
    not has_proton() and os.environ.get("PI_AUTO_TEST_ALL", "0") == "0", reason="python3-qpid-proton is not here"
)


class EventHubPeer:
    """A running one."""

    def __init__(self, partitions: int = 2) -> None:
        command = [PYTHON, "-m", "support.eventhub.peer", NAME, str(partitions)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(_TESTS)}
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.port: int = self._said.get(timeout=_PATIENCE)["port"]

    @property
    def connection_string(self) -> str:
        """As the portal shows it, for plain AMQP."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=service;SharedAccessKey=a2V5;"
            f"EntityPath={NAME};UseDevelopmentEmulator=true"
        )

    def begun(self) -> dict[str, Any]:
        """The next reader that begins: its partition and selector."""
        return self._said.get(timeout=_PATIENCE)

    def telemetry(self, partition: str, device_id: str, record: Record) -> None:
        """A record as a device sends it and IoT Hub hands it over."""
        self.event(partition, device_id, "Telemetry", telemetry_body(device_id, record))

    def twin_change(self, partition: str, device_id: str, reported: dict[str, Any]) -> None:
        """A change of reported properties, by the route for twinChangeEvents."""
        body = {"version": 2, "properties": {"reported": reported | {"$version": 2}}}
        own = {
            "deviceId": device_id,
            "opType": "updateTwin",
            "hubName": "hub",
            "iothub-message-schema": "twinChange",
        }
        self.event(partition, device_id, "twinChangeEvents", json.dumps(body).encode(), own)

    def connection_state(self, partition: str, device_id: str, operation: str, number: str) -> None:
        """A device that has come or gone, by the route for deviceConnectionStateEvents."""
        own = {"deviceId": device_id, "opType": operation, "hubName": "hub"}
        body = json.dumps({"sequenceNumber": number}).encode()
        self.event(partition, device_id, "deviceConnectionStateEvents", body, own)

    def event(
        self, partition: str, device_id: str, source: str, body: bytes, own: dict[str, str] | None = None
    ) -> None:
        """Any event."""
        annotations = {"iothub-connection-device-id": device_id, "iothub-message-source": source}
        self._tell(
            partition=partition, annotations=annotations, application=own or {}, body=b64encode(body).decode()
        )

    def cut(self) -> None:
        """End every connection."""
        self._tell(cut=True)

    def refuse(self, status: int | None) -> None:
        """End every connection, and answer with this status to every token and question; None: no more."""
        self._tell(refuse=status)

    def make_anew(self, partitions: int = 2) -> None:
        """Delete it with all its events, and make another one of its name."""
        self._tell(anew=partitions)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()

    def _tell(self, **said: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._said.put(json.loads(line))


@contextmanager
def running_eventhub(partitions: int = 2) -> Iterator[EventHubPeer]:
    """One that runs inside the block."""
    peer = EventHubPeer(partitions)
    try:
        yield peer
    finally:
        peer.close()
