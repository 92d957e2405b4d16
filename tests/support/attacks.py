"""A device that goes about its business while others misbehave, and a WebSocket that may misbehave.

with undisturbed(hub) as bystander:
    ...an attack...
    bystander.goes_on()
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.wire import topics
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY
from support.hub import RunningHub
from support.mqtt import PATIENCE, PahoDevice

_NAME = "pi-good"
_WEBSOCKET = "/$iothub/websocket"


class Bystander:
    """A device whose every message is acknowledged and whose twin is its own."""

    def __init__(self, device: PahoDevice) -> None:
        self._device = device
        self.said = 0

    def goes_on(self) -> None:
        """One more message and one more look at its twin: as ever."""
        self._device.send_and_wait(b"%d" % self.said)
        self.said += 1
        assert self._device.twin()["desired"]["whose"] == _NAME
        assert not self._device.gone
        assert self._device.answers.empty()


@contextmanager
def undisturbed(hub: RunningHub) -> Iterator[Bystander]:
    """A bystander, of whom the events tell at the end that it said everything once and nothing else."""
    known, began = hub.put_device(_NAME), newest_event(hub)
    assert hub.ask(op="patch_desired", device_id=_NAME, patch={"whose": _NAME})["ok"]
    device = PahoDevice(hub.mqtt_address, known)
    if (hub.data / "tls" / "ca.pem").exists() and hub.options[:2] == ("--tls", "self"):
        device.client.tls_set(str(hub.data / "tls" / "ca.pem"))
    with device:
        for topic in (topics.TWIN_RESPONSES, topics.DESIRED_PATCHES, topics.devicebound(_NAME)):
            assert device.subscribe(topic) == 1
        bystander = Bystander(device)
        bystander.goes_on()
        yield bystander
        bystander.goes_on()
    with hub.events(after=began) as events:
        heard = events.until(lambda event: (event.device_id, event.type) == (_NAME, DISCONNECTED))
    own = [event for event in heard if event.device_id == _NAME and event.type in (TELEMETRY, CONNECTED)]
    assert [b64decode(event.body or "") for event in own] == [b"", *(b"%d" % n for n in range(bystander.said))]


def newest_event(hub: RunningHub) -> int:
    """Its sequence number, which the hub tells whoever is ahead of it."""
    with hub.events(after=1 << 60) as events:
        return int(json.loads(events.line())["error"].rpartition(" ")[2])


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def encrypted(hub: RunningHub, address: tuple[str, int]) -> ssl.SSLSocket:
    """A TLS connection to the hub, to be closed."""
    context = ssl.create_default_context(cafile=str(hub.data / "tls" / "ca.pem"))
    return context.wrap_socket(socket.create_connection(address, PATIENCE), server_hostname=address[0])


def upgraded(hub: RunningHub) -> ssl.SSLSocket:
    """A WebSocket to the hub, ready for frames; to be closed."""
    sock = encrypted(hub, hub.https_address)
    sock.sendall(
        f"GET {_WEBSOCKET} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return sock


def frame(payload: bytes, *, first: int = 0x82, masked: bool = True) -> bytes:
    """A frame of a WebSocket; `first` is its first byte, binary and final unless told otherwise."""
    length, mask = len(payload), os.urandom(4) if masked else b""
    flag = 0x80 if masked else 0
    if length < 126:
        head = bytes((first, flag | length))
    elif length < 1 << 16:
        head = bytes((first, flag | 126)) + struct.pack(">H", length)
    else:
        head = bytes((first, flag | 127)) + struct.pack(">Q", length)
    if masked:
        payload = bytes(octet ^ mask[place % 4] for place, octet in enumerate(payload))
    return head + mask + payload
