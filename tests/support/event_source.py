"""A hub's Unix socket as wire/hublink.py describes it, whose events a test writes and whose line it can cut."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from pi_auto.wire.hublink import TELEMETRY, TWIN_CHANGE, Event
from pi_auto.wire.scan import Record
from pi_auto.wire.telemetry import telemetry_body

ENQUEUED = "2026-11-23T12:04:00.000Z"


class EventSource:
    """Serves `lines` by sequence number to whoever asks; `asked` are the cursors it was asked from."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[int, bytes] = {}
        self.asked: list[int] = []
        self.acknowledged: list[int] = []
        self.refuse_beyond: int | None = None
        self._changed = threading.Condition()
        self._streams: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._closed = False
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.hang_up()
        for thread in self._threads[1:]:
            thread.join()

    def telemetry(self, number: int, device_id: str, record: Record, /, **changes: Any) -> None:
        """Add the event of a record."""
        body = b64encode(telemetry_body(device_id, record)).decode()
        self.add(Event(number, TELEMETRY, device_id, ENQUEUED, body=body), **changes)

    def reported(self, number: int, device_id: str, patch: dict[str, Any], at: str = ENQUEUED) -> None:
        """Add the event of a reported patch."""
        self.add(
            Event(number, TWIN_CHANGE, device_id, at, body={"properties": {"reported": patch}, "version": number})
        )

    def add(self, event: Event, /, **changes: Any) -> None:
        """Add an event, with whatever a test wants wrong about it."""
        self.add_line(event.sequence_number, json.dumps(event.to_json() | changes).encode() + b"\n")

    def add_line(self, number: int, line: bytes) -> None:
        """Add a line as it is."""
        with self._changed:
            self.lines[number] = line
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Cut every conversation."""
        with self._changed:
            for stream in self._streams:
                with suppress(OSError):
                    stream.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                conversation, _ = self._listener.accept()
                self._streams.append(conversation)
                self._threads.append(threading.Thread(target=self._serve, args=(conversation,)))
                self._threads[-1].start()

    def _serve(self, conversation: socket.socket) -> None:
        with conversation, conversation.makefile("rb") as requests, suppress(OSError):
            for line in requests:
                request = json.loads(line)
                if request["op"] == "acknowledge":
                    self.acknowledged.append(request["through"])
                    conversation.sendall(b'{"ok":true}\n')
                elif request["op"] == "events":
                    self._stream(conversation, request["after"])

    def _stream(self, conversation: socket.socket, after: int) -> None:
        self.asked.append(after)
        if self.refuse_beyond is not None and after > self.refuse_beyond:
            conversation.sendall(b'{"ok":false,"error":"after is ahead"}\n')
            return
        while not self._closed:
            with self._changed:
                fresh = [(number, line) for number, line in sorted(self.lines.items()) if number > after]
                if not fresh:
                    self._changed.wait(0.1)
            if fresh:
                conversation.sendall(b"".join(line for _, line in fresh))
                after = fresh[-1][0]
