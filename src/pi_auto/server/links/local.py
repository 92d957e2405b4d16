"""The fleet's hub as a child process of this server: device registry over its socket, events into the books."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from pi_auto.files import write_whole
from pi_auto.server.links.base import HubAccess, HubFailed, HubUnavailable
from pi_auto.server.links.follower import Follower
from pi_auto.server.links.socket import HubSocket
from pi_auto.server.links.supervisor import Supervisor
from pi_auto.server.settings import Address, Settings
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.registration import HubDial

_ASK_TIMEOUT = 5.0  # seconds


class LocalLink:
    """The hub that the server runs itself."""

    def __init__(self, supervisor: Supervisor, follower: Follower) -> None:
        self._supervisor, self._follower = supervisor, follower

    @classmethod
    def start(cls, settings: Settings, store: Store, writer: Writer) -> Self:
        """Start the hub and follow its events; returns at once, whether or not it is up yet. Raises HubFailed."""
        if settings.hub_mqtt is None:
            raise ValueError("the settings switch the hub off")
        folder = settings.data / "hub"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            source = _source(folder)
        except OSError as error:
            raise HubFailed(f"the hub's folder {folder} cannot be used: {error.strerror}") from error
        supervisor = Supervisor(settings.data, settings.hub_mqtt, insecure=settings.insecure_plain_mqtt)
        return cls(supervisor, Follower(supervisor.socket, source, store, writer))

    def put_device(self, device_id: str) -> HubAccess:
        """Make sure the device exists at the hub. Raises HubUnavailable."""
        bound = self._supervisor.bound()
        if bound is None:
            raise HubUnavailable("it is starting")
        with HubSocket(self._supervisor.socket, _ASK_TIMEOUT) as hub:
            answer = Fields(hub.ask({"op": "put_device", "device_id": device_id}))
        try:
            host, key = answer.text("host", most=253), answer.text("primary_key", most=256)
        except FieldError as error:
            raise HubUnavailable(f"its answer cannot be used: {error}") from error
        return HubAccess(ConnectionString(host, device_id, key), HubDial(bound.host, bound.port, tls=False))

    def wait_bound(self, timeout: float) -> Address:
        """Where the hub listens, once it does; HubFailed after so many seconds."""
        return self._supervisor.wait_bound(timeout)

    def close(self) -> None:
        """Stop reading events and the hub; what is not booked yet waits in the hub's log."""
        self._follower.stop()
        self._supervisor.close()
        self._follower.close()


def patch_desired(socket: Path, device_id: str, patch: dict[str, Any]) -> None:
    """Merge a patch into what a device is to be; null removes. Raises HubUnavailable or HubRefused."""
    with HubSocket(socket, _ASK_TIMEOUT) as hub:
        hub.ask({"op": "patch_desired", "device_id": device_id, "patch": patch})


def _source(folder: Path) -> str:
    """The name of this hub's event log in the table of cursors.

    A hub whose folder was removed numbers its events from 1 again; with a name of its own it
    is read from its first event.
    """
    path = folder / "incarnation"
    with suppress(FileNotFoundError, UnicodeError):
        if name := path.read_text().strip():
            return f"local:{name}"[:64]
    name = str(uuid.uuid4())
    write_whole(path, f"{name}\n", mode=0o600)
    return f"local:{name}"
